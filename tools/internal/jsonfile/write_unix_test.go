//go:build unix

package jsonfile

import (
	"bytes"
	"errors"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestWriteFileCutOff has the system refuse what goes beyond 4 KiB of a file, as
// it does when a disk is full.
func TestWriteFileCutOff(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.json")
	if err := WriteFile(name, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	limit := old
	limit.Cur = 4096
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	err := WriteFile(name, bytes.Repeat([]byte("new "), 4096), 0o644)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, syscall.EFBIG) || !strings.HasPrefix(err.Error(), `writing "`+name+`": `) {
		t.Errorf("got %v, want %v and the file's name", err, syscall.EFBIG)
	}
	content(t, name, "old")
	only(t, dir, "a.json")
}

// TestWriteFileUmask: the mode is what the caller says, whatever the umask.
func TestWriteFileUmask(t *testing.T) {
	for _, mask := range []int{0, 0o077, 0o777} {
		name := filepath.Join(t.TempDir(), "a")
		old := syscall.Umask(mask)
		err := WriteFile(name, []byte("a"), 0o644)
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		var info syscall.Stat_t
		if err := syscall.Stat(name, &info); err != nil || info.Mode&0o777 != 0o644 {
			t.Errorf("umask %#o: got mode %#o, %v, want 0644", mask, info.Mode&0o777, err)
		}
	}
}
