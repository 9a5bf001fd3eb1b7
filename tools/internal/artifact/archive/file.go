package archive

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// A Format is a file format of archives.
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

// WriteFileArgs are the arguments of WriteFile.
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

// WriteFile writes an archive to the named file, with mode 0644, and returns its digest. It
// writes a temporary file in the same directory and renames it, so that the file is never
// incomplete. An error or the end of ctx leaves no temporary file. The file is not synced
// to disk: after a crash of the machine, write it again.
func WriteFile(ctx context.Context, args WriteFileArgs) (WriteFileResult, error) {
	hash, count := sha256.New(), new(fileio.Counter)
	err := fileio.Replace(args.Name, fileio.Options{Mode: 0o644}, func(f *os.File) error {
		return args.Format.Write(fileio.Writer(ctx, io.MultiWriter(f, hash, count)), args.Entries, args.Options)
	})
	if err != nil {
		return WriteFileResult{}, err
	}
	return WriteFileResult{Digest: digest.FromSum(hash.Sum(nil)), Size: int64(*count)}, nil
}
