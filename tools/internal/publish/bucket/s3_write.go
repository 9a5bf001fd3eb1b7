package bucket

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// Limits of S3 in bytes, and of parts.
const (
	singleLimit = 64 << 20 // bytes in one request
	copyLimit   = 5 << 30  // bytes for CopyObject
	maxParts    = 10_000   // parts of an upload
)

// put sends a small object in one request and a large one in parts. The service refuses
// content with another SHA-256.
func (s *s3Store) put(ctx context.Context, w write) error {
	if w.size > s.single {
		return s.putParts(ctx, w)
	}
	if w.guard != "" && s.foreign {
		if o, err := s.stat(ctx, w.key); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		} else if o.version != w.guard {
			return fmt.Errorf("writing object %q: %w", s.name(w.key), errTaken)
		}
	}
	body := &rewinder{size: w.size, sent: w.sent, open: func() (io.ReadCloser, error) { return w.open(ctx) }}
	defer body.Close()
	in := &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &w.key, Body: body, ContentLength: &w.size, ContentType: &w.contentType, CacheControl: &w.cacheControl,
		Metadata: map[string]string{sumKey: w.digest.Hex()}, ChecksumSHA256: base64Sum(w.digest),
	}
	in.IfMatch, in.IfNoneMatch = conditions(w.guard)
	var out *s3.PutObjectOutput
	// A conflict means that somebody else is writing: try again to see who was first.
	err := retries(func(err error) bool { return statusOf(err) == http.StatusConflict }).Do(ctx, func(int) error {
		_, err := body.Seek(0, io.SeekStart)
		if err == nil {
			out, err = s.client.PutObject(ctx, in, signed(w.digest.Hex()))
		}
		return err
	})
	if statusOf(err) == http.StatusNotFound && w.guard != "" {
		return fmt.Errorf("writing object %q: %w", s.name(w.key), errTaken)
	}
	if err != nil {
		return s.failed("writing", w.key, errors.Join(err, body.err))
	}
	return s.readBack(ctx, w, out.ETag)
}

// readBack checks that nobody else wrote at the same moment to a service without conditions.
func (s *s3Store) readBack(ctx context.Context, w write, etag *string) error {
	if !s.foreign {
		return nil
	}
	o, err := s.stat(ctx, w.key)
	if err == nil && (o.version != aws.ToString(etag) || o.size != w.size) {
		err = fmt.Errorf("writing object %q: %w", s.name(w.key), errTaken)
	}
	return err
}

// conditions returns the values of If-Match and If-None-Match.
func conditions(guard string) (match, none *string) {
	if guard == "" {
		return nil, aws.String("*")
	}
	return &guard, nil
}

func base64Sum(d digest.Digest) *string {
	sum, _ := hex.DecodeString(d.Hex()) // a Digest is valid
	return aws.String(base64.StdEncoding.EncodeToString(sum))
}

// signed makes a request's signature cover the SHA-256 of its content, which is already
// known.
func signed(sum string) func(*s3.Options) {
	return s3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("KnownContent",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				return next.HandleInitialize(v4.SetPayloadHash(ctx, sum), in)
			}), middleware.Before)
	})
}

// rewinder is content that each attempt reads from the start.
type rewinder struct {
	open func() (io.ReadCloser, error)
	sent func(int64)
	size int64
	at   int64 // the offset of the last Seek
	r    io.ReadCloser
	read int64 // bytes read from r
	err  error // of reading; the client does not pass it on
}

func (b *rewinder) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.size
	}
	b.at = offset
	return offset, nil
}

func (b *rewinder) Read(p []byte) (int, error) {
	if b.r == nil || b.at != b.read {
		if b.err = b.start(); b.err != nil {
			return 0, b.err
		}
	}
	n, err := b.r.Read(p)
	b.at += int64(n)
	b.read = b.at
	if b.sent != nil && n > 0 {
		b.sent(int64(n))
	}
	if err != nil && err != io.EOF {
		b.err = err
		return 0, err // withhold the last bytes of wrong content
	}
	return n, err
}

func (b *rewinder) start() error {
	if b.at != 0 {
		return fmt.Errorf("reading from byte %d: want from the start or the current position", b.at)
	}
	b.Close()
	if b.sent != nil && b.read > 0 {
		b.sent(-b.read)
	}
	b.read = 0
	r, err := b.open()
	b.r = r
	return err
}

func (b *rewinder) Close() error {
	if b.r == nil {
		return nil
	}
	err := b.r.Close()
	b.r = nil
	return err
}

// putParts writes an object in parts. It leaves nothing behind if it fails.
func (s *s3Store) putParts(ctx context.Context, w write) error {
	if _, err := s.stat(ctx, w.key); err == nil && w.guard == "" {
		return fmt.Errorf("writing object %q: %w", s.name(w.key), errTaken)
	}
	up, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: &w.key, ContentType: &w.contentType, CacheControl: &w.cacheControl,
		Metadata: map[string]string{sumKey: w.digest.Hex()}, ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	if err != nil {
		return s.failed("writing", w.key, err)
	}
	parts, err := s.sendParts(ctx, w, up.UploadId)
	if err == nil {
		in := &s3.CompleteMultipartUploadInput{
			Bucket: &s.bucket, Key: &w.key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		}
		in.IfMatch, in.IfNoneMatch = conditions(w.guard)
		var out *s3.CompleteMultipartUploadOutput
		if out, err = s.client.CompleteMultipartUpload(ctx, in); err == nil {
			return s.readBack(ctx, w, out.ETag)
		}
		if statusOf(err) == http.StatusNotFound || statusOf(err) == http.StatusConflict {
			// An earlier attempt completed the upload, or somebody else wrote.
			err = errors.Join(errTaken, err)
		}
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = s.client.AbortMultipartUpload(late, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: &w.key, UploadId: up.UploadId})
	return s.failed("writing", w.key, err)
}

