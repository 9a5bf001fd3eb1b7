package bucket

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"cloud.google.com/go/storage"
	"github.com/googleapis/gax-go/v2"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

const (
	gcsHost = "storage.googleapis.com"
	// sumKey is the metadata key of an object's SHA-256 in hexadecimal.
	sumKey = "sha256"
)

// gcsStore is a bucket of Google Cloud Storage, through its JSON API
// (https://cloud.google.com/storage/docs/json_api/v1).
type gcsStore struct {
	bucket *storage.BucketHandle
	client *storage.Client
	root   string // URL of the bucket
	named  string
	chunk  int64 // size of the chunks of larger objects in bytes
}

func newGCS(ctx context.Context, a storeArgs) (*gcsStore, error) {
	root := "https://" + gcsHost
	opts := []option.ClientOption{option.WithoutAuthentication(), storage.WithJSONReads()}
	switch emulator := os.Getenv("STORAGE_EMULATOR_HOST"); {
	case a.endpoint != "":
		root = a.endpoint
		opts = append(opts, option.WithEndpoint(root+"/storage/v1/"))
	case emulator != "":
		if root = emulator; !strings.Contains(root, "://") {
			root = "http://" + root
		}
	}
	u, err := url.Parse(root)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("reading endpoint %q: want a URL of http or https", root)
	}
	transport := a.transport
	if u.Scheme == "https" && (a.endpoint != "" || os.Getenv("STORAGE_EMULATOR_HOST") == "") {
		if transport, err = authenticate(ctx, transport, u.Host); err != nil {
			return nil, err
		}
	}
	opts = append(opts, option.WithHTTPClient(&http.Client{Transport: asStored{transport}, CheckRedirect: web.NoRedirect}))
	client, err := storage.NewClient(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", root, err)
	}
	return &gcsStore{bucket: client.Bucket(a.bucket), client: client, root: root + "/" + a.bucket + "/", named: "gs://" + a.bucket + "/", chunk: chunkSize}, nil
}

// authenticate adds the token of the application default credentials to requests to the host.
func authenticate(ctx context.Context, base http.RoundTripper, host string) (http.RoundTripper, error) {
	ctx = context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, &http.Client{Transport: base, CheckRedirect: web.NoRedirect})
	creds, err := google.FindDefaultCredentials(ctx, storage.ScopeReadWrite)
	if err != nil {
		return nil, hint.With(fmt.Errorf("finding Google credentials: %w", err),
			"log in with gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS to a key file")
	}
	return &bearer{base: base, host: host, tokens: creds.TokenSource}, nil
}

// asStored requests content as it is stored: neither the service nor Go decompresses content
// with a content encoding.
type asStored struct{ base http.RoundTripper }

func (t asStored) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet && req.URL.Query().Get("alt") == "media" {
		req = req.Clone(req.Context())
		req.Header.Set("Accept-Encoding", "gzip")
	}
	return t.base.RoundTrip(req)
}

// bearer sends tokens to one host only. Waiting for a token ends with the request's context;
// oauth2's own transport ignores that.
type bearer struct {
	base   http.RoundTripper
	host   string
	tokens oauth2.TokenSource
}

func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != b.host || req.URL.Scheme != "https" {
		return b.base.RoundTrip(req)
	}
	type answer struct {
		token *oauth2.Token
		err   error
	}
	got := make(chan answer, 1)
	go func() {
		t, err := b.tokens.Token()
		got <- answer{t, err}
	}()
	var a answer
	select {
	case <-req.Context().Done():
		a.err = req.Context().Err()
	case a = <-got:
	}
	if a.err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, fmt.Errorf("getting a Google access token: %w", a.err)
	}
	req = req.Clone(req.Context())
	a.token.SetAuthHeader(req)
	return b.base.RoundTrip(req)
}

// object returns a handle whose requests are retried a few times. The library would retry for
// ever.
func (s *gcsStore) object(key string) *storage.ObjectHandle {
	return s.bucket.Object(key).Retryer(gcsRetry()...)
}

// gcsRetry leaves retries to the library, which knows what it may send again and resumes
// uploads. The number of attempts and the pauses are ours.
func gcsRetry() []storage.RetryOption {
	failed := 0
	return []storage.RetryOption{
		storage.WithPolicy(storage.RetryIdempotent),
		storage.WithMaxAttempts(attempts),
		storage.WithBackoff(gax.Backoff{Initial: 2 * pause, Max: 5e9, Multiplier: 2}),
		storage.WithErrorFunc(func(err error) bool { // called by one goroutine at a time
			if err == nil || !storage.ShouldRetry(err) && !errors.Is(err, io.EOF) {
				return false
			}
			failed++
			return failed%attempts != 0
		}),
	}
}

