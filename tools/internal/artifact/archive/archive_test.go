package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/archivetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// archives are the formats that hold several entries.
var archives = []Format{TarGzip, TarZstd, Zip, TarXz}

var (
	modTime = time.Unix(1700000001, 0) // odd: MS-DOS time has even seconds only
	options = Options{Prefix: "toolbox-1.0.0/", ModTime: modTime}
)

const longName = "a-name-that-has-more-than-one-hundred-bytes-and-no-slash-so-that-ustar-cannot-split-it-in-two-and-pax-must-help"

// sample returns one entry of each kind, in no order.
func sample(t testing.TB) []Entry {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "age"), "the program\n", 0o600)
	write(t, filepath.Join(dir, "tree/b/two"), "two\n", 0o777)
	write(t, filepath.Join(dir, "tree/one"), "one\n", 0o400)
	write(t, filepath.Join(dir, "tree/a-b"), "", 0o644)
	if err := os.Symlink("tree", filepath.Join(dir, "tree-link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("age", filepath.Join(dir, "age-link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../age", filepath.Join(dir, "tree", "linked")); err != nil {
		t.Fatal(err)
	}
	return []Entry{
		{Path: "share/doc", Source: filepath.Join(dir, "tree-link")},
		{Path: "bin/age", Source: filepath.Join(dir, "age-link"), Mode: 0o755},
		{Path: "bin/a", Symlink: "age"},
		{Path: "VERSION", Content: []byte("1.0.0\n")},
		{Path: "empty", Content: []byte{}},
		{Path: "var/"},
		{Path: "share/" + longName, Content: []byte("long\n")},
		{Path: "share/größe €", Content: []byte("utf-8\n")},
		{Path: strings.Repeat("a-directory-of-a-deep-tree/", 5) + "file", Content: []byte("splits\n")},
		{Path: "share/far", Symlink: strings.Repeat("../", 40) + "file"},
	}
}

func write(t testing.TB, name, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// build returns the archive and fails the test on an error.
func build(t testing.TB, f Format, entries []Entry, opts Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b, entries, opts); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for _, f := range archives {
		t.Run(string(f), func(t *testing.T) {
			data := build(t, f, sample(t), options)
			lines, err := archivetest.List(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(lines, "\n") + "\nwhole: " + string(digest.FromBytes(data)) + "\n"
			golden := filepath.Join("testdata", "sample."+string(f)+".golden")
			if *update {
				write(t, golden, got, 0o644)
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s: got:\n%s\nwant:\n%s\nTo accept: go test ./tools/internal/artifact/archive -run TestGolden -update", golden, got, want)
			}
		})
	}
}

func TestTarHeaders(t *testing.T) {
	var b bytes.Buffer
	if err := WriteTar(&b, sample(t), options); err != nil {
		t.Fatal(err)
	}
	tr := tar.NewReader(&b)
	previous := ""
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		want := tar.FormatUSTAR
		if strings.Contains(h.Name, longName) || strings.Contains(h.Name, "größe") || len(h.Linkname) > 100 {
			want = tar.FormatPAX
		}
		if h.Format != want {
			t.Errorf("format of %q: got %v, want %v", h.Name, h.Format, want)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" || !h.ModTime.Equal(modTime) {
			t.Errorf("owner and time of %q: got %+v", h.Name, h)
		}
		if name := strings.TrimSuffix(h.Name, "/"); name <= previous {
			t.Errorf("order: %q stands after %q", name, previous)
		} else {
			previous = name
		}
	}
}

func TestZipHeaders(t *testing.T) {
	data := build(t, Zip, sample(t), options)
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range zr.File {
		if want := strings.Contains(f.Name, "größe"); f.Flags&0x800 != 0 != want {
			t.Errorf("UTF-8 flag of %q: got %v, want %v", f.Name, !want, want)
		}
		if !f.Modified.Equal(modTime) {
			t.Errorf("time of %q: got %v, want %v", f.Name, f.Modified, modTime)
		}
		// 2023-11-14 22:13:21 UTC; two seconds' steps.
		if f.ModifiedDate != 43<<9|11<<5|14 || f.ModifiedTime != 22<<11|13<<5|10 {
			t.Errorf("MS-DOS time of %q: got %x %x", f.Name, f.ModifiedDate, f.ModifiedTime)
		}
		if f.CreatorVersion>>8 != 3 {
			t.Errorf("creator of %q: got %d, want 3 (Unix)", f.Name, f.CreatorVersion>>8)
		}
	}
}

