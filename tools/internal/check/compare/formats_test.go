package compare_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/check/compare"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// TestFormats has differences that only a format's own fields show, one at a time.
func TestFormats(t *testing.T) {
	content := tarOf(t, members())
	level := func(n int) string { return gzipOf(t, strings.Repeat(content, 20), gzip.Header{OS: 255}, n) }
	with := func(h gzip.Header) string { return gzipOf(t, content, h, 6) }
	elf := func(s ...string) string { return elfOf(s...) }
	var b bytes.Buffer
	for _, tt := range []struct{ name, old, new string }{
		{"gzip mtime", with(gzip.Header{OS: 255}), with(gzip.Header{OS: 255, ModTime: stamp})},
		{"gzip OS", with(gzip.Header{OS: 255}), with(gzip.Header{OS: 3})},
		{"gzip name", with(gzip.Header{OS: 255}), with(gzip.Header{OS: 255, Name: "x.tar"})},
		{"gzip comment and extra", with(gzip.Header{OS: 255}), with(gzip.Header{OS: 255, Comment: "by me", Extra: []byte{1, 2}})},
		{"gzip level", level(1), level(9)},
		{"gzip compressor", level(5), level(6)},
		{"gzip members", with(gzip.Header{OS: 255}), gzipOf(t, content[:700], gzip.Header{OS: 255}, 6) + gzipOf(t, content[700:], gzip.Header{OS: 255}, 6)},
		{"tar trailer", content, content + strings.Repeat("\x00", 1024)},
		{"zip comment", zipWith(t, nil, "a"), zipWith(t, nil, "b")},
		{"zip file comment", zipWith(t, nil, ""), zipWith(t, func(h *zip.FileHeader) { h.Comment = "made by me" }, "")},
		{"zip extra", zipWith(t, nil, ""), zipWith(t, func(h *zip.FileHeader) { h.Extra = []byte{0xfe, 0xca, 0, 0} }, "")},
		{"zip method", zipWith(t, nil, ""), zipWith(t, func(h *zip.FileHeader) { h.Method = zip.Store }, "")},
		{"zip attributes", zipWith(t, nil, ""), zipWith(t, func(h *zip.FileHeader) { h.ExternalAttrs |= 1 }, "")},
		{"zip local time", zipWith(t, nil, ""), zipWith(t, func(h *zip.FileHeader) { h.Modified = stamp.In(time.FixedZone("", 3600)) }, "")},
		{"json value", `{"a": {"b": [1, 2, {"c d": "x"}]}}`, `{"a": {"b": [1, 2, {"c d": "y"}]}}`},
		{"json key", `{"a": 1}`, `{"a": 1, "b": 2}`},
		{"json element", `[1, 2, 3, 4]`, `[1, 2, 9, 3, 4]`},
		{"json time", `{"created": "2024-01-01T00:00:00Z"}`, `{"created": "2024-01-05T00:00:07Z"}`},
		{"json CPUs", `{"jobs": 2}`, `{"jobs": 16}`},
		{"json order of keys", "{\"a\": 1,\n\"b\": 2\n}", "{\"b\": 2,\n\"a\": 1\n}"},
		{"json spaces", `{"a":1}`, `{"a": 1}`},
		{"text lines", "a\nb\nc\n", "a\nx\nc\n"},
		{"text more causes", "on host: alpha\nat 2024-01-01T00:00:00Z\nsame\n", "on host: beta\nat 2024-01-05T00:00:07Z\nsame\n"},
		{"text order", "a\nb\nc\n", "a\nc\nb\n"},
		{"text collation", "B\na\n", "a\nB\n"},
		{"text without line feed", "a\nb", "a\nb\n"},
		{"text longer", "a\n", "a\nb\n"},
		{"binary", "\x00\x01\x02\x03", "\x00\x01\xff\x03"},
		{"binary longer", "\x00\x01", "\x00\x01\x02"},
		{"empty", "", "a"},
		{"other format", content, level(6)},
		{"ELF path", elf(".text", "\x00\x90\x90", ".rodata", "\x00\x00built in /home/me/src/a.go\x00"), elf(".text", "\x00\x90\x91", ".rodata", "\x00\x00built in /tmp/build-7/src/a.go\x00")},
		{"ELF section added", elf(".text", "\x00"), elf(".text", "\x00", ".comment", "x")},
		{"ELF build ID", elf(".text", "\x00", ".note.gnu.build-id", "\x01\x02"), elf(".text", "\x00", ".note.gnu.build-id", "\x01\x03")},
		{"ELF malformed", "\x7fELF\x02\x01\x01", "\x7fELF\x02\x01\x02"},
	} {
		fmt.Fprintf(&b, "== %s\n%s", tt.name, listed(trees(t, map[string]string{"x": tt.old}, map[string]string{"x": tt.new})))
	}
	golden(t, "formats.txt", b.String())
}

