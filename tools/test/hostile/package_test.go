//go:build linux

package hostile

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/apk"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/deb"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/rpm"
)

// packages are hostile Linux packages.
func packages() []hazard { return append(append(debs(), rpms()...), apks()...) }

// arMember returns a member of an ar archive, whose size is as it is said.
func arMember(name string, size any, data []byte) []byte {
	head := fmt.Sprintf("%-16s%-12d%-6d%-6d%-8s%-10v`\n", name, 0, 0, 0, "100644", size)
	if len(data)%2 > 0 {
		data = append(data[:len(data):len(data)], '\n')
	}
	return append([]byte(head), data...)
}

// debOf returns a package with a member of control data.
func debOf(member string, data []byte) []byte {
	b := append([]byte("!<arch>\n"), arMember("debian-binary", 4, []byte("2.0\n"))...)
	return append(b, arMember(member, len(data), data)...)
}

// tarOne returns a tar of one file that begins with a text and has size bytes, zeros after the
// text.
func tarOne(w io.Writer, name, text string, size int64) error {
	t := tar.NewWriter(w)
	if err := t.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644}); err != nil {
		return err
	}
	_, err := io.Copy(t, io.MultiReader(strings.NewReader(text), io.LimitReader(zeroReader{}, size-int64(len(text)))))
	if err == nil {
		err = t.Close()
	}
	return err
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// control returns a compressed control.tar whose file control has a text.
func control(p *prep, text string) []byte {
	return compressed(p, "gz", "./control", text, int64(len(text)))
}

func compressed(p *prep, how, name, text string, size int64) []byte {
	p.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch how {
	case "gz":
		w = gzip.NewWriter(&b)
	case "xz":
		w, err = xz.NewWriter(&b)
	case "zst":
		w, err = zstd.NewWriter(&b)
	}
	if err == nil {
		err = tarOne(w, name, text, size)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		p.Fatal(err)
	}
	return b.Bytes()
}

// wideXz returns an xz stream whose only block wants a dictionary of 4 GiB
// (https://tukaani.org/xz/xz-file-format.txt, section 5.3.1).
func wideXz(p *prep) []byte {
	data := compressed(p, "xz", "./control", "x", 1)
	head := data[12:24] // of the block
	head[4] = 40        // of 4 GiB
	binary.LittleEndian.PutUint32(head[8:], crc32.ChecksumIEEE(head[:8]))
	return data
}

// wideZstd returns the beginning of a zstd frame with a window of 1 TiB (RFC 8878, section
// 3.1.1.1.2).
func wideZstd() []byte {
	return append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 30 << 3}, 0x02, 0xff, 0xff, 'x')
}

const goodControl = "Package: demo\nVersion: 1.0\nArchitecture: amd64\n"

func debs() []hazard {
	var all []hazard
	add := func(name, want string, make func(p *prep) []byte) {
		all = append(all, hazard{
			name: "deb: " + name, want: want,
			prepare: func(p *prep) { p.file("demo.deb", make(p)) },
			feed: func(c *cell) error {
				return c.read("demo.deb", func(r io.Reader) error { _, err := deb.Read(r); return err })
			},
		})
	}
	field := func(name, want string, parts ...any) {
		add(name, want, func(p *prep) []byte { return debOf("control.tar.gz", control(p, p.join(parts))) })
	}
	add("empty", "not a Debian package: it is not an ar archive", func(*prep) []byte { return nil })
	add("cut", "not a Debian package: member 2 of the archive is cut", func(p *prep) []byte { return debOf("control.tar.gz", nil)[:100] })
	add("cut in control.tar", "reading control.tar.gz: unexpected EOF", func(p *prep) []byte {
		all := debOf("control.tar.gz", control(p, goodControl))
		return all[:len(all)-30]
	})
	add("negative size", `size of "debian-binary": got "-4`, func(*prep) []byte { return append([]byte("!<arch>\n"), arMember("debian-binary", -4, nil)...) })
	add("huge size", `member "x" of 9999999999 bytes is before control.tar`, func(*prep) []byte {
		return append(append([]byte("!<arch>\n"), arMember("debian-binary", 4, []byte("2.0\n"))...), arMember("x", 9999999999, nil)...)
	})
	add("huge size of control.tar", `unexpected EOF`, func(p *prep) []byte {
		return append(append([]byte("!<arch>\n"), arMember("debian-binary", 4, []byte("2.0\n"))...), arMember("control.tar", 9999999999, []byte("x"))...)
	})
	add("escape codes in a name", `its first member is "\x1b[2J"`, func(*prep) []byte { return append([]byte("!<arch>\n"), arMember("\x1b[2J", 0, nil)...) })
	add("unknown compression", `got the compression ".lzma"`, func(*prep) []byte { return debOf("control.tar.lzma", nil) })
	for _, how := range []string{"gz", "xz", "zst"} {
		add("bomb, "+how, "reading control.tar."+how+": unexpected EOF", func(p *prep) []byte {
			return debOf("control.tar."+how, compressed(p, how, "./other", "", 300<<20))
		})
		add("large control, "+how, "control has more than 1048576 bytes", func(p *prep) []byte {
			return debOf("control.tar."+how, compressed(p, how, "./control", goodControl, 60<<20))
		})
	}
	add("wide window, xz", "reading control.tar.xz: xz: a block wants a larger dictionary than 134217728 bytes", func(p *prep) []byte { return debOf("control.tar.xz", wideXz(p)) })
	add("wide window, zst", "reading control.tar.zst: window size exceeded", func(*prep) []byte { return debOf("control.tar.zst", wideZstd()) })
	field("many fields", "parsing control: line 1001: more than 1000 fields in a paragraph", times{100_000, "%d:x\n"})
	field("many lines", "parsing control: Package: got \"\"", "Description: x\n", times{340_000, " x\n"})
	field("field twice", `parsing control: line 2: duplicate field "package"`, "Package: demo\npackage: other\n")
	field("empty field twice", `parsing control: line 2: duplicate field "x"`, "X:\nx:\n")
	field("no field", `parsing control: line 1: got a continuation without a field`, " x")
	field("long line", `parsing control: line 1: got "xxx`, times{1 << 19, "x"})
	field("name that is a path", `parsing control: Package: got "../x", want a valid one`, "Package: ../x\n")
	field("version with escape codes", `parsing control: Version: got "1\x1b[2J"`, "Package: demo\nVersion: 1\x1b[2J\n")
	field("two packages", `got 2 paragraphs, want one`, goodControl+"\n"+goodControl)
	return all
}

