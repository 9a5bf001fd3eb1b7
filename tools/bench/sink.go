package main

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A bucketSink is a Google Cloud Storage that keeps of each object what it says of
// it, and of small ones the content: enough for a publisher, in little memory.
// It speaks what it is asked of the JSON API (https://cloud.google.com/storage/docs/json_api).
type bucketSink struct {
	mu       sync.Mutex
	objects  map[string]*sinkObject
	sessions map[string]*sinkUpload
	last     int64
	// reads and writes count requests.
	reads, writes int
}

type sinkObject struct {
	Name         string            `json:"name"`
	Bucket       string            `json:"bucket"`
	Generation   string            `json:"generation"`
	Size         string            `json:"size"`
	CRC32C       string            `json:"crc32c"`
	MD5          string            `json:"md5Hash"`
	ContentType  string            `json:"contentType"`
	CacheControl string            `json:"cacheControl"`
	Metadata     map[string]string `json:"metadata,omitempty"`

	content []byte // if it is small
}

// sinkUpload is an object that comes in parts.
type sinkUpload struct {
	object *sinkObject
	crc    hash.Hash32
	md5    hash.Hash
	size   int64
}

// maxKept is the size in bytes of the largest content that is kept.
const maxKept = 4 << 10

func newBucketSink() *bucketSink {
	return &bucketSink{objects: map[string]*sinkObject{}, sessions: map[string]*sinkUpload{}}
}

func newUpload(o *sinkObject) *sinkUpload {
	return &sinkUpload{object: o, crc: crc32.New(crc32.MakeTable(crc32.Castagnoli)), md5: md5.New()}
}

func (u *sinkUpload) Write(p []byte) (int, error) {
	u.crc.Write(p)
	u.md5.Write(p)
	u.size += int64(len(p))
	if u.size <= maxKept {
		u.object.content = append(u.object.content, p...)
	}
	return len(p), nil
}

func (s *bucketSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		s.reads++
	} else {
		s.writes++
	}
	s.mu.Unlock()
	if err := s.serve(w, r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (s *bucketSink) serve(w http.ResponseWriter, r *http.Request) error {
	path, query := r.URL.EscapedPath(), r.URL.Query()
	name := path[strings.LastIndex(path, "/o")+2:]
	switch {
	case strings.HasPrefix(path, "/upload/") && query.Get("upload_id") != "":
		return s.part(w, r, query.Get("upload_id"))
	case strings.HasPrefix(path, "/upload/"):
		return s.upload(w, r)
	case name == "":
		return s.list(w, query.Get("prefix"))
	}
	name, err := url.PathUnescape(strings.TrimPrefix(name, "/"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	o := s.objects[name]
	s.mu.Unlock()
	switch {
	case o == nil:
		w.WriteHeader(http.StatusNotFound)
		return nil
	case query.Get("alt") == "media":
		w.Header().Set("X-Goog-Generation", o.Generation)
		_, err := w.Write(o.content)
		return err
	}
	return json.NewEncoder(w).Encode(o)
}

func (s *bucketSink) list(w http.ResponseWriter, prefix string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := []*sinkObject{}
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		if strings.HasPrefix(name, prefix) {
			items = append(items, s.objects[name])
		}
	}
	return json.NewEncoder(w).Encode(map[string]any{"kind": "storage#objects", "items": items})
}

// upload takes a small object whole, or begins with a large one.
func (s *bucketSink) upload(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Query().Get("uploadType") == "resumable" {
		o := new(sinkObject)
		if err := json.NewDecoder(r.Body).Decode(o); err != nil {
			return err
		}
		s.mu.Lock()
		s.last++
		id := strconv.FormatInt(s.last, 10)
		s.sessions[id] = newUpload(o)
		s.mu.Unlock()
		w.Header().Set("Location", "http://"+r.Host+r.URL.Path+"?upload_id="+id)
		return nil
	}
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	parts := multipart.NewReader(r.Body, params["boundary"])
	head, err := parts.NextPart()
	if err != nil {
		return err
	}
	u := newUpload(new(sinkObject))
	if err := json.NewDecoder(head).Decode(u.object); err != nil {
		return err
	}
	body, err := parts.NextPart()
	if err != nil {
		return err
	}
	if _, err := io.Copy(u, body); err != nil {
		return err
	}
	return s.finish(w, u)
}

// part takes the next part of an object: "bytes 0-99/*", "bytes 100-149/150", "bytes */150".
func (s *bucketSink) part(w http.ResponseWriter, r *http.Request, id string) error {
	s.mu.Lock()
	u := s.sessions[id]
	s.mu.Unlock()
	if u == nil {
		return errors.New("no such upload")
	}
	if _, err := io.Copy(u, r.Body); err != nil {
		return err
	}
	_, total, _ := strings.Cut(r.Header.Get("Content-Range"), "/")
	if total == "*" {
		w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", u.size-1))
		// What a client that sends X-Guploader-No-308 gets: some proxies take a 308 for a redirect.
		w.Header().Set("X-Http-Status-Code-Override", "308")
		return nil
	}
	return s.finish(w, u)
}

func (s *bucketSink) finish(w http.ResponseWriter, u *sinkUpload) error {
	o := u.object
	o.CRC32C = base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, u.crc.Sum32()))
	o.MD5 = base64.StdEncoding.EncodeToString(u.md5.Sum(nil))
	o.Size = strconv.FormatInt(u.size, 10)
	if u.size > maxKept {
		o.content = nil
	}
	s.mu.Lock()
	s.last++
	o.Generation = strconv.FormatInt(1000+s.last, 10)
	s.objects[o.Name] = o
	s.mu.Unlock()
	return json.NewEncoder(w).Encode(o)
}
