package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// A Format is a file format that WriteFile writes.
type Format string

// The formats, named by the extension of their files.
const (
	TarGzip Format = "tar.gz"
	Zip     Format = "zip"
)

// ParseFormat checks that s names a Format.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case TarGzip, Zip:
		return f, nil
	}
	return "", fmt.Errorf("parsing format %q: want %s or %s", s, TarGzip, Zip)
}

// Write writes entries to w in the format f.
func (f Format) Write(w io.Writer, entries []Entry, opts Options) error {
	switch f {
	case TarGzip:
		return WriteTarGzip(w, entries, opts)
	case Zip:
		return WriteZip(w, entries, opts)
	}
	_, err := ParseFormat(string(f))
	return err
}

// WriteFileArgs say what WriteFile writes.
type WriteFileArgs struct {
	Name    string // of the file; required
	Format  Format // required
	Entries []Entry
	Options Options
}

// WriteFileResult describes the file that WriteFile wrote.
type WriteFileResult struct {
	Digest digest.Digest // of the file's bytes
	Size   int64         // in bytes
}

// WriteFile writes an archive to the named file, mode 0644, and returns its
// digest, which it takes while it writes. It writes a temporary file in the same
// directory and renames it, so that the name holds the whole archive or what it
// held before; an error or the end of ctx leaves no temporary file. The file is
// not synced to disk: after a crash of the machine, write it again.
func WriteFile(ctx context.Context, args WriteFileArgs) (result WriteFileResult, err error) {
	f, err := os.CreateTemp(filepath.Dir(args.Name), "."+filepath.Base(args.Name)+".tmp-*")
	if err != nil {
		return result, err
	}
	defer func() {
		if err != nil {
			f.Close() // an error of a second Close says nothing
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	hash := sha256.New()
	count := &countingWriter{}
	all := io.MultiWriter(f, hash, count)
	w := writerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return all.Write(p)
	})
	if err := args.Format.Write(w, args.Entries, args.Options); err != nil {
		return result, err
	}
	if err := f.Chmod(0o644); err != nil {
		return result, err
	}
	if err := f.Close(); err != nil {
		return result, err
	}
	if err := os.Rename(f.Name(), args.Name); err != nil {
		return result, err
	}
	return WriteFileResult{Digest: digest.FromSum(hash.Sum(nil)), Size: count.n}, nil
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

type countingWriter struct{ n int64 }

func (c *countingWriter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