// read passes an input file to a reader.
func (c *cell) read(name string, read func(io.Reader) error) error {
	f, err := os.Open(c.in(name))
	if err != nil {
		return err
	}
	defer f.Close()
	return read(f)
}

// An rpmTag is an entry of a header's index.
type rpmTag struct{ tag, kind, offset, count uint32 }

// rpmHeader returns a header with values, whose sizes are as they are said.
func rpmHeader(tags, size uint32, index []rpmTag, data []byte) []byte {
	b := []byte{0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0}
	for _, n := range []uint32{tags, size} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	for _, t := range index {
		for _, n := range []uint32{t.tag, t.kind, t.offset, t.count} {
			b = binary.BigEndian.AppendUint32(b, n)
		}
	}
	return append(b, data...)
}

func rpms() []hazard {
	lead := append([]byte{0xed, 0xab, 0xee, 0xdb}, make([]byte, 92)...)
	signature := rpmHeader(0, 0, nil, nil)
	var all []hazard
	add := func(name, want string, make func() []byte) {
		all = append(all, hazard{
			name: "rpm: " + name, want: want,
			prepare: func(p *prep) { p.file("demo.rpm", make()) },
			feed: func(c *cell) error {
				return c.read("demo.rpm", func(r io.Reader) error { _, err := rpm.Read(r); return err })
			},
		})
	}
	after := func(parts ...[]byte) func() []byte {
		return func() []byte { return bytes.Join(append([][]byte{lead}, parts...), nil) }
	}
	header := func(name, want string, data []byte, index ...rpmTag) {
		add(name, want, after(signature, rpmHeader(uint32(len(index)), uint32(len(data)), index, data)))
	}
	// zeros has a header of size zeros.
	zeros := func(name, want string, size uint32, index ...rpmTag) {
		add(name, want, func() []byte {
			return after(signature, rpmHeader(uint32(len(index)), size, index, make([]byte, size)))()
		})
	}
	add("empty", "not an RPM package", func() []byte { return nil })
	add("only a lead", "reading a header: EOF", after())
	add("no magic number", "reading a header: it does not begin with its magic number", after(make([]byte, 16)))
	add("cut", "reading a header: unexpected EOF", after(signature, rpmHeader(1, 1<<20, nil, nil)))
	add("many tags", "got 4294967295 tags in 0 bytes, want at most 65535 in ", after(rpmHeader(1<<32-1, 0, nil, nil)))
	add("huge header", "got 0 tags in 4294967295 bytes, want at most ", after(rpmHeader(0, 1<<32-1, nil, nil)))
	zeros("large header", "reading a header: got 0 tags in 267386880 bytes, want at most 65535 in 33554432", 255<<20)
	header("value outside", "tag 1000: it is at 100 of 4 bytes", make([]byte, 4), rpmTag{1000, 6, 100, 1})
	header("negative offset", "tag 1000: it is at 4294967295 of 4 bytes", make([]byte, 4), rpmTag{1000, 6, 1<<32 - 1, 1})
	header("cut text", "tag 1000: its value is cut", []byte("name"), rpmTag{1000, 6, 0, 1})
	header("many numbers", "tag 1030: got 4294967295 texts or numbers, want at most 2097152", make([]byte, 4), rpmTag{1030, 3, 0, 1<<32 - 1})
	zeros("bomb of bytes", "tag 1030: got 32505856 texts or numbers", 31<<20, rpmTag{1030, 2, 0, 31 << 20})
	zeros("bomb of texts", "tag 1117: got 32505856 texts or numbers", 31<<20, rpmTag{1117, 8, 0, 31 << 20})
	var some []rpmTag
	for tag := range uint32(30) {
		some = append(some, rpmTag{tag, 8, tag << 20, 1 << 20})
	}
	zeros("bomb of several tags", "tag 2: got more than 2097152 texts and numbers", 31<<20, some...)
	var overlap []rpmTag
	for tag := range uint32(60_000) {
		overlap = append(overlap, rpmTag{tag, 8, 0, 1 << 10})
	}
	zeros("overlapping values", "its value overlaps others", 1<<20, overlap...)
	header("name that is a path", `reading a package: name: got "../x", want a valid one`, []byte("../x\x00"), rpmTag{1000, 6, 0, 1})
	header("name with escape codes", `reading a package: name: got "\x1b[2J"`, []byte("\x1b[2J\x00"), rpmTag{1000, 6, 0, 1})
	header("long name", `reading a package: name: got "aaa`, append(bytes.Repeat([]byte("a"), 1<<20), 0), rpmTag{1000, 6, 0, 1})
	good := []byte("demo\x001\x001\x00noarch\x00demo.src.rpm\x00../x\x00")
	tags := []rpmTag{{1000, 6, 0, 1}, {1001, 6, 5, 1}, {1002, 6, 7, 1}, {1022, 6, 9, 1}, {1044, 6, 16, 1}}
	header("file that is a path", `file "../x": want an absolute path`, good, append(tags, rpmTag{1027, 8, 29, 1})...)
	header("file without a directory", `file "../x": it has no directory`, good, append(tags, rpmTag{1117, 8, 29, 1})...)
	header("dependency without a version", `requires: got 1 names, 0 flags and 0 versions`, good, append(tags, rpmTag{1049, 8, 29, 1})...)
	return all
}

