package cas_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	repb "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/genproto/googleapis/bytestream"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/publish/cas"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/remotetest"
)

const secret = "s3cr3t-of-the-cache"

// errGone is what a cache says of a blob that it removed.
var errGone = status.Error(codes.NotFound, "gone")

// world is a release in a cache.
type world struct {
	t      *testing.T
	engine *remotetest.Engine
	dir    string // the release
	events string // the file
	env    map[string]string
}

// newWorld makes a release in a cache, and the events that Bazel writes for it.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, engine: remotetest.New(t, 0), dir: releasetest.Make(t, releasetest.Args{
		Files: map[string]string{"demo-1.2.0.tar.gz": strings.Repeat("archive", 1_000_000), "empty.txt": ""}, Images: []string{"app"}, Charts: []string{"web"},
	})}
	w.events = filepath.Join(t.TempDir(), "events.json")
	w.env = map[string]string{"RELEASE_REMOTE_CACHE": "grpc://" + w.engine.Proxy.Addr, "RELEASE_REMOTE_HEADERS": "authorization: Bearer " + secret + "\n"}
	w.write(w.upload(""))
	w.engine.Proxy.Fail(authorized(remotetest.Fault{}))
	return w
}

// authorized is a fault that also refuses calls without the secret header.
func authorized(f remotetest.Fault) remotetest.Fault {
	begin := f.Begin
	f.Begin = func(ctx context.Context, c remotetest.Call) error {
		if md, _ := metadata.FromIncomingContext(ctx); !slices.Equal(md.Get("authorization"), []string{"Bearer " + secret}) {
			return status.Error(codes.Unauthenticated, "the token is not known")
		}
		if begin != nil {
			return begin(ctx, c)
		}
		return nil
	}
	return f
}

// upload puts the release into the cache, except the file at a path. It returns Bazel's events.
func (w *world) upload(except string) []map[string]any {
	w.t.Helper()
	conn := w.engine.Cache.Dial()
	sizes, err := release.Dir(w.dir).Sizes(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var files []map[string]any
	for _, p := range slices.Sorted(maps.Keys(sizes)) {
		data, err := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(p)))
		if err != nil {
			w.t.Fatal(err)
		}
		d := digest.FromBytes(data)
		file := map[string]any{
			"name": "release/all/" + p, "pathPrefix": []string{"bazel-out", "k8-fastbuild", "bin"}, "digest": d.Hex(),
			"uri": fmt.Sprintf("bytestream://%s/blobs/%s/%d", w.engine.Proxy.Addr, d.Hex(), len(data)),
		}
		if len(data) > 0 {
			file["length"] = fmt.Sprint(len(data))
		}
		files = append(files, file)
		if p == except {
			continue
		}
		stream, err := bytestream.NewByteStreamClient(conn).Write(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		name := fmt.Sprintf("uploads/6ba7b810-9dad-11d1-80b4-00c04fd430c8/blobs/%s/%d", d.Hex(), len(data))
		for n := 0; ; {
			end := min(len(data), n+1<<20)
			err := stream.Send(&bytestream.WriteRequest{ResourceName: name, WriteOffset: int64(n), Data: data[n:end], FinishWrite: end == len(data)})
			if n = end; n == len(data) || err != nil {
				break
			}
		}
		if _, err := stream.CloseAndRecv(); err != nil {
			w.t.Fatal(err)
		}
	}
	half := len(files) / 2
	return []map[string]any{
		{"id": map[string]any{"namedSet": map[string]any{"id": "0"}}, "namedSetOfFiles": map[string]any{"files": files[:half]}},
		{"id": map[string]any{"namedSet": map[string]any{"id": "1"}}, "namedSetOfFiles": map[string]any{"files": files[half:], "fileSets": []map[string]any{{"id": "0"}}}},
		{"id": map[string]any{"buildFinished": map[string]any{}}, "finished": map[string]any{"overallSuccess": true, "exitCode": map[string]any{"name": "SUCCESS"}}},
		{"id": map[string]any{"buildMetrics": map[string]any{}}, "lastMessage": true},
	}
}

