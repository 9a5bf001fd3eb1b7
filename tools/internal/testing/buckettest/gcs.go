package buckettest

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

// gcs is the layer in front of fake-gcs-server.
type gcs struct {
	*Server
	fake    *fakestorage.Server
	uploads map[string]*upload // by ID
}

// An upload is an upload in chunks.
type upload struct {
	want string // CRC32C
	crc  uint32
	size int64
	done *httptest.ResponseRecorder
}

// GCS starts a Google Cloud Storage with the buckets Bucket and Other.
func GCS(tb testing.TB) *Server {
	tb.Helper()
	g := &gcs{Server: &Server{}, uploads: map[string]*upload{}}
	g.start(tb, g.handle)
	host := strings.TrimPrefix(g.URL, "http://")
	fake, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true, ExternalURL: g.URL, PublicHost: host})
	if err != nil {
		tb.Fatal(err)
	}
	g.fake = fake
	for _, b := range []string{Bucket, Other} {
		fake.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: b})
	}
	g.Set = func(key string, o Object) {
		a := fakestorage.ObjectAttrs{BucketName: Bucket, Name: key, ContentType: o.ContentType, CacheControl: o.CacheControl, ContentEncoding: o.ContentEncoding}
		if o.SHA256 != "" {
			a.Metadata = map[string]string{"sha256": o.SHA256}
		}
		fake.CreateObject(fakestorage.Object{ObjectAttrs: a, Content: []byte(o.Content)})
	}
	g.Get = func(key string) (Object, bool) {
		o, err := fake.GetObject(Bucket, key)
		return Object{string(o.Content), o.ContentType, o.CacheControl, o.ContentEncoding, o.Metadata["sha256"]}, err == nil
	}
	g.Delete = func(key string) {
		if err := fake.Backend().DeleteObject(Bucket, key); err != nil {
			tb.Error(err)
		}
	}
	g.Keys = func() []string {
		list, err := fake.ListObjectsWithOptionsPaginated(Bucket, fakestorage.ListOptions{})
		if err != nil {
			tb.Error(err)
		}
		var keys []string
		for _, o := range list.Objects {
			keys = append(keys, o.Name)
		}
		slices.Sort(keys)
		return keys
	}
	return g.Server
}

var rewrite = regexp.MustCompile(`^/storage/v1/b/[^/]+/o/[^/]+/rewriteTo/b/([^/]+)/o/([^/]+)$`)

func (g *gcs) handle(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	copied := rewrite.FindStringSubmatch(r.URL.EscapedPath())
	switch {
	case strings.HasSuffix(r.URL.Path, "/iam/testPermissions"):
		w.Header().Set("Content-Type", "application/json")
		may := slices.DeleteFunc(q["permissions"], func(p string) bool { return slices.Contains(g.Denied, p) })
		json.NewEncoder(w).Encode(map[string]any{"kind": "storage#testIamPermissionsResponse", "permissions": may})
		return
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
	case q.Get("upload_id") != "" || strings.HasPrefix(r.URL.Path, "/upload/resumable/"):
		g.chunk(w, r)
		return
	case r.Method == http.MethodPost && copied != nil:
		if q.Get("sourceGeneration") == "" {
			g.tb.Errorf("%s %s: want a source generation", r.Method, r.URL)
		}
		bucket, _ := url.PathUnescape(copied[1])
		key, _ := url.PathUnescape(copied[2])
		if !g.met(w, r, bucket, key) {
			return
		}
	case r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/upload/storage/v1/b/"):
		if !g.met(w, r, strings.Split(r.URL.Path, "/")[5], q.Get("name")) {
			return
		}
		if q.Get("uploadType") == "resumable" {
			g.begin(w, r)
			return
		}
		if !bytes.Contains(body(r), []byte(`"crc32c":`)) {
			g.tb.Errorf("%s %s: want a CRC32C", r.Method, r.URL)
		}
	default:
		g.tb.Errorf("%s %s: want no such request", r.Method, r.URL)
	}
	g.fake.HTTPHandler().ServeHTTP(w, r)
}

// met checks ifGenerationMatch against the object.
func (g *gcs) met(w http.ResponseWriter, r *http.Request, bucket, key string) bool {
	want, err := strconv.ParseInt(r.URL.Query().Get("ifGenerationMatch"), 10, 64)
	if err != nil {
		g.tb.Errorf("%s %s: want a precondition", r.Method, r.URL)
	}
	generation := int64(0)
	if o, err := g.fake.GetObject(bucket, key); err == nil {
		generation = o.Generation
	}
	if generation == want {
		return true
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusPreconditionFailed)
	fmt.Fprint(w, `{"error": {"code": 412, "message": "At least one of the pre-conditions you specified did not hold."}}`)
	return false
}

func (g *gcs) begin(w http.ResponseWriter, r *http.Request) {
	var meta struct{ Crc32c string }
	if err := json.Unmarshal(body(r), &meta); err != nil || meta.Crc32c == "" {
		g.tb.Errorf("%s %s: want a CRC32C", r.Method, r.URL)
	}
	rec := httptest.NewRecorder()
	g.fake.HTTPHandler().ServeHTTP(rec, r)
	if at, err := url.Parse(rec.Header().Get("Location")); err == nil && rec.Code == http.StatusOK {
		g.uploads[uploadID(at)] = &upload{want: meta.Crc32c}
	}
	send(w, rec)
}

func uploadID(u *url.URL) string {
	if id := u.Query().Get("upload_id"); id != "" {
		return id
	}
	return strings.TrimPrefix(u.Path, "/upload/resumable/")
}

// chunk adds the new part of a chunk. It refuses the last chunk if the checksum of the whole
// is not the declared one.
func (g *gcs) chunk(w http.ResponseWriter, r *http.Request) {
	u := g.uploads[uploadID(r.URL)]
	if u == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if u.done != nil {
		send(w, u.done)
		return
	}
	var first, last int64
	total := "*"
	data := body(r)
	if _, err := fmt.Sscanf(r.Header.Get("Content-Range"), "bytes %d-%d/%s", &first, &last, &total); err != nil {
		if _, err := fmt.Sscanf(r.Header.Get("Content-Range"), "bytes */%s", &total); err != nil {
			g.tb.Errorf("%s %s: range %q: %v", r.Method, r.URL, r.Header.Get("Content-Range"), err)
		}
		first = u.size
	}
	if first > u.size || int64(len(data)) < u.size-first {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	data = data[u.size-first:]
	u.size += int64(len(data))
	u.crc = crc32.Update(u.crc, crc32.MakeTable(crc32.Castagnoli), data)
	got := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, u.crc))
	if total != "*" && got != u.want {
		delete(g.uploads, uploadID(r.URL))
		http.Error(w, `{"error": {"code": 400, "message": "Provided CRC32C doesn't match"}}`, http.StatusBadRequest)
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	rec := httptest.NewRecorder()
	g.fake.HTTPHandler().ServeHTTP(rec, r)
	if total != "*" {
		u.done = rec
	}
	send(w, rec)
}

func send(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes()) // the client may have gone
}
