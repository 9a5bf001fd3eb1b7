package bucket

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"cloud.google.com/go/storage"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// chunkUnit divides the size of each chunk of a resumable upload.
const chunkUnit = 256 << 10

// put sends a small object in one request and a large one in chunks. The service refuses
// content whose CRC32C differs from the file's.
func (s *gcsStore) put(ctx context.Context, w write) error {
	h, err := s.guarded(w)
	if err != nil {
		return err
	}
	content, sum, err := s.prepare(ctx, w)
	if err != nil {
		return fmt.Errorf("writing object %q: %w", s.name(w.key), err)
	}
	defer content.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := h.NewWriter(ctx)
	out.ContentType, out.CacheControl = w.contentType, w.cacheControl
	out.Metadata = map[string]string{sumKey: w.digest.Hex()}
	out.CRC32C, out.SendCRC32C = sum, true
	out.ChunkSize = int(min(s.chunk, (w.size/chunkUnit+1)*chunkUnit))
	if _, err := io.Copy(out, &counter{content, w.sent}); err != nil {
		cancel() // otherwise Close would create the object from what was sent so far
		out.Close()
		return s.failed("writing", w.key, err)
	}
	if err := out.Close(); err != nil {
		return s.failed("writing", w.key, err)
	}
	return nil
}

// guarded returns the object with the precondition of a write.
func (s *gcsStore) guarded(w write) (*storage.ObjectHandle, error) {
	if w.guard == "" {
		return s.object(w.key).If(storage.Conditions{DoesNotExist: true}), nil
	}
	gen, err := strconv.ParseInt(w.guard, 10, 64)
	if err != nil || gen <= 0 {
		return nil, fmt.Errorf("generation %q of %q: want a number above 0", w.guard, s.name(w.key))
	}
	return s.object(w.key).If(storage.Conditions{GenerationMatch: gen}), nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// prepare returns the content and its CRC32C. It reads a large file twice.
func (s *gcsStore) prepare(ctx context.Context, w write) (io.ReadCloser, uint32, error) {
	r, err := w.open(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	if w.size < s.chunk {
		var b bytes.Buffer
		b.Grow(int(w.size) + bytes.MinRead)
		_, err := b.ReadFrom(fileio.Reader(ctx, r))
		return io.NopCloser(&b), crc32.Checksum(b.Bytes(), castagnoli), err
	}
	sum := crc32.New(castagnoli)
	if _, err := io.Copy(sum, fileio.Reader(ctx, r)); err != nil {
		return nil, 0, err
	}
	again, err := w.open(ctx)
	return again, sum.Sum32(), err
}

// counter reports how many bytes were read.
type counter struct {
	io.Reader
	sent func(int64)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if n > 0 && c.sent != nil {
		c.sent(int64(n))
	}
	return n, err
}

// copy copies an object inside this service, if its metadata says that it has the content.
func (s *gcsStore) copy(ctx context.Context, location string, w write) (bool, error) {
	name, generation, ok := cutLast(strings.TrimPrefix(location, "gs://"), "#")
	bucket, key, found := strings.Cut(name, "/")
	gen, err := strconv.ParseInt(generation, 10, 64)
	if !ok || !found || err != nil || !strings.HasPrefix(location, "gs://") {
		return false, nil
	}
	from := s.client.Bucket(bucket).Object(key).Generation(gen).Retryer(gcsRetry()...)
	a, err := from.Attrs(ctx)
	if err != nil {
		return false, ctx.Err()
	}
	if d, _ := digest.Parse("sha256:" + a.Metadata[sumKey]); d != w.digest || a.Size != w.size || a.ContentEncoding != "" {
		return false, nil
	}
	h, err := s.guarded(w)
	if err != nil {
		return false, err
	}
	c := h.CopierFrom(from)
	c.ContentType, c.CacheControl, c.Metadata = w.contentType, w.cacheControl, map[string]string{sumKey: w.digest.Hex()}
	got, err := c.Run(ctx)
	if err != nil {
		return true, s.failed("copying", w.key, err)
	}
	if got.CRC32C != a.CRC32C || got.Size != w.size || got.Metadata[sumKey] != w.digest.Hex() {
		sum := func(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
		err := fmt.Errorf("copying object %q: got %d bytes with CRC32C %x, want %d with %x", s.name(w.key), got.Size, sum(got.CRC32C), w.size, sum(a.CRC32C))
		return true, errors.Join(err, ctx.Err())
	}
	return true, nil
}

// cutLast is strings.Cut at the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
