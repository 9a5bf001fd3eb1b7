package bucket

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// s3Store is a bucket of Amazon S3 or of a compatible service
// (https://docs.aws.amazon.com/AmazonS3/latest/API/).
type s3Store struct {
	client *s3.Client
	bucket string
	root   string // URL of the bucket
	// foreign services may not know conditions, and then ignore them.
	foreign bool
	// single is the largest object for one request, chunk the size of parts, in bytes.
	single, chunk int64
	// buffers hold parts while they are sent; nil until first used.
	buffers chan []byte
}

func newS3(ctx context.Context, a storeArgs) (*s3Store, error) {
	c, err := amazonConfig(ctx, &http.Client{Transport: a.transport, CheckRedirect: web.NoRedirect})
	if err != nil {
		return nil, fmt.Errorf("reading Amazon's configuration: %w", err)
	}
	s := &s3Store{bucket: a.bucket, foreign: a.endpoint != "", single: singleLimit, chunk: chunkSize, buffers: make(chan []byte, a.jobs)}
	for range a.jobs {
		s.buffers <- nil
	}
	if c.Region == "" && s.foreign {
		c.Region = "us-east-1" // the usual default of such services
	}
	if c.Region == "" {
		return nil, hint.With(fmt.Errorf("finding the region of bucket %q: got none", a.bucket), "set AWS_REGION")
	}
	s.root = "https://" + a.bucket + ".s3." + c.Region + ".amazonaws.com/"
	if s.foreign {
		u, err := url.Parse(a.endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("reading endpoint %q: want a URL of http or https", a.endpoint)
		}
		s.root = a.endpoint + "/" + a.bucket + "/"
	}
	s.client = s3.NewFromConfig(c, func(o *s3.Options) {
		if s.foreign {
			o.BaseEndpoint, o.UsePathStyle = &a.endpoint, true
		}
		o.DisableLogOutputChecksumValidationSkipped = true
	})
	return s, nil
}

// amazonConfig reads the environment and Amazon's files. If these set a CA bundle, the
// library accepts only its own client. Then it fetches credentials from services with that;
// all other requests use our client.
func amazonConfig(ctx context.Context, client *http.Client) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		// The library retries itself, and signs each attempt again.
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff = attempts, 5*time.Second
				o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(skewed))
			})
		}),
		config.WithLogger(logging.Nop{}),
		// Other services refuse checksums that they did not ask for.
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
	}
	c, err := config.LoadDefaultConfig(ctx, append(options, config.WithHTTPClient(client))...)
	if err != nil {
		c, err = config.LoadDefaultConfig(ctx, options...)
	}
	c.HTTPClient = client
	return c, err
}

// skewed reports whether a request was refused because this machine's clock, or the service's,
// jumped since the answer before. The library signs the next attempt with the time of this
// answer. By itself it looks for an error code, and the answer to HEAD has none.
func skewed(err error) aws.Ternary {
	var refused *smithyhttp.ResponseError
	if !errors.As(err, &refused) || refused.HTTPStatusCode() != http.StatusForbidden || refused.Response.Request == nil {
		return aws.UnknownTernary
	}
	signed, noTime := time.Parse("20060102T150405Z", refused.Response.Request.Header.Get("X-Amz-Date"))
	date, noDate := http.ParseTime(refused.Response.Header.Get("Date"))
	if noTime != nil || noDate != nil || date.Sub(signed).Abs() < maxSkew {
		return aws.UnknownTernary
	}
	return aws.TrueTernary
}

// maxSkew is less than what the services of Amazon accept, 5 or 15 minutes.
const maxSkew = 4 * time.Minute

func (s *s3Store) name(key string) string { return "s3://" + s.bucket + "/" + key }
func (s *s3Store) url(key string) string  { return s.root + escape(key) }

func (s *s3Store) location(o object) string {
	return s.name(o.key) + "#" + strings.Trim(o.version, `"`)
}

