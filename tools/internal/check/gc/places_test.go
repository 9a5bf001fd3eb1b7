package gc

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/filelock"
)

func TestRoots(t *testing.T) {
	const root, hash = "cache/bazel-7.7.1-0123456789abcdef", "-fedcba9876543210"
	madeBy := func(recipe int) string { return fmt.Sprintf(`{"made_by": "%d x86_64 7.7.1"}`, recipe) }
	for _, tt := range []struct {
		name, root, list string
		set              func(w *world, a *Args)
		goes             bool
	}{
		{name: "the one in use", root: root, list: madeBy(1)},
		{name: "one of another Bazel", root: "cache/bazel-7.6.0" + hash, list: madeBy(3), goes: true},
		{name: "one with other packages", root: "cache/bazel-7.7.1" + hash, list: madeBy(3)},
		{name: "one that an older launcher made", root: "cache/bazel-7.7.1" + hash, list: madeBy(2), goes: true},
		{name: "one that a newer launcher made", root: "cache/bazel-7.7.1" + hash, list: madeBy(4)},
		{name: "one that does not say who made it", root: "cache/bazel-7.7.1" + hash},
		{name: "one that an older launcher made, of a lock that is kept", root: "cache/bazel-7.7.1" + hash, list: madeBy(2),
			set: func(_ *world, a *Args) { a.Keep.want("7.7.1", ByHistory) }},
		{name: "one of a Bazel that a kept commit wants", root: "cache/bazel-7.6.0" + hash, list: madeBy(2),
			set: func(_ *world, a *Args) { a.Keep.want("7.6.0", ByHistory) }},
		{name: "one that a Bazel server runs in", root: "cache/bazel-7.6.0" + hash,
			set: func(_ *world, a *Args) { a.Processes = [][]string{{"bazel(x)", "-Drelease.root=bazel-7.6.0" + hash}} }},
		{name: "one with a name of another kind", root: "cache/bazel-7.6.0", list: madeBy(1)},
		{name: "one that a launcher that ended was making", root: "cache/bazel-root.tmp/root", goes: true},
		{name: "one that a launcher is making", root: "cache/bazel-root.tmp/root", set: func(w *world, _ *Args) {
			unlock, err := filelock.Lock(w.path("cache/bazel-root.lock"))
			if err != nil {
				w.t.Fatal(err)
			}
			w.t.Cleanup(unlock)
		}},
		{name: "what reproduce left", root: "cache/reproduce-123/base", goes: true},
		{name: "what is named much as that", root: "cache/reproduce-a-bug/base"},
		{name: "what reproduce builds in", root: "cache/reproduce-123/base",
			set: func(w *world, a *Args) {
				a.Processes = [][]string{{"bazel(x)", "--output_base=" + w.path("cache/reproduce-123/base")}}
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.write(root+"/"+rootPackages, madeBy(3))
			w.write(tt.root+"/usr/bin/bazel", "bazel")
			if tt.list != "" && tt.root != root {
				w.write(tt.root+"/"+rootPackages, tt.list)
			}
			w.json("ws/manifests/next/lock.json", w.next)
			w.age(".")
			a := w.args()
			a.Root = w.path(root)
			if tt.set != nil {
				tt.set(w, &a)
			}
			w.collect(a)
			if w.exists(tt.root) == tt.goes || !w.exists(root+"/"+rootPackages) {
				t.Errorf("got that it is there: %t, want that it goes: %t", w.exists(tt.root), tt.goes)
			}
			if w.exists("cache/" + trash) {
				t.Errorf("got %q in the trash, want none", w.files("cache/"+trash))
			}
		})
	}
}

