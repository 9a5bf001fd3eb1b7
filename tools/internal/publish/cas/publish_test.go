package cas_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/bytestream"
	"google.golang.org/protobuf/proto"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/command/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/remotetest"
)

// destination is where the release of a world is published.
type destination struct {
	*world
	home string
}

func (w *world) destination() *destination {
	w.t.Helper()
	d := &destination{w, w.t.TempDir()}
	text := fmt.Sprintf("test:\n  buckets: [{url: \"file://%[1]s/bucket\", aliases: [latest]}]\n  registries: [{hub: \"file://%[1]s/registry\", tags: [\"{version}\"]}]\n  charts: [{bucket: \"file://%[1]s/charts\"}]\n  github: {dir: \"%[1]s/github\"}\n", d.home)
	if err := os.WriteFile(filepath.Join(d.home, "destinations.yaml"), []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
	w.t.Setenv("RELEASE_LINE", "demo")
	for name, value := range w.env {
		w.t.Setenv(name, value)
	}
	return d
}

// publish publishes the release, and returns what the command printed and the bytes that it read
// from the cache.
func (d *destination) publish() (status int, out string, read int64) {
	d.t.Helper()
	d.readBytes()
	var b bytes.Buffer
	status = publish.Run(d.t.Context(), []string{"--events", d.events, "--destinations", filepath.Join(d.home, "destinations.yaml") + ":test", "--state", filepath.Join(d.home, "state")}, &b, &b)
	if strings.Contains(b.String(), secret) {
		d.t.Errorf("publish shows the secret header:\n%s", b.String())
	}
	return status, b.String(), d.readBytes()
}

// size returns the size of all files of the release, in bytes.
func (w *world) size() int64 {
	w.t.Helper()
	sizes, err := release.Dir(w.dir).Sizes(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	sum := int64(0)
	for _, n := range sizes {
		sum += n
	}
	return sum
}

// TestPublish publishes a release from the cache: again, it reads only documents, and if one file
// is not there, that one.
func TestPublish(t *testing.T) {
	w := newWorld(t)
	d := w.destination()
	publish := func(what string, from, to int64) {
		status, out, read := d.publish()
		if status != 0 || read < from || read > to {
			t.Errorf("%s: got exit status %d and %d bytes, want %d to %d\n%s", what, status, read, from, to, out)
		}
		t.Logf("%s: %d bytes from the cache, of a release of %d", what, read, w.size())
	}
	publish("all", w.size(), w.size()+40_000) // the directory in place of GitHub needs no content
	publish("nothing", 0, 40_000)
	archive := filepath.Join(d.home, "bucket", "1.2.0", "demo-1.2.0.tar.gz")
	before, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(archive); err != nil {
		t.Fatal(err)
	}
	size := int64(len(before))
	publish("one file", size, size+40_000)
	if after, err := os.ReadFile(archive); err != nil || !bytes.Equal(after, before) {
		t.Errorf("got %d bytes, %v, want the same %d", len(after), err, size)
	}
}

// TestPublishDamaged publishes a release of which the cache has a wrong byte, or loses a file,
// when that is read. Nobody finds such a release.
func TestPublishDamaged(t *testing.T) {
	w := newWorld(t)
	ofArchive := func(c remotetest.Call) bool {
		var r bytestream.ReadRequest
		return c.Method == remotetest.Read && proto.Unmarshal(c.Message, &r) == nil && strings.HasSuffix(r.ResourceName, "/7000000")
	}
	for _, tt := range []struct {
		name, want string
		fault      remotetest.Fault
	}{
		{"a wrong byte", `sha256 of "demo-1.2.0.tar.gz" from the cache at`, remotetest.Fault{Answer: func(c remotetest.Call, m []byte) ([]byte, bool, error) {
			if ofArchive(c) {
				m[len(m)-1] ^= 1
			}
			return m, true, nil
		}}},
		{"a lost file", `does not have file "demo-1.2.0.tar.gz"`, remotetest.Fault{Begin: func(_ context.Context, c remotetest.Call) error {
			if ofArchive(c) {
				return errGone
			}
			return nil
		}}},
	} {
		d := w.destination()
		w.engine.Proxy.Fail(authorized(tt.fault))
		status, out, _ := d.publish()
		if status == 0 || !strings.Contains(out, tt.want) {
			t.Errorf("%s: got exit status %d, want an error with %q\n%s", tt.name, status, tt.want, out)
		}
		for _, name := range []string{"bucket/1.2.0/demo-1.2.0.tar.gz", "bucket/latest", "bucket/1.2.0.receipt.json", "charts/index.yaml"} {
			if _, err := os.Stat(filepath.Join(d.home, filepath.FromSlash(name))); !os.IsNotExist(err) {
				t.Errorf("%s: got %q, %v, want no such file", tt.name, name, err)
			}
		}
		// With a whole cache, the next run publishes it.
		w.engine.Proxy.Fail(authorized(remotetest.Fault{}))
		if status, out, _ := d.publish(); status != 0 {
			t.Errorf("%s: then got exit status %d\n%s", tt.name, status, out)
		}
	}
}