// write writes the file of events.
func (w *world) write(events []map[string]any) {
	w.t.Helper()
	var text bytes.Buffer
	for _, e := range events {
		if err := json.NewEncoder(&text).Encode(e); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := os.WriteFile(w.events, text.Bytes(), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// open opens the release in the cache, and checks it.
func (w *world) open() (*release.Tree, error) {
	s, err := cas.Open(w.t.Context(), cas.Args{Events: w.events, Env: func(name string) string { return w.env[name] }})
	if err != nil {
		return nil, err
	}
	tree, err := release.Open(w.t.Context(), s)
	if err != nil {
		return nil, err
	}
	return tree, tree.Check(w.t.Context())
}

// readBytes forgets what was read from the cache, and returns how many bytes that were.
func (w *world) readBytes() int64 { return w.engine.Proxy.Reset()[remotetest.Read].Got }

// TestSource reads a release from the cache, with the bits that it has in its directory.
func TestSource(t *testing.T) {
	w := newWorld(t)
	tree, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	if got := w.readBytes(); got > 10_000 {
		t.Errorf("to open it: got %d bytes, want those of the documents", got)
	}
	for _, f := range tree.Files {
		got, err := tree.ReadFile(t.Context(), f.Path)
		want, _ := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(f.Path)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes, %v, want %d", f.Path, len(got), err, len(want))
		}
	}
}

// archive reads the archive of a release.
func archive(t *testing.T, tree *release.Tree) error {
	_, err := tree.ReadFile(t.Context(), "demo-1.2.0.tar.gz")
	return err
}

// TestBroken breaks the connection while a file is read, and ends it early: reading resumes.
// A wrong byte, and a file that is gone, are errors.
func TestBroken(t *testing.T) {
	w := newWorld(t)
	var breaks atomic.Int32
	breaks.Store(2)
	offset := func(c remotetest.Call) int64 {
		var r bytestream.ReadRequest
		if err := proto.Unmarshal(c.Message, &r); err != nil {
			t.Error(err)
		}
		return r.ReadOffset
	}
	var resumed atomic.Int32
	for _, tt := range []struct {
		name  string
		fault remotetest.Fault
		want  string
	}{
		{"broken", remotetest.Fault{Answer: func(c remotetest.Call, m []byte) ([]byte, bool, error) {
			if offset(c) > 0 {
				resumed.Add(1)
			}
			if breaks.Add(-1) == 0 {
				return nil, false, status.Error(codes.Unavailable, "broken")
			}
			return m, true, nil
		}}, ""},
		{"short", remotetest.Fault{Answer: func(c remotetest.Call, m []byte) ([]byte, bool, error) {
			return m, offset(c) > 0, nil
		}}, ""},
		{"wrong", remotetest.Fault{Answer: func(_ remotetest.Call, m []byte) ([]byte, bool, error) {
			m[len(m)-1] ^= 1
			return m, true, nil
		}}, "sha256 of \"demo-1.2.0.tar.gz\" from the cache at"},
		{"gone", remotetest.Fault{Begin: func(context.Context, remotetest.Call) error { return errGone }}, "does not have file \"demo-1.2.0.tar.gz\""},
	} {
		w.engine.Proxy.Fail(authorized(remotetest.Fault{}))
		tree, err := w.open()
		if err != nil {
			t.Fatal(err)
		}
		w.engine.Proxy.Fail(authorized(tt.fault))
		if err := archive(t, tree); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want %q", tt.name, err, tt.want)
		}
	}
	if resumed.Load() == 0 {
		t.Error("no read began after the first byte")
	}
}

// TestOpenErrors opens releases that cannot be published. No error has the secret.
func TestOpenErrors(t *testing.T) {
	w := newWorld(t)
	whole := w.upload("")
	for _, tt := range []struct {
		name   string
		change func()
		want   string
	}{
		{"other host", func() { w.env["RELEASE_REMOTE_CACHE"] = "grpc://cache.example:9092" }, `want "cache.example:9092" in RELEASE_REMOTE_CACHE`},
		{"no host", func() { w.env["RELEASE_REMOTE_CACHE"] = "" }, "RELEASE_REMOTE_CACHE does not name"},
		{"other scheme", func() { w.env["RELEASE_REMOTE_CACHE"] = "https://cache.example" }, "want grpc://HOST:PORT"},
		{"no header", func() { w.env["RELEASE_REMOTE_HEADERS"] = "" }, "the token is not known"},
		{"bad header", func() { w.env["RELEASE_REMOTE_HEADERS"] = secret }, "is not NAME: VALUE"},
		{"cut off", func() { w.write(whole[:2]) }, "not whole"},
		{"failed", func() {
			w.write(append([]map[string]any{{"finished": map[string]any{"exitCode": map[string]any{"name": "BUILD_FAILURE"}}}}, whole...))
		}, "the build failed: BUILD_FAILURE"},
		{"nothing", func() { w.write(whole[2:]) }, "got no file below release/all/"},
		{"no events", func() { w.write(nil) }, "not whole"},
		{"lost", func() {
			w.engine.Cache.Restart()
			w.write(w.upload("demo-1.2.0.tar.gz"))
		}, `does not have file "demo-1.2.0.tar.gz"`},
	} {
		env := maps.Clone(w.env)
		w.write(whole)
		tt.change()
		_, err := w.open()
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got error %v, want %q", tt.name, err, tt.want)
		}
		w.env = env
	}
	calls := w.engine.Proxy.Reset()
	if n := calls["/"+repb.ContentAddressableStorage_ServiceDesc.ServiceName+"/FindMissingBlobs"].Number; n == 0 {
		t.Errorf("got calls %v, want some of FindMissingBlobs", calls)
	}
}

// TestOther opens a release whose SHA256SUMS lists another digest than the events have.
func TestOther(t *testing.T) {
	w := newWorld(t)
	name := filepath.Join(w.dir, "demo-1.2.0.tar.gz")
	if err := os.WriteFile(name, []byte(strings.Repeat("Archive", 1_000_000)), 0o644); err != nil {
		t.Fatal(err)
	}
	w.write(w.upload(""))
	if _, err := w.open(); err == nil || !strings.Contains(err.Error(), `sha256 of "demo-1.2.0.tar.gz"`) {
		t.Errorf("got error %v, want one about the digest", err)
	}
	_, err := cas.Open(t.Context(), cas.Args{Events: name + ".none"})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v, want none of the file", err)
	}
}