func apks() []hazard {
	var all []hazard
	add := func(name, want string, make func(p *prep) []byte) {
		all = append(all, hazard{
			name: "apk: " + name, want: want,
			prepare: func(p *prep) { p.file("demo.apk", make(p)) },
			feed: func(c *cell) error {
				return c.read("demo.apk", func(r io.Reader) error { _, err := apk.Read(r); return err })
			},
		})
	}
	info := func(name, want string, parts ...any) {
		add(name, want, func(p *prep) []byte {
			text := p.join(parts)
			return compressed(p, "gz", ".PKGINFO", text, int64(len(text)))
		})
	}
	add("empty", "not a package of Alpine Linux: EOF", func(*prep) []byte { return nil })
	add("no gzip", "not a package of Alpine Linux: gzip: invalid header", func(*prep) []byte { return make([]byte, 100) })
	add("cut", "not a package of Alpine Linux: unexpected EOF", func(p *prep) []byte { return compressed(p, "gz", ".PKGINFO", "x", 1)[:60] })
	add("bomb", "not a package of Alpine Linux: a segment before the files has more than 16777216 bytes", func(p *prep) []byte {
		return compressed(p, "gz", ".SIGN.RSA.x", "", 300<<20)
	})
	add("many segments", "not a package of Alpine Linux: it has no .PKGINFO", func(p *prep) []byte {
		return bytes.Repeat(compressed(p, "gz", ".SIGN.RSA.x", "x", 1), 100_000)
	})
	add("huge gzip header", "not a package of Alpine Linux: flate: corrupt input", func(*prep) []byte {
		return append([]byte{0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, bytes.Repeat([]byte("x"), 70_000)...)
	})
	add("huge gzip name", "gzip: invalid header", func(*prep) []byte {
		return append([]byte{0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0}, bytes.Repeat([]byte("x"), 64<<20)...)
	})
	add("huge size", "reading .PKGINFO: unexpected EOF", func(p *prep) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		t := tar.NewWriter(z)
		if err := t.WriteHeader(&tar.Header{Name: ".PKGINFO", Size: 1 << 40}); err != nil {
			p.Fatal(err)
		}
		if err := z.Close(); err != nil {
			p.Fatal(err)
		}
		return b.Bytes()
	})
	info("many keys", "parsing .PKGINFO: got 1000001 lines, want at most 100000", times{1_000_000, "%d = \n"})
	info("many values", "parsing .PKGINFO: got 1000001 lines, want at most 100000", times{1_000_000, "depend = x\n"})
	info("key twice", `parsing .PKGINFO: pkgname: got 2 of them, want one`, "pkgname = demo\npkgname = x\n")
	info("name that is a path", `parsing .PKGINFO: pkgname: got "../x", want a valid one`, "pkgname = ../x\n")
	info("long version", `parsing .PKGINFO: pkgver: got "111`, "pkgname = demo\npkgver = ", times{1 << 19, "1"}, "\n")
	info("escape codes", `parsing .PKGINFO: arch: got "\x1b[2J"`, "pkgname = demo\npkgver = 1\narch = \x1b[2J\n")
	return all
}
