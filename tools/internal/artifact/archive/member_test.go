package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// TestCopyMember reads each format, and a tar as GNU tar names its files.
func TestCopyMember(t *testing.T) {
	dir := t.TempDir()
	for _, f := range archives {
		write(t, filepath.Join(dir, "a."+string(f)), string(build(t, f, sample(t), options)), 0o644)
	}
	var plain bytes.Buffer
	w := tar.NewWriter(&plain)
	for _, h := range []tar.Header{
		{Name: "./usr/", Typeflag: tar.TypeDir},
		{Name: "./usr/local/bin/envoy", Typeflag: tar.TypeReg, Size: 5},
		{Name: "./link", Typeflag: tar.TypeSymlink, Linkname: "usr/local/bin/envoy"},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte("envoy")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "plain.tar"), plain.String(), 0o644)
	write(t, filepath.Join(dir, "cut.tar"), plain.String()[:1100], 0o644)
	write(t, filepath.Join(dir, "text"), "this is no archive", 0o644)
	write(t, filepath.Join(dir, "empty"), "", 0o644)
	var empty bytes.Buffer
	if err := zip.NewWriter(&empty).Close(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "empty.zip"), empty.String(), 0o644)
	for _, tt := range []struct{ archive, name, want, err string }{
		{"a.tar.gz", "toolbox-1.0.0/bin/age", "the program\n", ""},
		{"a.tar.zst", "toolbox-1.0.0/bin/age", "the program\n", ""},
		{"a.tar.xz", "toolbox-1.0.0/bin/age", "the program\n", ""},
		{"a.zip", "toolbox-1.0.0/bin/age", "the program\n", ""},
		{"plain.tar", "usr/local/bin/envoy", "envoy", ""},
		{"plain.tar", "envoy", "", `reading "envoy" of archive "plain.tar": there is no such file; it has "usr/local/bin/envoy", "link"`},
		{"plain.tar", "link", "", `reading "link" of archive "plain.tar": it is not a regular file`},
		{"a.zip", "age", "", `reading "age" of archive "a.zip": there is no such file; it has "toolbox-1.0.0/`},
		{"cut.tar", "link", "", `reading "link" of archive "cut.tar": `},
		{"text", "x", "", `reading "x" of archive "text": `},
		{"empty", "x", "", `reading "x" of archive "empty": there is no such file`},
		{"empty.zip", "x", "", `reading "x" of archive "empty.zip": `},
		{"none", "x", "", `open `},
	} {
		var b bytes.Buffer
		err := CopyMember(t.Context(), &b, filepath.Join(dir, tt.archive), tt.name)
		switch {
		case tt.err != "":
			if err == nil || !strings.HasPrefix(err.Error(), tt.err) {
				t.Errorf("%s %s: got %v, want %s", tt.archive, tt.name, err, tt.err)
			}
		case err != nil || b.String() != tt.want:
			t.Errorf("%s %s: got %q, %v, want %q", tt.archive, tt.name, b.String(), err, tt.want)
		}
	}
}
