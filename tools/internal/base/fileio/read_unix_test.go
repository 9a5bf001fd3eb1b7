//go:build unix

package fileio

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestOpenRegular: nothing waits for the writer of a pipe.
func TestOpenRegular(t *testing.T) {
	dir := t.TempDir()
	pipe, socket, file := filepath.Join(dir, "pipe"), filepath.Join(dir, "s"), filepath.Join(dir, "file")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{dir: "found a directory", pipe: "found a pipe", socket: "found a socket", "/dev/null": "found a device", file: ""} {
		f, err := OpenRegular(name)
		if err == nil {
			f.Close()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}