func TestLauncherFiles(t *testing.T) {
	w := newWorld(t)
	w.json("ws/manifests/next/lock.json", w.next)
	stay := []string{"cache/bazelrc-0123456789abcdef", "cache/cacerts-0123456789abcdef", "cache/go-build/00/x", "cache/bazel-root.log"}
	for _, name := range append([]string{"cache/bazelrc-0123456789abcdef.4711"}, stay...) {
		w.write(name, "text")
	}
	w.age(".")
	if got, want := goes(w.collect(w.args())), []string{"roots and launcher: bazelrc-0123456789abcdef.4711"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, name := range stay {
		if !w.exists(name) {
			t.Errorf("%s: got that it is gone, want that it stays", name)
		}
	}
}

func TestOutputBases(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(w *world, a *Args) string
		goes bool
	}{
		{"the workspace is there", func(w *world, _ *Args) string { return w.base(w.path("ws")) }, false},
		{"the workspace is gone", func(w *world, _ *Args) string { return w.base(w.path("gone")) }, true},
		{"the workspace is gone, and parts cannot be written to", func(w *world, _ *Args) string {
			base := w.base(w.path("gone"))
			if err := os.Chmod(w.path("bases/"+base+"/execroot"), 0o555); err != nil {
				w.t.Fatal(err)
			}
			return base
		}, true},
		{"its server runs", func(w *world, a *Args) string {
			base := w.base(w.path("gone"))
			a.Processes = [][]string{{"bazel(gone)", "--output_base=" + w.path("bases/"+base)}}
			return base
		}, false},
		{"it was used of late", func(w *world, _ *Args) string {
			base := w.base(w.path("gone"))
			w.write("bases/"+base+"/command.log", "")
			return base
		}, false},
		{"its name is not the workspace's", func(w *world, _ *Args) string {
			if err := os.Rename(w.path("bases/"+w.base(w.path("gone"))), w.path("bases/mine")); err != nil {
				w.t.Fatal(err)
			}
			return "mine"
		}, false},
		{"it does not say its workspace", func(w *world, _ *Args) string {
			w.write("bases/install/x", "")
			w.age("bases")
			return "install"
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.args()
			base := tt.make(w, &a)
			w.collect(a)
			if w.exists("bases/"+base) == tt.goes {
				t.Errorf("got that it is there: %t, want that it goes: %t", w.exists("bases/"+base), tt.goes)
			}
		})
	}
}

func TestWorkspaces(t *testing.T) {
	w := newWorld(t)
	w.base(w.path("ws"))
	w.base(w.path("gone"))
	got, err := Workspaces(w.path("bases"))
	if want := []string{w.path("ws")}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if got, err := Workspaces(w.path("none")); err != nil || len(got) > 0 {
		t.Errorf("no directory: got %q, %v, want none", got, err)
	}
}

// TestDiskCache: what was used longest ago goes, until the rest fits.
func TestDiskCache(t *testing.T) {
	for _, tt := range []struct {
		name   string
		size   int64
		minAge time.Duration
		want   string // the entries that stay; each has 100 bytes
	}{
		{"it is left alone", -1, 0, "a b c d"},
		{"it fits", 400, 0, "a b c d"},
		{"one has to go", 399, 0, "b c d"},
		{"two have to go", 200, 0, "c d"},
		{"all have to go", 0, 0, ""},
		{"what is young stays", 0, 150 * time.Minute, "c d"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.args()
			a.DiskSize, a.MinAge = tt.size, tt.minAge
			for i, name := range []string{"ac/00/a", "cas/11/b", "cas/00/c", "ac/11/d"} {
				w.write("cache/disk/"+name, strings.Repeat("x", 100))
				used := a.Now.Add(time.Duration(i-4) * time.Hour)
				if err := os.Chtimes(w.path("cache/disk/"+name), used, used); err != nil {
					t.Fatal(err)
				}
			}
			w.write("cache/disk/tmp/upload", "is being written")
			w.collect(a)
			var got []string
			for _, name := range w.files("cache/disk") {
				if !strings.HasPrefix(name, "cache/disk/tmp/") {
					got = append(got, filepath.Base(name))
				}
			}
			slices.Sort(got)
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if !w.exists("cache/disk/tmp/upload") {
				t.Error("got that an upload is gone, want that it stays")
			}
		})
	}
}

// hostile is what somebody has put into the places.
type hostile struct {
	name string
	set  func(w *world) error
	note string // of gc
}

func TestLinks(t *testing.T) {
	testHostile(t, []hostile{
		{"a link to a file outside in place of a blob", func(w *world) error {
			name := w.store.BlobPath(w.next.Files[0].Digest)
			return relink(w.path("outside/file"), name)
		}, "is neither a file nor a directory"},
		{"a link to a directory outside in place of the proxy", func(w *world) error {
			return relink(w.path("outside"), w.path("cache/store/goproxy"))
		}, "goproxy is not a directory"},
		{"a link to a directory outside within the proxy", func(w *world) error {
			return os.Symlink(w.path("outside"), w.path("cache/store/goproxy/example.org"))
		}, "is neither a file nor a directory"},
		{"a link in place of the trash", func(w *world) error {
			return os.Symlink(w.path("outside"), w.path("cache/store/"+trash))
		}, ""},
		{"a link in place of a root", func(w *world) error {
			return os.Symlink(w.path("outside"), w.path("cache/bazel-6.0.0-0123456789abcdef"))
		}, "is neither a file nor a directory"},
		{"a link in place of an output base", func(w *world) error {
			base := w.path("bases/" + w.base(w.path("gone")))
			return relink(w.path("outside"), base)
		}, ""},
		{"a link within a root that goes", func(w *world) error {
			w.write("cache/bazel-6.0.0-0123456789abcdef/usr/x", "")
			return os.Symlink(w.path("outside"), w.path("cache/bazel-6.0.0-0123456789abcdef/outside"))
		}, ""},
	})
}

