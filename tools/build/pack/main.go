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
	"io"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, _, stderr io.Writer) int {
	return cli.Verb{Flags: []cli.Flag{
		cli.Required("format", "`format` of the archive: tar.gz, tar.zst, tar.xz, zip or binary", checkFormat),
		cli.Required("entries", "JSON `FILE` with the entries", nil),
		cli.Optional("prefix", "`DIR/` that holds all entries"),
		cli.Required("mtime", "time of every entry in `SECONDS` since 1970", cli.CheckSeconds),
		cli.Required("out", "archive `FILE` to write", nil),
		cli.Optional("sha256", "checksum `FILE` to write"),
	}, Run: pack}.Main(ctx, "pack", args, stderr)
}

func checkFormat(value string) error {
	_, err := archive.ParseFormat(value)
	return err
}

// pack writes the archive and, if --sha256 is set, the checksum file.
func pack(ctx context.Context, v cli.Values) error {
	format, err := archive.ParseFormat(v.Get("format"))
	if err != nil {
		return err
	}
	entries, err := archive.ReadEntries(v.Get("entries"))
	if err != nil {
		return err
	}
	return fileio.ReplaceWithSum(ctx, v.Get("out"), v.Get("sha256"), func(w io.Writer) error {
		return format.Write(w, entries, archive.Options{Prefix: v.Get("prefix"), ModTime: v.Seconds("mtime")})
	})
}
