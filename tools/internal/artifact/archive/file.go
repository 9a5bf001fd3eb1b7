package archive

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// A Format is a file format of archives.
type Format string

// The formats, named by the extension of their files.
const (
	TarGzip Format = "tar.gz"
	TarZstd Format = "tar.zst"
	TarXz   Format = "tar.xz"
	Zip     Format = "zip"
	Binary  Format = "binary" // the only file itself
)

// Formats returns all formats.
func Formats() []Format { return []Format{TarGzip, TarZstd, TarXz, Zip, Binary} }

// ParseFormat checks that s names a Format.
func ParseFormat(s string) (Format, error) {
	if f := Format(s); slices.Contains(Formats(), f) {
		return f, nil
	}
	return "", fmt.Errorf("parsing format %q: want %s, %s, %s, %s or %s", s, TarGzip, TarZstd, TarXz, Zip, Binary)
}

// Write writes entries to w in the format f.
func (f Format) Write(w io.Writer, entries []Entry, opts Options) error {
	switch f {
	case TarGzip:
		return WriteTarGzip(w, entries, opts)
	case TarZstd:
		return WriteTarZstd(w, entries, opts)
	case TarXz:
		return WriteTarXz(w, entries, opts)
	case Zip:
		return WriteZip(w, entries, opts)
	case Binary:
		return WriteBinary(w, entries, opts)
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
