package archive

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDecompress reads back what each format compressed.
func TestDecompress(t *testing.T) {
	var want bytes.Buffer
	if err := WriteTar(&want, sample(t), options); err != nil {
		t.Fatal(err)
	}
	for _, f := range []Format{TarGzip, TarZstd, TarXz} {
		r, err := Decompress(bufio.NewReader(bytes.NewReader(build(t, f, sample(t), options))))
		if err != nil || r == nil {
			t.Fatalf("%s: got %v, %v", f, r, err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s: got %d bytes, %v, want the tar of %d", f, len(got), err, want.Len())
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, other := range []string{"", "PK\x03\x04", "\xfd7zXY", "plain text"} {
		if r, err := Decompress(bufio.NewReader(strings.NewReader(other))); r != nil || err != nil {
			t.Errorf("%q: got %v, %v, want neither", other, r, err)
		}
	}
}

// TestWriteSizes writes a tar in one piece and in small ones.
func TestWriteSizes(t *testing.T) {
	content := noise(9, 200_000)
	entries := []Entry{{Path: "big", Content: content}}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "big"), string(content), 0o644)
	for _, f := range archives {
		if !bytes.Equal(build(t, f, entries, options), build(t, f, []Entry{{Path: "big", Source: filepath.Join(dir, "big")}}, options)) {
			t.Errorf("%s: content from memory and from a file differ", f)
		}
	}
}

// TestBinary writes a program itself.
func TestBinary(t *testing.T) {
	name := filepath.Join(t.TempDir(), "age")
	if err := os.WriteFile(name, []byte("the program\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := build(t, Binary, []Entry{{Path: "bin/age", Source: name, Mode: 0o755}}, options); string(got) != "the program\n" {
		t.Errorf("got %q", got)
	}
	for _, entries := range [][]Entry{{{Path: "a", Content: []byte{}}, {Path: "b", Content: []byte{}}}, {{Path: "a", Symlink: "b"}}, {{Path: "a/"}}, {{Path: "/a", Source: name}}} {
		if err := Binary.Write(io.Discard, entries, options); err == nil {
			t.Errorf("%+v: got no error", entries)
		}
	}
}

// FuzzDecompress checks that any input is an error or ends.
func FuzzDecompress(f *testing.F) {
	for _, format := range []Format{TarGzip, TarZstd, TarXz} {
		var b bytes.Buffer
		if err := format.Write(&b, []Entry{{Path: "a", Content: []byte("content")}}, Options{}); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Decompress(bufio.NewReader(bytes.NewReader(data)))
		if err != nil || r == nil {
			return
		}
		defer r.Close()
		io.CopyN(io.Discard, r, 1<<20)
	})
}
