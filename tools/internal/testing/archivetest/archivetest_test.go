package archivetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
)

func build(t testing.TB, format archive.Format) []byte {
	t.Helper()
	var b bytes.Buffer
	entries := []archive.Entry{
		{Path: "a/b", Content: []byte("content")}, {Path: "l", Symlink: "a/b"}, {Path: strings.Repeat("long/", 30) + "x", Content: []byte{}},
		{Path: "VERSION", Content: []byte("1.0.0\n")},
	}
	if err := format.Write(&b, entries, archive.Options{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// foreign returns a tar with features that our writer does not use.
func foreign(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeReg, Name: "../up", Mode: 0o4711, Uid: 7, Gid: 8, Uname: "root", Gname: "wheel", Size: 3, ModTime: time.Unix(1, 5e8), Format: tar.FormatPAX},
		{Typeflag: tar.TypeLink, Name: "hard", Linkname: "../up", Mode: 0o644},
		{Typeflag: tar.TypeFifo, Name: "new\nline", Mode: 0o600, ModTime: time.Unix(0, 0)},
	} {
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := tw.Write([]byte("abc")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestListForeign(t *testing.T) {
	data := foreign(t)
	got, err := List(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"-urwx--x--x 7=root:8=wheel 3 1970-01-01T00:00:01.5Z ../up sha256:ba7816bf8f01",
		"hrw-r--r-- 0:0 0 1970-01-01T00:00:00Z hard -> ../up",
		`?rw------- 0:0 0 1970-01-01T00:00:00Z "new\nline"`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestListErrors(t *testing.T) {
	plain := foreign(t)
	gz := build(t, archive.TarGzip)
	zipped := build(t, archive.Zip)
	changed := func(data []byte, at int) []byte {
		data = bytes.Clone(data)
		data[at] ^= 1
		return data
	}
	small := limits{entries: 1000, bytes: 1 << 20, text: 1 << 20}
	for _, tt := range []struct {
		name string
		data []byte
		lim  limits
		want string
	}{
		{"not an archive", []byte("hello, this is text"), small, "unexpected EOF"},
		{"gzip cut", gz[:len(gz)-20], small, "unexpected EOF"},
		{"gzip checksum", changed(gz, len(gz)-8), small, "checksum"},
		{"zip cut", zipped[:len(zipped)-30], small, "not a valid zip"},
		{"zip content", changed(zipped, bytes.Index(zipped, []byte("VERSION"))+7+12), small, "VERSION"},
		{"data after the end", append(bytes.Clone(plain), bytes.Repeat([]byte("x"), 512)...), small, "after the end"},
		{"too many entries", gz, limits{entries: 3, bytes: 1 << 20, text: 1 << 20}, "too many"},
		{"too many entries in a zip", zipped, limits{entries: 3, bytes: 1 << 20, text: 1 << 20}, "too many"},
		{"too large", gz, limits{entries: 1000, bytes: 5000, text: 1 << 20}, "too large"},
		{"too large in a zip", zipped, limits{entries: 1000, bytes: 5, text: 1 << 20}, "too large"},
		{"names too long", gz, limits{entries: 1000, bytes: 1 << 20, text: 20}, "too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := list(bytes.NewReader(tt.data), int64(len(tt.data)), tt.lim)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q and error %v, want an error with %q", got, err, tt.want)
			}
		})
	}
}

func TestListZeroPadding(t *testing.T) {
	data := append(foreign(t), make([]byte, 10240)...) // padded as by GNU tar
	if _, err := List(bytes.NewReader(data), int64(len(data))); err != nil {
		t.Error(err)
	}
}

// FuzzList checks that no input makes the lister panic or return more lines than the limit.
func FuzzList(f *testing.F) {
	f.Add(build(f, archive.TarGzip))
	f.Add(build(f, archive.Zip))
	f.Add(foreign(f))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Add([]byte("\x1f\x8b"))
	f.Add([]byte{})
	lim := limits{entries: 100, bytes: 1 << 20, text: 1 << 16}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, err := list(bytes.NewReader(data), int64(len(data)), lim)
		if err != nil && lines != nil {
			t.Errorf("got lines and error %v", err)
		}
		if len(lines) > lim.entries {
			t.Errorf("got %d lines, want at most %d", len(lines), lim.entries)
		}
		for _, line := range lines {
			if strings.ContainsAny(line, "\n\r\x00\x1b") {
				t.Errorf("line %q has a control character", line)
			}
		}
	})
}

func TestListForeignGzip(t *testing.T) {
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	if _, err := gz.Write(foreign(t)); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	if lines, err := List(bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil || len(lines) != 3 {
		t.Errorf("got %d lines, %v, want 3", len(lines), err)
	}
}