func TestFilesOfOtherKinds(t *testing.T) {
	testHostile(t, []hostile{
		{"a file in place of the blobs", func(w *world) error {
			if err := os.RemoveAll(w.path("cache/store/content_addressable")); err != nil {
				return err
			}
			w.write("cache/store/content_addressable", "text")
			return nil
		}, "content_addressable is not a directory"},
		{"a directory in place of a blob", func(w *world) error {
			w.write("cache/store/content_addressable/sha256/"+strings.Repeat("2", 64)+"/file/x", "text")
			return nil
		}, ""},
		{"a file in place of the output bases' names", func(w *world) error { w.write("bases/x", "text"); return nil }, ""},
		{"a workspace that is a relative path out", func(w *world) error { w.base("../../outside"); return nil }, ""},
		{"a directory that cannot be read", func(w *world) error {
			w.write("cache/store/goproxy/example.org/@v/v1.0.0.zip", "text")
			w.t.Cleanup(func() { _ = os.Chmod(w.path("cache/store/goproxy/example.org"), 0o755) })
			return os.Chmod(w.path("cache/store/goproxy/example.org"), 0)
		}, ""},
	})
}

// testHostile: whatever is in the places, gc ends, removes nothing outside of them,
// and follows no link.
func testHostile(t *testing.T, cases []hostile) {
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.write("outside/file", "mine")
			w.write("outside/"+strings.Repeat("a", 64)+"/file", "mine")
			if err := tt.set(w); err != nil {
				t.Fatal(err)
			}
			w.age(".")
			p := w.collect(w.args())
			if got := len(w.files("outside")); got != 2 {
				t.Errorf("got %d files outside, want both", got)
			}
			var notes []string
			for _, s := range p.Sections {
				notes = append(notes, s.Notes...)
			}
			if !strings.Contains(strings.Join(notes, "\n"), tt.note) {
				t.Errorf("got notes %q, want one with %q", notes, tt.note)
			}
		})
	}
}

// relink puts a link in place of what is there.
func relink(to, name string) error {
	if err := os.RemoveAll(name); err != nil {
		return err
	}
	return os.Symlink(to, name)
}

// TestNothingThere: a machine on which nothing was built yet.
func TestNothingThere(t *testing.T) {
	w := newWorld(t)
	if err := os.RemoveAll(w.path("cache")); err != nil {
		t.Fatal(err)
	}
	if p := w.collect(w.args()); p.Size != 0 || p.Goes != 0 {
		t.Errorf("got %d bytes, of which %d go, want none", p.Size, p.Goes)
	}
}

func TestProcesses(t *testing.T) {
	w := newWorld(t)
	w.write("proc/12/cmdline", "bazel(x)\x00--output_base=/a b\x00")
	w.write("proc/13/cmdline", "")
	w.write("proc/self/cmdline", "me\x00")
	if got, want := fmt.Sprintf("%q", Processes(w.path("proc"))), `[["bazel(x)" "--output_base=/a b"]]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestWriteText: a name that somebody chose does not move the cursor.
func TestWriteText(t *testing.T) {
	p := &Plan{Sections: []*Section{{
		Name: "store", Dir: "/s", Size: 3 << 30, Stays: []Group{{"needed", 1, 1 << 20}}, Goes: []Item{{"a\x1b[2J\nb", 512, "old"}},
		GoesGroup: &Group{"oldest", 2, 2048}, Notes: []string{"a note"},
	}}}
	var b strings.Builder
	if err := p.WriteText(&b, "removes"); err != nil {
		t.Fatal(err)
	}
	want := "store: 3.0 GiB in /s\n  keeps 1.0 MiB, 1 entry: needed\n  removes a\\x1b[2J\\nb, 512 B: old\n  removes 2.0 KiB, 2 entries: oldest\n  note: a note\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