// sendParts reads the content once and sends several parts at a time. Each part is in memory
// until the service has it.
func (s *s3Store) sendParts(ctx context.Context, w write, upload *string) ([]types.CompletedPart, error) {
	r, err := w.open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	size := max(s.chunk, w.size/maxParts+1)
	parts := make([]types.CompletedPart, (w.size+size-1)/size)
	done := make(chan struct{}, len(parts))
	started := 0
	for i := range parts {
		select {
		case <-ctx.Done():
		case data := <-s.buffers:
			if int64(cap(data)) < size {
				data = make([]byte, size)
			}
			data = data[:min(size, w.size-int64(i)*size)]
			if _, err := io.ReadFull(r, data); err != nil {
				cancel(err)
				s.buffers <- data
				break
			}
			started++
			go func() {
				defer func() { s.buffers <- data; done <- struct{}{} }()
				var err error
				if parts[i], err = s.sendPart(ctx, part{w: w, upload: upload, number: int32(i + 1), data: data}); err != nil {
					cancel(err)
				}
			}()
		}
		if ctx.Err() != nil {
			break
		}
	}
	if ctx.Err() == nil {
		// The digest is checked at the end of the content.
		if _, err := io.Copy(io.Discard, r); err != nil {
			cancel(err)
		}
	}
	for range started {
		<-done
	}
	return parts, context.Cause(ctx)
}

type part struct {
	w      write
	upload *string
	number int32
	data   []byte
}

func (s *s3Store) sendPart(ctx context.Context, p part) (types.CompletedPart, error) {
	sum := digest.FromBytes(p.data)
	out, err := s.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &s.bucket, Key: &p.w.key, UploadId: p.upload, PartNumber: &p.number,
		Body: bytes.NewReader(p.data), ChecksumSHA256: base64Sum(sum),
	}, signed(sum.Hex()))
	if err != nil {
		return types.CompletedPart{}, err
	}
	if out.ChecksumSHA256 != nil && *out.ChecksumSHA256 != *base64Sum(sum) {
		return types.CompletedPart{}, fmt.Errorf("sha256 of part %d: got %s, want %s", p.number, *out.ChecksumSHA256, *base64Sum(sum))
	}
	if p.w.sent != nil {
		p.w.sent(int64(len(p.data)))
	}
	return types.CompletedPart{ETag: out.ETag, PartNumber: &p.number, ChecksumSHA256: base64Sum(sum)}, nil
}

// copy copies an object inside the service, if its metadata says that it has the content.
func (s *s3Store) copy(ctx context.Context, location string, w write) (bool, error) {
	name, found := strings.CutPrefix(location, "s3://")
	if !found || w.size > copyLimit {
		return false, nil
	}
	name, etag, _ := cutLast(name, "#")
	bucket, key, _ := strings.Cut(name, "/")
	from := *s
	from.bucket = bucket
	o, err := from.stat(ctx, key)
	if err != nil {
		return false, ctx.Err()
	}
	if o.sha256 != w.digest || o.size != w.size || etag != "" && etag != strings.Trim(o.version, `"`) {
		return false, nil
	}
	in := &s3.CopyObjectInput{
		Bucket: &s.bucket, Key: &w.key, CopySource: aws.String(escape(bucket + "/" + key)), CopySourceIfMatch: &o.version,
		MetadataDirective: types.MetadataDirectiveReplace, Metadata: map[string]string{sumKey: w.digest.Hex()},
		ContentType: &w.contentType, CacheControl: &w.cacheControl, ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	}
	in.IfMatch, in.IfNoneMatch = conditions(w.guard)
	if s.foreign && w.guard == "" {
		if _, err := s.stat(ctx, w.key); err == nil {
			return true, fmt.Errorf("copying object %q: %w", s.name(w.key), errTaken)
		}
	}
	out, err := s.client.CopyObject(ctx, in)
	if err != nil {
		if code := statusOf(err); code == http.StatusNotImplemented || code == http.StatusBadRequest {
			return false, nil
		}
		return true, s.failed("copying", w.key, err)
	}
	return true, s.checkCopy(ctx, out.CopyObjectResult, o, w)
}

// checkCopy compares the service's checksum of the copy. If it has none, it reads the copy.
func (s *s3Store) checkCopy(ctx context.Context, r *types.CopyObjectResult, from object, w write) error {
	switch want := *base64Sum(w.digest); {
	case r != nil && r.ChecksumSHA256 != nil && !strings.Contains(*r.ChecksumSHA256, "-"):
		if *r.ChecksumSHA256 == want {
			return nil
		}
		return fmt.Errorf("sha256 of the copy %q: got %s, want %s", s.name(w.key), *r.ChecksumSHA256, want)
	case r != nil && etagMD5(aws.ToString(r.ETag)) != nil && strings.Trim(*r.ETag, `"`) == strings.Trim(from.version, `"`):
		return nil
	}
	got, _, err := hash(ctx, s, w.key, "")
	if err == nil && got != w.digest {
		err = fmt.Errorf("sha256 of the copy %q: got %s, want %s", s.name(w.key), got, w.digest)
	}
	return err
}
