//go:build unix

package fileio

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestWriteFileCutOff has the system refuse what goes beyond 4 KiB of a file, as
// it does when a disk is full. The limit holds for a process of its own: the test
// binary's log of what it opens goes to a file as well.
func TestWriteFileCutOff(t *testing.T) {
	const target = "FILEIO_CUT_OFF"
	if name, ok := os.LookupEnv(target); ok {
		writeCutOff(t, name)
		return
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "a.json")
	if err := WriteFile(name, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestWriteFileCutOff$")
	cmd.Env = append(os.Environ(), target+"="+name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	content(t, name, "old")
	only(t, dir, "a.json")
}

// writeCutOff fails the test unless writing 16 KiB to name is refused after 4 KiB.
func writeCutOff(t *testing.T, name string) {
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = 4096
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	err := WriteFile(name, bytes.Repeat([]byte("new "), 4096), 0o644)
	if !errors.Is(err, syscall.EFBIG) || !strings.HasPrefix(err.Error(), `writing "`+name+`": `) {
		t.Errorf("got %v, want %v and the file's name", err, syscall.EFBIG)
	}
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