func (s *s3Store) list(ctx context.Context, prefix string) ([]object, error) {
	var all []object
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.failed("listing", prefix, err)
		}
		for _, c := range page.Contents {
			if aws.ToInt64(c.Size) > 0 || !strings.HasSuffix(aws.ToString(c.Key), "/") {
				o := object{key: aws.ToString(c.Key), size: aws.ToInt64(c.Size), version: aws.ToString(c.ETag), partial: true}
				o.md5, o.weak = etagMD5(o.version), true
				all = append(all, o)
			}
		}
	}
	slices.SortFunc(all, byKey)
	return all, nil
}

// etagMD5 returns the MD5 in the ETag of an object that was uploaded in one part. It is not
// an MD5 if the object is encrypted with a key of the customer or of the key service.
func etagMD5(etag string) []byte {
	sum, err := hex.DecodeString(strings.Trim(etag, `"`))
	if err != nil || len(sum) != 16 {
		return nil
	}
	return sum
}

func (s *s3Store) stat(ctx context.Context, key string) (object, error) {
	h, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return object{}, s.failed("reading", key, err)
	}
	o := object{
		key: key, size: aws.ToInt64(h.ContentLength), version: aws.ToString(h.ETag), headers: headers{aws.ToString(h.ContentType), aws.ToString(h.CacheControl)},
	}
	o.sha256, _ = digest.Parse("sha256:" + h.Metadata[sumKey])
	if sum, err := base64.StdEncoding.DecodeString(aws.ToString(h.ChecksumSHA256)); err == nil && len(sum) == 32 {
		o.sha256, o.checked = digest.FromSum(sum), true
	}
	if h.SSECustomerAlgorithm == nil && (h.ServerSideEncryption == "" || h.ServerSideEncryption == types.ServerSideEncryptionAes256) {
		o.md5, o.weak = etagMD5(o.version), s.foreign
	}
	return o, nil
}

func (s *s3Store) open(ctx context.Context, key, version string, offset int64) (io.ReadCloser, object, error) {
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: &key}
	if version != "" {
		in.IfMatch = &version
	}
	if offset > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", offset))
	}
	out, err := s.client.GetObject(ctx, in)
	if err != nil {
		return nil, object{}, s.failed("reading", key, err)
	}
	o := object{
		key: key, size: aws.ToInt64(out.ContentLength) + offset, version: aws.ToString(out.ETag),
		headers: headers{aws.ToString(out.ContentType), aws.ToString(out.CacheControl)},
	}
	if version != "" && o.version != version { // the service has no conditions
		out.Body.Close()
		return nil, o, fmt.Errorf("reading object %q: %w", s.name(key), errTaken)
	}
	if offset > 0 && !strings.HasPrefix(aws.ToString(out.ContentRange), fmt.Sprintf("bytes %d-", offset)) {
		out.Body.Close()
		return nil, o, fmt.Errorf("reading object %q: got range %q, want one from %d", s.name(key), aws.ToString(out.ContentRange), offset)
	}
	return out.Body, o, nil
}

// statusOf returns the HTTP status of the service's answer; 0 if there was none.
func statusOf(err error) int {
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil {
		return answer.HTTPStatusCode()
	}
	return 0
}

// failed translates the service's error for [store].
func (s *s3Store) failed(doing, key string, err error) error {
	var missing *types.NoSuchBucket
	wrapped := fmt.Errorf("%s object %q: %w", doing, s.name(key), err)
	switch code := statusOf(err); {
	case errors.Is(err, errTaken):
		return wrapped
	case errors.As(err, &missing):
		return hint.With(wrapped, "create the bucket, or correct the URL")
	case code == http.StatusNotFound:
		return fmt.Errorf("%s object %q: %w", doing, s.name(key), fs.ErrNotExist)
	case code == http.StatusPreconditionFailed:
		return fmt.Errorf("%s object %q: %w", doing, s.name(key), errTaken)
	case code == http.StatusMovedPermanently || code == http.StatusTemporaryRedirect:
		return hint.With(wrapped, "set AWS_REGION to the bucket's region")
	case code == http.StatusForbidden || code == http.StatusUnauthorized:
		return hint.With(wrapped, "give these credentials permission to list the bucket, and to read and create objects")
	}
	return wrapped
}
