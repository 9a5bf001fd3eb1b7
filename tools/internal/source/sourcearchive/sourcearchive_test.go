package sourcearchive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

var modTime = time.Unix(1_700_000_000, 0).UTC()

// hostile is a source with names that only bytes can be, with files that Bazel reads as its
// own, with links and with executables.
var hostile = []struct {
	sourcetar.Entry
	content string
}{
	{sourcetar.Entry{Name: ".bazelignore", Mode: 0o644}, "x\n"},
	{sourcetar.Entry{Name: ".release/entry.json", Mode: 0o644}, "{}\n"},
	{sourcetar.Entry{Name: "BUILD", Mode: 0o644}, "broken(\n"},
	{sourcetar.Entry{Name: "BUILD.bazel", Mode: 0o755}, "broken(\n"},
	{sourcetar.Entry{Name: "MODULE.bazel", Mode: 0o644}, ""},
	{sourcetar.Entry{Name: "WORKSPACE", Link: "a/BUILD.bazel"}, ""},
	{sourcetar.Entry{Name: "a line\nfeed", Mode: 0o644}, "1\n"},
	{sourcetar.Entry{Name: "a/BUILD.bazel", Mode: 0o644}, "broken(\n"},
	{sourcetar.Entry{Name: "a/" + strings.Repeat("long", 60), Mode: 0o644}, "2\n"},
	{sourcetar.Entry{Name: "a/up", Link: "../run.sh"}, ""},
	{sourcetar.Entry{Name: "größe", Mode: 0o644}, "utf-8\n"},
	{sourcetar.Entry{Name: "gr\xf6\xdfe", Mode: 0o644}, "latin 1\n"},
	{sourcetar.Entry{Name: "run.sh", Mode: 0o755}, "#!/bin/sh\n"},
	{sourcetar.Entry{Name: "to \xff", Link: "gr\xf6\xdfe"}, ""},
	{sourcetar.Entry{Name: "vendor/example.com/dep/dep.go", Mode: 0o644}, "package dep\n"},
}