func zipWith(t *testing.T, alter func(h *zip.FileHeader), comment string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	check(t, w.SetComment(comment))
	h := &zip.FileHeader{Name: "a.txt", Method: zip.Deflate, Modified: stamp}
	if alter != nil {
		alter(h)
	}
	f, err := w.CreateHeader(h)
	check(t, err)
	_, err = f.Write(bytes.Repeat([]byte("hello "), 50))
	check(t, err)
	check(t, w.Close())
	return b.String()
}

// elfOf makes an ELF file (System V gABI) of sections: name, content, name, content.
func elfOf(sections ...string) string {
	const headerSize, sectionSize = 64, 64
	le := binary.LittleEndian
	names := "\x00"
	var offsets []int
	for i := 0; i < len(sections); i += 2 {
		offsets = append(offsets, len(names))
		names += sections[i] + "\x00"
	}
	nameOfNames := len(names)
	names += ".shstrtab\x00"
	body, table := make([]byte, headerSize), make([]byte, sectionSize)
	add := func(name int, kind uint32, content string) {
		s := make([]byte, sectionSize)
		le.PutUint32(s, uint32(name))
		le.PutUint32(s[4:], kind)
		le.PutUint64(s[24:], uint64(len(body)))
		le.PutUint64(s[32:], uint64(len(content)))
		body, table = append(body, content...), append(table, s...)
	}
	for i, offset := range offsets {
		add(offset, 1, sections[2*i+1])
	}
	add(nameOfNames, 3, names)
	copy(body, "\x7fELF\x02\x01\x01")
	le.PutUint16(body[16:], 2)
	le.PutUint16(body[18:], 62)
	le.PutUint32(body[20:], 1)
	le.PutUint64(body[40:], uint64(len(body)))
	le.PutUint16(body[52:], headerSize)
	le.PutUint16(body[58:], sectionSize)
	le.PutUint16(body[60:], uint16(len(table)/sectionSize))
	le.PutUint16(body[62:], uint16(len(table)/sectionSize-1))
	return string(body) + string(table)
}

