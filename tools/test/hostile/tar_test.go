//go:build linux

package hostile

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
)

// extract unpacks a source's tar.
func extract(c *cell) error {
	f, err := os.Open(c.in("tar"))
	if err != nil {
		return err
	}
	defer f.Close()
	return sourcetar.Extract(f, c.target())
}

// tars are archives that pretend to be a source's canonical tar.
func tars() []hazard {
	var all []hazard
	add := func(name, want string, write func(p *prep, w *tarWriter)) {
		all = append(all, hazard{name: name, want: want, feed: extract, prepare: func(p *prep) {
			p.stream("tar", func(f io.Writer) error {
				w := newTarWriter(f)
				write(p, w)
				return w.close()
			})
		}})
	}
	names := func(name, path, want string) {
		add(name, want, func(p *prep, w *tarWriter) { w.file(p.expand(path), "evil") })
	}
	names("up", "../x", `unpacking "../x": the path leaves the tree`)
	names("up from below", "a/../../x", `unpacking "a/../../x": the path leaves the tree`)
	names("up, alone", "..", `unpacking "..": the path leaves the tree`)
	names("into a neighbour with the same beginning", "../cellar/x", `unpacking "../cellar/x": the path leaves the tree`)
	names("absolute", "{outside}/x", `unpacking "{outside}/x": the path leaves the tree`)
	names("dot", "./x", `unpacking "./x": the path is not clean`)
	names("double slash", "a//x", `unpacking "a//x": the path is not clean`)
	names("backslash", `..\x`, `unpacking "..\\x": the name has a backslash`)
	names("git directory", ".git/config", `".git" is a git directory's name`)
	names("git directory in capitals", "a/.GIT/config", `".GIT" is a git directory's name`)
	names("git directory's short name", "git~1/config", `"git~1" is a git directory's name`)
	names("git directory with dots and spaces", ".git. . /config", `".git. . " is a git directory's name`)
	names("git directory with an ignorable", ".gi\u200ct/config", `is a git directory's name`)
	names("git directory as a stream", ".git::$INDEX_ALLOCATION/config", `is a git directory's name`)
	names("long path", strings.Repeat("d/", 2100)+"x", `the path has more than 4096 bytes`)
	names("path of a megabyte", strings.Repeat("d/", 500_000)+"x", `the path has more than 4096 bytes`)
	names("10,000 levels", strings.Repeat("d/", 10_000)+"x", `the path has more than 4096 bytes`)
	names("long name", strings.Repeat("n", 300), `file name too long`)
	names("escape codes", "../\x1b]0;owned\x07\x1b[2J\n\u202e", `unpacking "../\x1b]0;owned\a\x1b[2J\n\u202e"`)

	add("empty name", `the path leaves the tree`, func(_ *prep, w *tarWriter) { w.raw(rawHeader{flag: tar.TypeReg}) })
	add("twice", `unpacking "a": openat a: file exists`, func(_ *prep, w *tarWriter) { w.file("a", ""); w.file("a", "evil") })
	add("twice, with escape codes", `file exists`, func(_ *prep, w *tarWriter) { w.file("a\x1b[2J", ""); w.file("a\x1b[2J", "") })
	add("file below a file", `unpacking "a/b": mkdirat a`, func(_ *prep, w *tarWriter) { w.file("a", ""); w.file("a/b", "") })
	add("file in a directory's place", `unpacking "a": openat a: file exists`, func(_ *prep, w *tarWriter) { w.file("a/b", ""); w.file("a", "") })
	add("directory", `unpacking "d/": the path is not clean`, func(_ *prep, w *tarWriter) { w.header(&tar.Header{Typeflag: tar.TypeDir, Name: "d/"}) })
	add("zero byte in a name", `archive/tar: invalid tar header`, func(_ *prep, w *tarWriter) { w.pax("path", "a\x00/../../x", rawHeader{name: "a", flag: tar.TypeReg}) })

	add("link out", `symbolic link "a" leaves the tree: it points to "../x"`, func(_ *prep, w *tarWriter) { w.link("a", "../x") })
	add("link out, absolute", `symbolic link "a" leaves the tree: it points to "{outside}"`, func(p *prep, w *tarWriter) { w.link("a", p.outside) })
	add("below a link out", `unpacking "a/x": the path goes through the symbolic link "a"`, func(p *prep, w *tarWriter) { w.link("a", p.outside); w.file("a/x", "evil") })
	add("below a link to here", `unpacking "a/x": the path goes through the symbolic link "a"`, func(_ *prep, w *tarWriter) { w.link("a", "."); w.file("a/x", "evil") })
	add("onto a link out", `symbolic link "a" leaves the tree: it points to "{outside}/x"`, func(p *prep, w *tarWriter) { w.link("a", p.outside+"/x"); w.file("a", "evil") })
	add("chain of links out", `symbolic link "d/out" leaves the tree`, func(_ *prep, w *tarWriter) {
		w.link("d/here", ".")
		w.link("d/up", "here/..")
		w.link("d/out", "up/../next")
	})
	add("chain of 1000 links out", `leaves the tree: it points to "../x"`, func(_ *prep, w *tarWriter) {
		for i := range 1000 {
			w.link(fmt.Sprintf("l%d", i), fmt.Sprintf("l%d", i+1))
		}
		w.link("l1000", "../x")
	})
	add("zero byte in a link", `archive/tar: invalid tar header`, func(_ *prep, w *tarWriter) { w.pax("linkpath", "a\x00b", rawHeader{name: "a", flag: tar.TypeSymlink}) })
	add("link of a megabyte", `unpacking "a": the link's target has more than 4096 bytes`, func(_ *prep, w *tarWriter) { w.link("a", strings.Repeat("b/", 500_000)) })

	for _, special := range []struct {
		name string
		flag byte
	}{{"hard link", tar.TypeLink}, {"character device", tar.TypeChar}, {"block device", tar.TypeBlock}, {"named pipe", tar.TypeFifo}, {"contiguous file", tar.TypeCont}, {"unknown type", 'Z'}} {
		add(special.name, fmt.Sprintf(`unpacking "a": type %q: want files and symbolic links only`, special.flag), func(_ *prep, w *tarWriter) {
			w.raw(rawHeader{name: "a", flag: special.flag, link: "../x"})
		})
	}
	add("hard link to a file elsewhere", `unpacking "a": type '1'`, func(p *prep, w *tarWriter) {
		w.header(&tar.Header{Typeflag: tar.TypeLink, Name: "a", Linkname: p.outside + "/x"})
	})
	return append(all, tarSizes(add)...)
}