func TestZipTime(t *testing.T) {
	entries := []Entry{{Path: "x", Content: []byte{}}}
	for _, tt := range []struct{ in, want time.Time }{
		{time.Time{}, time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)},
		{time.Unix(1, 0), time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)},
		{time.Date(2105, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2105, 12, 31, 23, 59, 59, 0, time.UTC)},
	} {
		data := build(t, Zip, entries, Options{ModTime: tt.in})
		zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if got := zr.File[0].Modified; !got.Equal(tt.want) {
			t.Errorf("time %v: got %v, want %v", tt.in, got, tt.want)
		}
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	write(t, file, "x", 0o644)
	write(t, filepath.Join(dir, `bad/a\b`), "x", 0o644)
	for _, d := range []string{"none", "loop"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(".", filepath.Join(dir, "loop", "again")); err != nil {
		t.Fatal(err)
	}
	x := []byte("x")
	in := func(paths ...string) (es []Entry) {
		for _, p := range paths {
			es = append(es, Entry{Path: p, Content: x})
		}
		return es
	}
	for _, tt := range []struct {
		name    string
		entries []Entry
		opts    Options
		zipOnly bool
		want    []string // parts of the message
	}{
		{name: "empty path", entries: in(""), want: []string{`checking entry ""`, "path is empty"}},
		{name: "absolute", entries: in("/etc/x"), want: []string{`"/etc/x"`, "absolute"}},
		{name: "dotdot", entries: in("a/../../x"), want: []string{`"a/../../x"`, `".."`}},
		{name: "only dotdot", entries: in(".."), want: []string{`".."`}},
		{name: "dot", entries: in("."), want: []string{"not clean"}},
		{name: "leading dot", entries: in("./x"), want: []string{"not clean"}},
		{name: "double slash", entries: in("a//x"), want: []string{"not clean"}},
		{name: "two slashes at the end", entries: in("a//"), want: []string{"not clean"}},
		{name: "backslash", entries: in(`a\x`), want: []string{"backslash"}},
		{name: "NUL", entries: in("a\x00x"), want: []string{`"a\x00x"`, "control"}},
		{name: "line feed", entries: in("a\nx"), want: []string{`"a\nx"`, "control"}},
		{name: "not UTF-8", entries: in("a\xff"), want: []string{"UTF-8"}},
		{name: "file with slash", entries: in("a/"), want: []string{`ends in "/"`}},
		{name: "nothing", entries: []Entry{{Path: "a"}}, want: []string{"none of source, content and symlink"}},
		{name: "two things", entries: []Entry{{Path: "a", Content: x, Symlink: "b"}}, want: []string{"more than one"}},
		{name: "mode", entries: []Entry{{Path: "a", Content: x, Mode: 0o4755}}, want: []string{"mode is 4755"}},
		{name: "prefix", entries: in("a"), opts: Options{Prefix: "../x"}, want: []string{`checking prefix "../x"`}},
		{name: "root prefix", entries: in("a"), opts: Options{Prefix: "/"}, want: []string{"absolute"}},
		{name: "fractional time", entries: in("a"), opts: Options{ModTime: time.Unix(1, 1)}, want: []string{"whole seconds"}},
		{name: "early time", entries: in("a"), opts: Options{ModTime: time.Unix(-1, 0)}, want: []string{"since 1970"}},
		{name: "missing source", entries: []Entry{{Path: "a", Source: filepath.Join(dir, "no")}}, want: []string{`entry "a"`, "no such file"}},
		{name: "source is a file", entries: []Entry{{Path: "a/", Source: file}}, want: []string{"is a file"}},
		{name: "empty directory", entries: []Entry{{Path: "a", Source: filepath.Join(dir, "none")}}, want: []string{"has no files"}},
		{name: "link to directory", entries: []Entry{{Path: "a", Source: filepath.Join(dir, "loop")}}, want: []string{"link to a directory"}},
		{name: "bad name on disk", entries: []Entry{{Path: "a", Source: filepath.Join(dir, "bad")}}, want: []string{"backslash", "bad"}},
		{name: "link target", entries: []Entry{{Path: "a", Symlink: "b\n"}}, want: []string{"control"}},
		{name: "twice", entries: []Entry{{Path: "a", Source: file}, {Path: "a", Symlink: "z"}}, want: []string{`duplicate path "a"`, file, `a link to "z"`}},
		{name: "file as directory", entries: in("a/b", "a"), want: []string{`"a/b" is below "a"`, "not a directory"}},
		{name: "directory and file", entries: append(in("a"), Entry{Path: "a/"}), want: []string{`duplicate path "a"`, "a directory"}},
		{name: "all at once", entries: append(in("/a"), Entry{Path: "b"}), want: []string{"absolute", "none of"}},
		{name: "case", entries: in("bin/Age", "bin/age"), zipOnly: true, want: []string{`"toolbox/bin/Age" and "toolbox/bin/age"`, "case"}, opts: Options{Prefix: "toolbox"}},
		{name: "case of directory", entries: in("Bin/a", "bin/b"), zipOnly: true, want: []string{`"Bin" and "bin"`, "case"}},
		{name: "colon", entries: in("a:b"), zipOnly: true, want: []string{`"a:b"`, "Windows"}},
		{name: "dot at end", entries: in("a."), zipOnly: true, want: []string{"Windows"}},
		{name: "device", entries: in("x/nul.txt"), zipOnly: true, want: []string{"device"}},
		{name: "numbered device", entries: in("com1"), zipOnly: true, want: []string{"device"}},
		{name: "late time", entries: in("a"), opts: Options{ModTime: time.Date(2106, 1, 1, 0, 0, 0, 0, time.UTC)}, zipOnly: true, want: []string{"2106"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, f := range archives {
				err := f.Write(io.Discard, tt.entries, tt.opts)
				if f != Zip && tt.zipOnly {
					if err != nil {
						t.Errorf("%s: got error %v, want none", f, err)
					}
					continue
				}
				for _, part := range tt.want {
					if err == nil || !strings.Contains(err.Error(), part) {
						t.Errorf("%s: got error %v, want one with %q", f, err, part)
					}
				}
			}
		})
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "out.tar.gz")
	args := WriteFileArgs{Name: name, Format: TarGzip, Entries: sample(t), Options: options}
	got, err := WriteFile(context.Background(), args)
	if err != nil {
		t.Fatal(err)
	}
	d, size, err := digest.FromFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if want := (WriteFileResult{d, size}); got != want {
		t.Errorf("result: got %+v, want %+v", got, want)
	}
	before, _ := os.ReadFile(name)

	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for what, try := range map[string]func() error{
		"cancelled": func() error { _, err := WriteFile(ended, args); return err },
		"bad entry": func() error {
			bad := args
			bad.Entries = []Entry{{Path: "/"}}
			_, err := WriteFile(context.Background(), bad)
			return err
		},
		"bad format": func() error {
			bad := args
			bad.Format = "rar"
			_, err := WriteFile(context.Background(), bad)
			return err
		},
	} {
		if err := try(); err == nil {
			t.Errorf("%s: got no error", what)
		}
		list, _ := filepath.Glob(filepath.Join(dir, ".*"))
		if after, _ := os.ReadFile(name); !bytes.Equal(after, before) || len(list) > 0 {
			t.Errorf("%s: the old file changed, or temporary files remain: %q", what, list)
		}
	}
}

func TestSourceChanges(t *testing.T) {
	for _, tt := range []struct {
		size int64
		want string
	}{{3, "got more than 3 bytes"}, {4, ""}, {5, "got 4 bytes, want 5"}} {
		err := copyExactly(io.Discard, strings.NewReader("four"), tt.size, make([]byte, 10))
		if got := fmt.Sprint(err); tt.want == "" && err != nil || !strings.Contains(got, tt.want) {
			t.Errorf("size %d: got %v, want %q", tt.size, err, tt.want)
		}
	}
	// A file of Linux whose size is 0 until it is read.
	const growing = "/proc/self/status"
	info, err := os.Stat(growing)
	readers.Require(t, growing, err == nil && info.Size() == 0)
	for _, f := range archives {
		err := f.Write(io.Discard, []Entry{{Path: "a", Source: growing}}, options)
		if want := "size changed while it was read"; err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), growing) {
			t.Errorf("%s: got %v, want %q", f, err, want)
		}
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestFailingWriters checks that an error at any byte of the archive is returned, and that
// no goroutine is left.
func TestFailingWriters(t *testing.T) {
	full := errors.New("disk full")
	entries := []Entry{{Path: "big", Content: noise(1, 3*gzipBlockSize)}}
	for i := range 50 {
		entries = append(entries, Entry{Path: fmt.Sprint("small", i), Content: noise(byte(i), 20_000)})
	}
	before := runtime.NumGoroutine()
	for _, f := range archives {
		if f == TarXz {
			entries = entries[1:20] // it is slow
		}
		size := len(build(t, f, entries, options))
		for left := 0; left < size; left += size / 4 {
			left := left
			err := f.Write(writerFunc(func(p []byte) (int, error) {
				if left -= len(p); left < 0 {
					return 0, full
				}
				return len(p), nil
			}), entries, options)
			if !errors.Is(err, full) {
				t.Errorf("%s: got error %v, want %v", f, err, full)
			}
		}
	}
	for range 100 { // goroutines may end a little later
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("goroutines: got %d, want %d", runtime.NumGoroutine(), before)
}