// TestPrograms builds a Go program in two directories, for three systems, without -trimpath,
// and checks that the path is found.
func TestPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles a part of the standard library for three systems")
	}
	goCommand := readers.Find(t, "go")
	source := map[string]string{"go.mod": "module example.com/m\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() { panic(1) }\n"}
	one, two := write(t, source), filepath.Join(write(t, source), "deeper")
	check(t, os.Mkdir(two, 0o755))
	for name, content := range source {
		check(t, os.WriteFile(filepath.Join(two, name), []byte(content), 0o644))
	}
	build := func(dir, system string, flags ...string) string {
		out := filepath.Join(t.TempDir(), "program")
		cmd := exec.CommandContext(t.Context(), goCommand, append(append([]string{"build", "-o", out}, flags...), ".")...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Logf("go build: %v\n%s", err, text)
			readers.Require(t, "go-build", false) // a sandbox may have the command and no cache for it
		}
		data, err := os.ReadFile(out)
		check(t, err)
		return string(data)
	}
	for system, kind := range map[string]string{"linux": "ELF", "darwin": "Mach-O", "windows": "PE"} {
		pack := func(program string) map[string]string {
			return map[string]string{"m.tar.gz": gzipOf(t, tarOf(t, []member{{"bin/m", program, 0o755, 0, "", stamp}}), gzip.Header{}, 1)}
		}
		r := trees(t, pack(build(one, system)), pack(build(two, system)))
		found := ""
		for _, d := range r.Files[0].Differences {
			if strings.HasPrefix(d.Member, "bin/m → "+kind+" section ") && strings.Contains(d.Cause, "-trimpath") && strings.Contains(d.New, "deeper") {
				found = d.Member
			}
		}
		if found == "" {
			t.Errorf("%s: no section with the path\n%s", system, listed(r))
		}
		r = trees(t, pack(build(one, system, "-trimpath")), pack(build(one, system, "-trimpath", "-ldflags=-X=main.x=y", "-tags=a")))
		if got := listed(r); !strings.Contains(got, "bin/m → Go build info: setting -tags: ") {
			t.Errorf("%s: build settings: got\n%s", system, got)
		}
	}
}

// TestImage has differences outside of layers: in the config, in manifests and in the number
// of layers. It checks that blobs refer to the image's index.json.
func TestImage(t *testing.T) {
	layer := gzipOf(t, tarOf(t, members()), gzip.Header{OS: 255}, 6)
	old := imageOf(t, layer, nil)
	old["SHA256SUMS"] = "old\n"
	new := imageOf(t, layer, func(c *v1.ConfigFile) {
		c.Config.Env[0] = "PATH=/usr/bin"
		c.Created = v1.Time{Time: stamp}
	})
	new["SHA256SUMS"] = "new\n"
	r := trees(t, old, new)
	golden(t, "image-config.txt", listed(r))
	for _, f := range r.Files {
		if f.State != lockdiff.Same && len(f.Differences) == 0 {
			t.Errorf("%s: %s, and nothing says why", f.Path, f.State)
		}
		if strings.Contains(f.Path, "/blobs/") && f.State != lockdiff.Same && f.Differences[0].Cause != "explained at images/app/index.json" {
			t.Errorf("%s: got %+v, want that it refers to the index", f.Path, f.Differences)
		}
	}
	r = trees(t, imageOf(t, layer, nil), imageOf(t, gzipOf(t, tarOf(t, members()), gzip.Header{OS: 255}, 1), nil))
	golden(t, "image-compressed.txt", listed(r))
	gone := imageOf(t, layer, nil)
	for name := range gone {
		if strings.Contains(name, "/blobs/") {
			delete(gone, name)
		}
	}
	gone["images/app/index.json"] += " "
	r = trees(t, old, gone)
	if got := listed(r); !strings.Contains(got, "images/app/index.json: ") {
		t.Errorf("an image without blobs: got\n%s", got)
	}
}

// streams hides that files can be read at any offset, as with a server.
type streams struct{ release.Dir }

func (s streams) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	r, err := s.Dir.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	return struct{ io.ReadCloser }{r}, nil
}

// TestStreams compares files that can only be read from the start, with the same result.
func TestStreams(t *testing.T) {
	for _, f := range formats {
		for _, l := range leaks {
			old, new := write(t, f.pack(t, members())), write(t, f.pack(t, l.seed(members())))
			want, err := compare.Trees(t.Context(), release.Dir(old), release.Dir(new))
			check(t, err)
			got, err := compare.Trees(t.Context(), streams{release.Dir(old)}, streams{release.Dir(new)})
			check(t, err)
			if listed(got) != listed(want) {
				t.Errorf("%s, %s: got\n%swant\n%s", f.name, l.name, listed(got), listed(want))
			}
		}
	}
}