// writeTar writes the canonical tar of hostile.
func writeTar(t testing.TB, name string) Source {
	t.Helper()
	var b bytes.Buffer
	w := sourcetar.NewWriter(&b, sourcetar.Options{})
	for _, e := range hostile {
		if err := w.Add(e.Entry, int64(len(e.content)), strings.NewReader(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s := Source{Name: name, Archive: filepath.Join(t.TempDir(), "source.tar"), Digest: string(digest.FromBytes(b.Bytes()))}
	if err := os.WriteFile(s.Archive, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return s
}

// writeModule makes a module's zip.
func writeModule(t testing.TB, name string) Source {
	t.Helper()
	p := proxytest.New(t, map[string]string{
		"example.com/m/v2@v2.0.1/m.go": "package m\n", "example.com/m/v2@v2.0.1/BUILD.bazel": "broken(\n", "example.com/m/v2@v2.0.1/a@b/c.txt": "c\n", "example.com/m/v2@v2.0.1/vendor/modules.txt": "# x\n",
	})
	zip, err := proxytest.File(p.Dir, "example.com/m/v2@v2.0.1", ".zip")
	if err != nil {
		t.Fatal(err)
	}
	return Source{Name: name, Archive: zip, Digest: p.Module("example.com/m/v2@v2.0.1").Sum}
}

func write(t testing.TB, sources ...Source) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, sources, modTime); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// list returns a line for each entry below a directory.
func list(t testing.TB, r io.Reader, dir string) []string {
	t.Helper()
	var lines []string
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if name, ok := strings.CutPrefix(h.Name, dir); ok {
			lines = append(lines, fmt.Sprintf("%c %04o %q -> %q: %q", h.Typeflag, h.Mode, name, h.Linkname, content))
		}
		if dir != "" && (!h.ModTime.Equal(modTime) || h.Uid != 0 || h.Gid != 0 || h.Uname != "") {
			t.Errorf("%q: got %+v", h.Name, h)
		}
	}
}

// TestTar: what comes out is what the pinned tar has.
func TestTar(t *testing.T) {
	s := writeTar(t, "app")
	data := write(t, writeModule(t, "m"), s)
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	pinned, err := os.Open(s.Archive)
	if err != nil {
		t.Fatal(err)
	}
	defer pinned.Close()
	got, want := list(t, z, "sources/app/"), list(t, pinned, "")
	if len(want) != len(hostile) || !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestModule: unpacked, a module has its h1 sum.
func TestModule(t *testing.T) {
	s := writeModule(t, "m")
	dir := t.TempDir()
	untar(t, write(t, s, writeTar(t, "app")), dir)
	got, err := dirhash.HashDir(filepath.Join(dir, "sources", "m"), "example.com/m/v2@v2.0.1", dirhash.Hash1)
	if err != nil || got != s.Digest {
		t.Errorf("got %s, %v, want %s", got, err, s.Digest)
	}
}

// untar unpacks by GNU tar.
func untar(t testing.TB, data []byte, dir string) {
	t.Helper()
	cmd := exec.Command(readers.Find(t, "tar"), "-xzf", "-", "-C", dir)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdin = bytes.NewReader(data)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
}

// TestUnpacked: what GNU tar unpacks gives the pinned tar again.
func TestUnpacked(t *testing.T) {
	s := writeTar(t, "app")
	dir := t.TempDir()
	untar(t, write(t, s), dir)
	var b bytes.Buffer
	if _, err := sourcetar.WriteFolder(&b, filepath.Join(dir, "sources", "app"), sourcetar.Options{}); err != nil {
		t.Fatal(err)
	}
	if got := digest.FromBytes(b.Bytes()); string(got) != s.Digest {
		t.Errorf("got %s, want %s", got, s.Digest)
	}
}

// TestDeterministic varies the order, the directory and the time zone.
func TestDeterministic(t *testing.T) {
	a, b := writeTar(t, "app"), writeModule(t, "m")
	want := write(t, a, b)
	t.Setenv("TZ", "Pacific/Kiritimati")
	if got := write(t, writeModule(t, "m"), writeTar(t, "app")); !bytes.Equal(got, want) {
		t.Error("got other bytes")
	}
}

func TestErrors(t *testing.T) {
	good, module := writeTar(t, "app"), writeModule(t, "m")
	altered := func(s Source, name string, edit func(data []byte) []byte) Source {
		data, err := os.ReadFile(s.Archive)
		if err != nil {
			t.Fatal(err)
		}
		s.Archive = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(s.Archive, edit(data), 0o644); err != nil {
			t.Fatal(err)
		}
		return s
	}
	flip := func(data []byte) []byte { data[600] ^= 1; return data }
	pin := func(s Source, data []byte) Source {
		s.Digest = string(digest.FromBytes(data))
		return altered(s, "source.tar", func([]byte) []byte { return data })
	}
	for _, tt := range []struct {
		sources []Source
		want    string
	}{
		{nil, `^there are no sources$`},
		{[]Source{good, {Name: "app", Archive: "x"}}, `^source "app": duplicate name: ".*source.tar" and "x"$`},
		{[]Source{{Name: "a/b"}}, `^source "a/b": the name has a slash$`},
		{[]Source{{Name: ".."}}, `^source "..": the path leaves the tree$`},
		{[]Source{{Name: "x", Archive: "none.tar"}}, `^source "x": open none.tar: no such file`},
		{[]Source{altered(good, "source.tar", flip)}, `^source "app": digest of ".*": got sha256:\w+, want ` + good.Digest},
		{[]Source{altered(good, "source.tar", func(d []byte) []byte { return append(d, 0) })}, `^source "app": digest of `},
		{[]Source{altered(good, "source.tar", func(d []byte) []byte { return d[:1000] })}, `^source "app": digest of `},
		{[]Source{altered(module, "source.zip", func(d []byte) []byte { return d[:100] })}, `^source "m": h1 sum: got none, want ` + regexp.QuoteMeta(module.Digest)},
		{[]Source{{Name: "m", Archive: module.Archive, Digest: "h1:x"}}, `^source "m": h1 sum of ".*": got h1:.*, want h1:x`},
		{[]Source{pin(good, rawTar(t, tar.Header{Typeflag: tar.TypeReg, Name: "../x"}))}, `^source "app": reading "../x": the path leaves the tree`},
		{[]Source{pin(good, rawTar(t, tar.Header{Typeflag: tar.TypeFifo, Name: "x"}))}, `^source "app": reading "x": type '6': want files and symbolic links only`},
		{[]Source{rawZip(t, "m.go")}, `^source "z": path "m.go": it does not begin with the module's path and version$`},
		{[]Source{rawZip(t, "m@v1.0.0/../x")}, `^source "z": path "../x": the path leaves the tree$`},
		{[]Source{rawZip(t, "m@v1.0.0/a", "n@v1.0.0/a")}, `^source "z": path "n@v1.0.0/a": it does not begin`},
	} {
		err := Write(io.Discard, tt.sources, modTime)
		if err == nil || !regexp.MustCompile(tt.want).MatchString(err.Error()) {
			t.Errorf("%+v: got error %v, want %s", tt.sources, err, tt.want)
		}
	}
}

func rawTar(t testing.TB, h tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := errors.Join(w.WriteHeader(&h), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// rawZip makes a zip with its own sum.
func rawZip(t testing.TB, names ...string) Source {
	t.Helper()
	s := Source{Name: "z", Archive: filepath.Join(t.TempDir(), "source.zip")}
	f, err := os.Create(s.Archive)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	for _, name := range names {
		if _, err := w.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if s.Digest, err = dirhash.HashZip(s.Archive, dirhash.Hash1); err != nil {
		t.Fatal(err)
	}
	return s
}