func (s *gcsStore) name(key string) string { return s.named + key }
func (s *gcsStore) url(key string) string  { return s.root + escape(key) }

func (s *gcsStore) location(o object) string { return s.name(o.key) + "#" + o.version }

// gcsAttributes are the attributes that object needs, to keep listings small.
var gcsAttributes = []string{"Name", "Size", "Generation", "CRC32C", "MD5", "Metadata", "ContentType", "CacheControl"}

func (s *gcsStore) list(ctx context.Context, prefix string) ([]object, error) {
	q := &storage.Query{Prefix: prefix, Projection: storage.ProjectionNoACL}
	if err := q.SetAttrSelection(gcsAttributes); err != nil {
		return nil, err
	}
	var all []object
	it := s.bucket.Retryer(gcsRetry()...).Objects(ctx, q)
	it.PageInfo().MaxSize = 1000
	for {
		a, err := it.Next()
		if errors.Is(err, iterator.Done) {
			slices.SortFunc(all, byKey)
			return all, nil
		}
		if err != nil {
			return nil, s.failed("listing", prefix, err)
		}
		if a.Size > 0 || !strings.HasSuffix(a.Name, "/") {
			all = append(all, gcsObject(a))
		}
	}
}

func byKey(a, b object) int { return strings.Compare(a.key, b.key) }

func gcsObject(a *storage.ObjectAttrs) object {
	o := object{
		key: a.Name, size: a.Size, version: strconv.FormatInt(a.Generation, 10),
		md5: a.MD5, crc32c: binary.BigEndian.AppendUint32(nil, a.CRC32C), headers: headers{a.ContentType, a.CacheControl},
	}
	o.sha256, _ = digest.Parse("sha256:" + a.Metadata[sumKey])
	return o
}

func (s *gcsStore) stat(ctx context.Context, key string) (object, error) {
	a, err := s.object(key).Attrs(ctx)
	if err != nil {
		return object{}, s.failed("reading", key, err)
	}
	return gcsObject(a), nil
}

func (s *gcsStore) open(ctx context.Context, key, version string, offset int64) (io.ReadCloser, object, error) {
	h := s.object(key)
	if version != "" {
		gen, err := strconv.ParseInt(version, 10, 64)
		if err != nil {
			return nil, object{}, fmt.Errorf("generation %q of %q: want a number", version, s.name(key))
		}
		h = h.Generation(gen)
	}
	r, err := h.NewRangeReader(ctx, offset, -1)
	if err != nil {
		return nil, object{}, s.failed("reading", key, err)
	}
	a := r.Attrs
	return r, object{key: key, size: a.Size, version: strconv.FormatInt(a.Generation, 10), headers: headers{a.ContentType, a.CacheControl}}, nil
}

// failed translates the service's error for [store].
func (s *gcsStore) failed(doing, key string, err error) error {
	var answer *googleapi.Error
	code := 0
	if errors.As(err, &answer) {
		code = answer.Code
	}
	wrapped := fmt.Errorf("%s object %q: %w", doing, s.name(key), err)
	switch {
	case errors.Is(err, storage.ErrObjectNotExist):
		return fmt.Errorf("%s object %q: %w", doing, s.name(key), fs.ErrNotExist)
	case errors.Is(err, storage.ErrBucketNotExist) || code == http.StatusNotFound:
		return hint.With(wrapped, "check that the bucket of %s exists", path.Dir(s.name(key)))
	case code == http.StatusPreconditionFailed:
		return fmt.Errorf("%s object %q: %w", doing, s.name(key), errTaken)
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return hint.With(wrapped, "give these credentials permission to list, read and create objects: roles/storage.objectUser")
	}
	return wrapped
}

// permissions are those that a publication needs. To replace an object, as a pointer is
// replaced, is to delete the one that is there.
var permissions = []string{"storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"}

// missing implements [permitted]. The service answers it for all who can reach the bucket.
func (s *gcsStore) missing(ctx context.Context) ([]string, error) {
	have, err := s.bucket.IAM().TestPermissions(ctx, permissions)
	if err != nil {
		return nil, fmt.Errorf("asking for the permissions of %s: %w", s.named, err)
	}
	return slices.DeleteFunc(slices.Clone(permissions), func(p string) bool { return slices.Contains(have, p) }), nil
}
