//go:build unix

package sourcetar

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// setUmask sets the umask and returns what restores it.
func setUmask(mask int) (restore func()) {
	old := syscall.Umask(mask)
	return func() { syscall.Umask(old) }
}

func TestWriteSpecialFiles(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(name string) error
		want string
	}{
		{"fifo", func(name string) error { return syscall.Mkfifo(name, 0o644) }, `"d/x" is a p---------: want files, directories and symbolic links only`},
		{"socket", func(name string) error {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
			if err == nil {
				l.SetUnlinkOnClose(false)
				err = l.Close()
			}
			return err
		}, `"d/x" is a S---------: want files, directories and symbolic links only`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			plant(t, dir, []node{{path: "d/"}})
			t.Chdir(dir) // a socket's name has to be short
			if err := tt.make(filepath.Join("d", "x")); err != nil {
				t.Fatal(err)
			}
			if _, err := WriteFolder(io.Discard, dir, Options{}); err == nil || !strings.HasSuffix(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