// tarSizes are archives that are too large, or smaller than they claim.
func tarSizes(add func(name, want string, write func(p *prep, w *tarWriter))) []hazard {
	add("many long names", `the tree's paths and links have more than`, func(_ *prep, w *tarWriter) {
		long := strings.Repeat(strings.Repeat("n", 199)+"/", 19)
		for i := range 10_000 {
			w.link(fmt.Sprintf("%s%06d", long, i), long)
		}
	})
	add("10 GiB", `unpacking "a": the tree has more than 8589934592 bytes`, func(_ *prep, w *tarWriter) { w.raw(rawHeader{name: "a", flag: tar.TypeReg, size: 10 << 30}) })
	add("10 GiB, GNU sparse", `unpacking "a": the tree has more than 8589934592 bytes`, func(_ *prep, w *tarWriter) { w.gnuSparse("a", 10<<30) })
	add("7 GiB, GNU sparse", `unpacking "a": type 'S': want files and symbolic links only`, func(_ *prep, w *tarWriter) { w.gnuSparse("a", 7<<30) })
	add("10 GiB, PAX sparse", `unpacking "a": the tree has more than 8589934592 bytes`, func(_ *prep, w *tarWriter) { w.paxSparse("a", 10<<30) })
	add("7 GiB, PAX sparse", `unpacking "a": it is sparse`, func(_ *prep, w *tarWriter) { w.paxSparse("a", 7<<30) })
	add("negative size", `archive/tar: invalid tar header`, func(_ *prep, w *tarWriter) { w.raw(rawHeader{name: "a", flag: tar.TypeReg, size: -1}) })
	add("sum of sizes", `unpacking "b": the tree has more than 8589934592 bytes`, func(_ *prep, w *tarWriter) {
		w.file("a", "a")
		w.raw(rawHeader{name: "b", flag: tar.TypeReg, size: 8 << 30})
	})
	add("wrong checksum", `archive/tar: invalid tar header`, func(_ *prep, w *tarWriter) { w.raw(rawHeader{name: "a", flag: tar.TypeReg, checksum: 1}) })
	add("cut off in a file", `unpacking: unexpected EOF`, func(_ *prep, w *tarWriter) {
		w.raw(rawHeader{name: "a", flag: tar.TypeReg, size: 600})
		w.bytes("evil")
	})
	add("cut off in a header", `unpacking: unexpected EOF`, func(_ *prep, w *tarWriter) { w.file("a", "a"); w.bytes("b") })
	add("records of 10 MiB", `archive/tar: `, func(_ *prep, w *tarWriter) {
		w.pax("path", strings.Repeat("d/", 5<<20), rawHeader{name: "a", flag: tar.TypeReg})
	})
	add("global records", `unpacking "../x": the path leaves the tree`, func(_ *prep, w *tarWriter) {
		w.note(w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"path": "../x"}}))
	})
	add("no tar", `unpacking: `, func(_ *prep, w *tarWriter) { w.bytes(strings.Repeat("\x1f\x8bno tar ", 100)) })
	return []hazard{
		{name: "a million entries", want: `unpacking "0500000": the tree has more than 500000 files`, feed: func(c *cell) error {
			return sourcetar.Extract(&manyEntries{n: 1_000_000}, c.target())
		}},
		{name: "setuid", report: `-rwxr-xr-x a`, prepare: func(p *prep) {
			p.stream("tar", func(f io.Writer) error {
				w := newTarWriter(f)
				w.header(&tar.Header{Typeflag: tar.TypeReg, Name: "a", Mode: 0o7777, Uid: 1, Uname: "daemon"})
				return w.close()
			})
		}, feed: func(c *cell) error {
			if err := extract(c); err != nil {
				return err
			}
			info, err := os.Lstat(filepath.Join(c.target(), "a"))
			if err == nil {
				c.say("%v a", info.Mode())
			}
			return err
		}},
		{name: "equal but for case", report: `[["A" "a"] ["A/x" "a/x"]]`, feed: func(c *cell) error {
			for _, dir := range []string{"A", "a"} {
				if err := os.Mkdir(filepath.Join(c.target(), dir), 0o755); err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(c.target(), dir, "x"), nil, 0o644); err != nil {
					return err
				}
			}
			result, err := sourcetar.WriteFolder(io.Discard, c.target(), sourcetar.Options{})
			c.say("%q", result.CaseCollisions)
			return err
		}},
	}
}
