package buckettest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// s3 is the layer in front of gofakes3.
type s3 struct {
	*Server
	backend *s3mem.Backend
	fake    http.Handler
	control sync.Map // Cache-Control by path, which the fake forgets
}

// S3 starts an Amazon S3 with the buckets Bucket and Other, whose names are in the path of
// its URLs. It sets credentials in the environment.
func S3(tb testing.TB) *Server {
	tb.Helper()
	s := &s3{Server: &Server{}, backend: s3mem.New()}
	s.fake = gofakes3.New(s.backend, gofakes3.WithTimeSource(s)).Server()
	for _, b := range []string{Bucket, Other} {
		if err := s.backend.CreateBucket(b); err != nil {
			tb.Fatal(err)
		}
	}
	tb.Setenv("AWS_ACCESS_KEY_ID", "key")
	tb.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	tb.Setenv("AWS_CA_BUNDLE", "")
	tb.Setenv("AWS_CONFIG_FILE", "/dev/null")
	tb.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	s.start(tb, s.handle)
	s.Set = func(key string, o Object) {
		s.control.Store("/"+Bucket+"/"+key, o.CacheControl)
		meta := map[string]string{}
		for name, value := range map[string]string{"Content-Type": o.ContentType, "Content-Encoding": o.ContentEncoding, "X-Amz-Meta-Sha256": o.SHA256} {
			if value != "" {
				meta[name] = value
			}
		}
		if _, err := s.backend.DeleteObject(Bucket, key); err != nil { // else the fake keeps its metadata
			tb.Error(err)
		}
		if _, err := s.backend.PutObject(Bucket, key, meta, strings.NewReader(o.Content), int64(len(o.Content)), nil); err != nil {
			tb.Error(err)
		}
	}
	s.Get = func(key string) (Object, bool) {
		o, err := s.backend.GetObject(Bucket, key, nil)
		if err != nil {
			return Object{}, false
		}
		defer o.Contents.Close()
		data, err := io.ReadAll(o.Contents)
		if err != nil {
			tb.Error(err)
		}
		m := o.Metadata
		control, _ := s.control.Load("/" + Bucket + "/" + key)
		text, _ := control.(string)
		return Object{string(data), m["Content-Type"], text, m["Content-Encoding"], m["X-Amz-Meta-Sha256"]}, true
	}
	s.Delete = func(key string) {
		if _, err := s.backend.DeleteObject(Bucket, key); err != nil {
			tb.Error(err)
		}
	}
	s.Keys = func() []string {
		list, err := s.backend.ListBucket(Bucket, &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
		if err != nil {
			tb.Error(err)
			return nil
		}
		var keys []string
		for _, o := range list.Contents {
			keys = append(keys, o.Key)
		}
		slices.Sort(keys)
		return keys
	}
	return s.Server
}

// Now and Since implement [gofakes3.TimeSource].
func (s *s3) Now() time.Time {
	if s.Clock != nil {
		return s.Clock().UTC()
	}
	return time.Now().UTC()
}

func (s *s3) Since(t time.Time) time.Duration { return s.Now().Sub(t) }

func (s *s3) handle(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	copied := r.Header.Get("X-Amz-Copy-Source")
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		if c, ok := s.control.Load(r.URL.Path); ok {
			w.Header().Set("Cache-Control", c.(string))
		}
		if want, have := r.Header.Get("If-Match"), s.etag(r.URL.Path); want != "" && want != have && !s.isLax() {
			refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
	case r.Method == http.MethodPut && q.Has("partNumber"):
		if !s.intact(w, r) {
			return
		}
	case r.Method == http.MethodPut && copied == "":
		if !s.met(w, r) || !s.intact(w, r) {
			return
		}
	case r.Method == http.MethodPut:
		source, _ := url.PathUnescape(copied)
		if want := r.Header.Get("X-Amz-Copy-Source-If-Match"); want == "" {
			s.tb.Errorf("%s %s: want a precondition on the source", r.Method, r.URL)
		} else if want != s.etag("/"+source) {
			refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
		if !s.met(w, r) {
			return
		}
	case r.Method == http.MethodPost && q.Has("uploads"): // changes nothing yet
		if r.Header.Get("X-Amz-Checksum-Algorithm") != "SHA256" {
			s.tb.Errorf("%s %s: want the checksum SHA256", r.Method, r.URL)
		}
	case r.Method == http.MethodPost && q.Has("uploadId"):
		if !s.met(w, r) {
			return
		}
	case r.Method == http.MethodDelete && q.Has("uploadId"):
	default:
		s.tb.Errorf("%s %s: want no such request", r.Method, r.URL)
	}
	if c := r.Header.Get("Cache-Control"); c != "" {
		s.control.Store(r.URL.Path, c)
	}
	r.Header.Del("If-Match") // which the fake handles differently
	r.Header.Del("If-None-Match")
	s.fake.ServeHTTP(w, r)
}

// etag returns the ETag of the object at /BUCKET/KEY; empty if there is none.
func (s *s3) etag(path string) string {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	o, err := s.backend.HeadObject(bucket, key)
	if err != nil {
		return ""
	}
	return `"` + hex.EncodeToString(o.Hash) + `"`
}

// met checks If-Match and If-None-Match against the object.
func (s *s3) met(w http.ResponseWriter, r *http.Request) bool {
	match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	if match == "" && none != "*" {
		s.tb.Errorf("%s %s: want a precondition", r.Method, r.URL)
	}
	have := s.etag(r.URL.Path)
	switch {
	case s.isLax():
		return true
	case match != "" && have == "":
		refuse(w, http.StatusNotFound, "NoSuchKey")
	case match != "" && have != match, none == "*" && have != "":
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
	default:
		return true
	}
	return false
}

// intact compares the checksums of a request with its content.
func (s *s3) intact(w http.ResponseWriter, r *http.Request) bool {
	data := body(r)
	sum := sha256.Sum256(data)
	got, want := r.Header.Get("X-Amz-Checksum-Sha256"), base64.StdEncoding.EncodeToString(sum[:])
	if got == "" || r.Header.Get("X-Amz-Content-Sha256") == "" {
		s.tb.Errorf("%s %s: want a SHA-256", r.Method, r.URL)
	}
	if got == want && r.Header.Get("X-Amz-Content-Sha256") == hex.EncodeToString(sum[:]) && int64(len(data)) == r.ContentLength {
		return true
	}
	refuse(w, http.StatusBadRequest, "BadDigest")
	return false
}

func refuse(w http.ResponseWriter, status int, code string) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the client may have gone
}
