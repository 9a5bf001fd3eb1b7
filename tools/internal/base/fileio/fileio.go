// Package fileio reads files up to a limit, copies files, replaces files atomically, counts
// what is written, and stops reading and writing when a context ends.
package fileio

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ReadLimited returns the content of the named file. A file with more than limit bytes is
// an error.
func ReadLimited(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		b.Grow(int(min(info.Size(), limit)) + bytes.MinRead) // otherwise it would grow to twice the size
	}
	if _, err := b.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	if int64(b.Len()) > limit {
		return nil, fmt.Errorf("reading %q: file has more than %d bytes", name, limit)
	}
	return b.Bytes(), nil
}

// Copy copies a file to another, which must not be there.
func Copy(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// OpenRegular opens a file that is no directory, device or pipe. It does not wait for the writer
// of a pipe.
func OpenRegular(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ENXIO) { // a socket
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("found a socket or device, want a regular file")}
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("found %s, want a regular file", kind(info.Mode()))}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// kind returns what people call a file that is not regular.
func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// WriteFile replaces the named file by data. A crash leaves the old file or the new one.
func WriteFile(name string, data []byte, mode fs.FileMode) error {
	err := Replace(name, Options{Mode: mode, Sync: true}, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	return nil
}

// Options says how a file is replaced.
type Options struct {
	Mode fs.FileMode // of the new file, regardless of the umask
	Sync bool        // also survive a crash of the machine
}

// Replace replaces the named file by what write writes. It writes to a temporary file in
// the same directory and renames it. An error leaves the old file and no other.
func Replace(name string, o Options, write func(f *os.File) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close() // the second Close always fails
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Chmod(o.Mode); err != nil {
		return err
	}
	if o.Sync {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// ReplaceWithSum replaces the named file with what write writes, as Replace does, and the file
// sum with its SHA-256 and base name, for sha256sum -c. Without sum, there is no such file. It
// stops when ctx is cancelled. An error leaves neither of them.
func ReplaceWithSum(ctx context.Context, name, sum string, write func(io.Writer) error) error {
	base := filepath.Base(name)
	switch {
	case sum != "" && filepath.Clean(sum) == filepath.Clean(name):
		return fmt.Errorf("the file and its checksum are both %q", name)
	case strings.ContainsAny(base, "\\\n\r"):
		return fmt.Errorf("name %q cannot be written in a checksum file", base)
	}
	hash := sha256.New()
	err := Replace(name, Options{Mode: 0o644}, func(f *os.File) error {
		return write(Writer(ctx, io.MultiWriter(f, hash)))
	})
	if err != nil || sum == "" {
		return err
	}
	line := fmt.Sprintf("%x  %s\n", hash.Sum(nil), base)
	if err := WriteFile(sum, []byte(line), 0o644); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// SyncDir syncs a directory, so that the names in it survive a crash of the machine, where
// the file system can do that.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// Reader returns a reader that reads r until ctx ends, and then fails.
func Reader(ctx context.Context, r io.Reader) io.Reader { return reader{ctx, r} }

type reader struct {
	ctx context.Context
	r   io.Reader
}

func (c reader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// Writer returns a writer that writes to w until ctx ends, and then fails.
func Writer(ctx context.Context, w io.Writer) io.Writer { return writer{ctx, w} }

type writer struct {
	ctx context.Context
	w   io.Writer
}

func (c writer) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

// A Counter is the number of bytes that were written to it.
type Counter int64

func (c *Counter) Write(p []byte) (int, error) {
	*c += Counter(len(p))
	return len(p), nil
}
