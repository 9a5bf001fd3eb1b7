// Pack writes one release archive.
//
//	pack -format tar.gz|tar.zst|tar.xz|zip|binary -entries FILE.json -mtime SECONDS -out FILE [-prefix DIR/] [-sha256 FILE]
//
// The archive's bytes depend on the entries and the flags alone. The clock, time
// zone, locale, umask, user, directory, number of CPUs, order of the entries and
// modes of the files on disk have no effect.
//
// # Entries
//
// FILE.json is a list of objects:
//
//	[
//	  {"path": "bin/age", "source": "bazel-out/k8/bin/age", "mode": "0755"},
//	  {"path": "share/doc", "source": "bazel-out/k8/bin/docs"},
//	  {"path": "VERSION", "content": "1.0.0\n"},
//	  {"path": "bin/rage", "symlink": "age"},
//	  {"path": "plugins/"}
//	]
//
// path is the entry's path below -prefix. source is a file on disk, or a directory, of
// which all files are added; symbolic links on disk are followed. content is the content
// itself. symlink is the target of a link. A path that ends in a slash and has none of
// the three is an empty directory. mode is "0644", the default, or "0755", and applies
// to all files of a directory. Parent directories are added, with mode 0755. The owner
// is 0:0.
//
// These are errors: other keys; an empty list; paths that are empty, absolute or not
// clean, or have "..", backslashes or control characters; two entries at the same path;
// a file that changes while it is read; in a zip, two paths that differ only in case,
// and names that Windows cannot hold.
//
// # Flags
//
//	-format   tar.gz: one gzip member, ustar headers, pax headers where needed
//	          tar.zst: one zstd frame; tar.xz: one xz stream; the tar is the same
//	          zip: deflate, Zip64 where needed, Unix modes, times in UTC
//	          binary: the content of the only entry, a file
//	-entries  the list
//	-prefix   the directory that holds all entries, such as toolbox-1.0.0/
//	-mtime    the time of every entry: seconds since 1970; a zip cannot hold times
//	          before 1980, so 0 becomes 1980-01-01T00:00:00Z there
//	-out      the archive to write
//	-sha256   a file to write, with the archive's SHA-256 and base name, for
//	          sha256sum -c
//
// Files are written under temporary names and renamed. An error leaves no file behind.
//
// Exit status: 0 done, 1 an error, 2 the command line is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

const name = "pack"

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, _, stderr io.Writer) int {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	format := fs.String("format", "", "`format` of the archive: tar.gz, tar.zst, tar.xz, zip or binary")
	entries := fs.String("entries", "", "JSON `FILE` with the entries")
	prefix := fs.String("prefix", "", "`DIR/` that holds all entries")
	mtime := fs.Int64("mtime", -1, "time of every entry in `SECONDS` since 1970")
	out := fs.String("out", "", "archive `FILE` to write")
	sum := fs.String("sha256", "", "checksum `FILE` to write")
	if status, ok := cli.ParseFlags(fs, args, stderr); !ok {
		return status
	}
	f, err := archive.ParseFormat(*format)
	switch {
	case fs.NArg() > 0:
		return cli.UsageError(stderr, name, "unexpected argument %q", fs.Arg(0))
	case err != nil:
		return cli.UsageError(stderr, name, "-format: %v", err)
	case *entries == "":
		return cli.UsageError(stderr, name, "-entries is required")
	case *mtime < 0:
		return cli.UsageError(stderr, name, "-mtime is required: seconds since 1970")
	case *out == "":
		return cli.UsageError(stderr, name, "-out is required")
	case *sum != "" && filepath.Clean(*sum) == filepath.Clean(*out):
		return cli.UsageError(stderr, name, "-out and -sha256 are both %q", *out)
	case strings.ContainsAny(filepath.Base(*out), "\\\n\r"):
		return cli.UsageError(stderr, name, "-out: name %q cannot be written in a checksum file", filepath.Base(*out))
	}
	list, err := archive.ReadEntries(*entries)
	if err == nil {
		err = pack(ctx, *sum, archive.WriteFileArgs{
			Name:    *out,
			Format:  f,
			Entries: list,
			Options: archive.Options{Prefix: *prefix, ModTime: time.Unix(*mtime, 0)},
		})
	}
	if err != nil {
		return cli.Fail(stderr, name, err)
	}
	return cli.OK
}

// pack writes the archive and, if -sha256 is set, the checksum file.
func pack(ctx context.Context, sumName string, args archive.WriteFileArgs) error {
	result, err := archive.WriteFile(ctx, args)
	if err != nil || sumName == "" {
		return err
	}
	line := fmt.Sprintf("%s  %s\n", result.Digest.Hex(), filepath.Base(args.Name))
	if err := fileio.WriteFile(sumName, []byte(line), 0o644); err != nil {
		return errors.Join(err, os.Remove(args.Name))
	}
	return nil
}