func TestReport(t *testing.T) {
	old := map[string]string{"a": "x\n", "b": "same", "c": "gone", "e/<script>": "x"}
	new := map[string]string{"a": "y\n", "b": "same", "d": "more", "e/<script>": "y"}
	r := trees(t, old, new)
	if r.Equal() || r.Schema != compare.Schema || len(r.Files) != 5 {
		t.Errorf("got %+v", r)
	}
	states := ""
	for _, f := range r.Files {
		states += string(f.State) + " "
	}
	if want := "changed same removed added changed "; states != want {
		t.Errorf("states: got %s, want %s", states, want)
	}
	if want := digest.FromBytes([]byte("x\n")); r.Files[0].Old.Digest != want || r.Files[0].Old.Size != 2 || r.Files[2].New != nil || r.Files[3].Old != nil {
		t.Errorf("sides: got %+v", r.Files)
	}
	var text, page bytes.Buffer
	check(t, r.WriteText(&text))
	golden(t, "report.txt", text.String())
	check(t, r.WriteHTML(&page, "Title <b>", []string{"a note & more"}))
	golden(t, "report.html", page.String())
	if s := page.String(); strings.Contains(s, "<script") || strings.Contains(s, "http") && strings.Contains(s, "src=") {
		t.Errorf("the page has a script or something from elsewhere:\n%s", s)
	}
	again := trees(t, old, old)
	if !again.Equal() {
		t.Errorf("equal: got %+v", again)
	}
	data, err := json.Marshal(r)
	check(t, err)
	var back compare.Report
	check(t, json.Unmarshal(data, &back))
	if back.Files[0].State != lockdiff.Changed || back.Files[0].Differences[0].What != "line 1" {
		t.Errorf("JSON: got %s", data)
	}
}

func TestDigests(t *testing.T) {
	dir := write(t, map[string]string{"a": "1", "b": "2", "d": "4", release.Checksums: "sums"})
	want := []release.File{
		{Path: "a", Digest: digest.FromBytes([]byte("1"))},
		{Path: "b", Digest: digest.FromBytes([]byte("3"))},
		{Path: "c", Digest: digest.FromBytes([]byte("3"))},
	}
	r, err := compare.Digests(t.Context(), want, release.Dir(dir))
	check(t, err)
	got := ""
	for _, f := range r.Files {
		got += fmt.Sprintf("%s %s %d\n", f.Path, f.State, len(f.Differences))
	}
	if want := "a same 0\nb changed 0\nc removed 0\nd added 0\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	want = append(want, release.File{Path: release.Checksums, Digest: digest.FromBytes([]byte("sums"))})
	if r, err = compare.Digests(t.Context(), want, release.Dir(dir)); err != nil || r.Files[0].Path != release.Checksums || r.Files[0].State != lockdiff.Same {
		t.Errorf("with %s: got %+v, %v", release.Checksums, r, err)
	}
	if _, err := compare.Digests(t.Context(), append(want, want[0]), release.Dir(dir)); err == nil {
		t.Error("a path twice: got no error")
	}
	if _, err := compare.Digests(t.Context(), want, release.Dir(filepath.Join(dir, "none"))); err == nil {
		t.Error("no release: got no error")
	}
}

func TestErrors(t *testing.T) {
	dir := write(t, map[string]string{"a": "1"})
	if _, err := compare.Trees(t.Context(), release.Dir(dir), release.Dir(filepath.Join(dir, "none"))); err == nil || !strings.Contains(err.Error(), "listing the new release: ") {
		t.Errorf("no release: got %v", err)
	}
	if _, err := compare.Trees(t.Context(), broken{release.Dir(dir)}, release.Dir(dir)); err == nil || !strings.Contains(err.Error(), `hashing "a" of the old release: `) {
		t.Errorf("a file that cannot be read: got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := compare.Trees(ctx, release.Dir(dir), release.Dir(dir)); err == nil {
		t.Error("cancelled: got no error")
	}
}

type broken struct{ release.Dir }

func (broken) Open(context.Context, string) (io.ReadCloser, error) { return nil, fs.ErrPermission }
