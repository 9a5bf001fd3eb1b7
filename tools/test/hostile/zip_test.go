//go:build linux

package hostile

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/testing/archivetest"
)

const zipPrefix = "example.com/m@v1.0.0/"

// unzip unpacks a module's zip.
func unzip(c *cell) error {
	m := module.Version{Path: "example.com/m", Version: "v1.0.0"}
	return gomod.Unzip(filepath.Join(c.target(), "module"), m, c.in("zip"))
}

// hashZip compares a module's zip with the lock.
func hashZip(c *cell) error {
	_, err := gomod.HashZip(c.in("zip"))
	return err
}

func listZip(c *cell) error {
	_, err := archivetest.ListFile(c.in("zip"))
	return err
}

// zips are hostile module zips, and zips that are not modules.
func zips() []hazard {
	var all []hazard
	raw := func(name, want string, feed func(*cell) error, write func(w io.Writer) error) {
		all = append(all, hazard{name: name, want: want, feed: feed, prepare: func(p *prep) { p.stream("zip", write) }})
	}
	add := func(name, want string, write func(w *zip.Writer) error) {
		raw(name, `unpacking "{base}/in/zip": `+want, unzip, func(out io.Writer) error {
			w := zip.NewWriter(out)
			if err := write(w); err != nil {
				return err
			}
			return w.Close()
		})
	}
	files := func(name, want string, names ...string) {
		add(name, want, func(w *zip.Writer) error {
			for _, n := range names {
				f, err := w.Create(n)
				if err == nil {
					_, err = io.WriteString(f, "evil")
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	files("up", `…malformed file path`, zipPrefix+"../../x")
	files("up, out of the prefix", `…malformed file path`, zipPrefix[:len(zipPrefix)-1]+"/../../../x")
	files("no prefix", `…path does not have prefix "`+zipPrefix+`"`, "x")
	files("absolute", `…path does not have prefix "`+zipPrefix+`"`, "/tmp/x")
	files("another module's prefix", `…path does not have prefix`, "example.com/m@v1.0.1/x")
	files("backslash", `…malformed file path`, zipPrefix+`..\x`)
	files("twice", `…multiple entries for file`, zipPrefix+"a", zipPrefix+"a")
	files("equal but for case", `…case-insensitive file name collision`, zipPrefix+"a", zipPrefix+"A")
	files("file and directory", `…entry "a" is both a file and a directory`, zipPrefix+"a", zipPrefix+"a/b")
	files("go.mod in a directory", `…go.mod file not in module root directory`, zipPrefix+"a/go.mod", zipPrefix+"a/GO.MOD")
	files("zero byte", `…malformed file path`, zipPrefix+"a\x00b")
	files("escape codes", `…malformed file path`, zipPrefix+"a\x1b[2J")
	files("name that Windows reserves", `…malformed file path`, zipPrefix+"con")
	files("name of 60,000 bytes", `file "`+zipPrefix+strings.Repeat("n", 200-len(zipPrefix))+`": its name has more than 4096 bytes`, zipPrefix+strings.Repeat("n", 60_000))
	entry := func(name, want string, h zip.FileHeader, data string) {
		add(name, want, func(w *zip.Writer) error {
			content := []byte(data)
			if data == "" {
				content = deflated(64 << 20)
			}
			h.Name, h.CompressedSize64 = zipPrefix+"a", uint64(len(content))
			f, err := w.CreateRaw(&h)
			if err == nil {
				_, err = f.Write(content)
			}
			return err
		})
	}
	entry("64 MiB that say 1 KiB", `…zip: `, zip.FileHeader{Method: zip.Deflate, UncompressedSize64: 1024}, "")
	entry("10 GiB", `the files have more than 524288000 bytes`, zip.FileHeader{Method: zip.Deflate, UncompressedSize64: 10 << 30}, "")
	entry("16 EiB", `the files have more than 524288000 bytes`, zip.FileHeader{Method: zip.Deflate, UncompressedSize64: 1<<64 - 1}, "")
	entry("wrong checksum", `…zip: checksum error`, zip.FileHeader{CRC32: 1, UncompressedSize64: 4}, "evil")
	entry("unknown method", `…unsupported compression algorithm`, zip.FileHeader{Method: 99, UncompressedSize64: 4}, "evil")
	return append(all, rawZips(raw)...)
}

// deflated returns a stream of n zeros. Its CRC-32 does not matter.
func deflated(n int) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write(make([]byte, n))
	_ = w.Close()
	return b.Bytes()
}

// overlapping writes a zip of n entries that share the content of one, as in
// https://www.bamsoftware.com/hacks/zipbomb/.
func overlapping(w io.Writer, n, size int, name func(i int) string) error {
	data := deflated(size)
	sum := crc32.ChecksumIEEE(make([]byte, size))
	le := binary.LittleEndian
	head := func(sig string, more []byte, name string) []byte {
		b := append([]byte(sig), more...)
		b = le.AppendUint16(b, 20) // version needed
		b = le.AppendUint16(b, 0)
		b = le.AppendUint16(b, zip.Deflate)
		b = le.AppendUint32(b, 0) // time
		b = le.AppendUint32(b, sum)
		b = le.AppendUint32(b, uint32(len(data)))
		b = le.AppendUint32(b, uint32(size))
		b = le.AppendUint16(b, uint16(len(name)))
		return le.AppendUint16(b, 0)
	}
	local := append(head("PK\x03\x04", nil, name(0)), name(0)...)
	if _, err := w.Write(append(local, data...)); err != nil {
		return err
	}
	var dir bytes.Buffer
	for i := range n {
		b := head("PK\x01\x02", []byte{20, 0}, name(i))
		b = append(b, make([]byte, 14)...) // comment, disk, attributes, and the offset: 0
		dir.Write(append(b, name(i)...))
	}
	end := []byte("PK\x06\x06")
	end = le.AppendUint64(end, 44)
	end = append(end, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	end = le.AppendUint64(end, uint64(n))
	end = le.AppendUint64(end, uint64(n))
	end = le.AppendUint64(end, uint64(dir.Len()))
	end = le.AppendUint64(end, uint64(len(local)+len(data)))
	at := len(local) + len(data) + dir.Len()
	end = append(end, "PK\x06\x07\x00\x00\x00\x00"...)
	end = le.AppendUint64(end, uint64(at))
	end = append(end, 1, 0, 0, 0)
	end = append(end, "PK\x05\x06\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00"...)
	if _, err := dir.WriteTo(w); err != nil {
		return err
	}
	_, err := w.Write(end)
	return err
}

func rawZips(raw func(name, want string, feed func(*cell) error, write func(w io.Writer) error)) []hazard {
	numbered := func(i int) string { return fmt.Sprintf("%s%07d", zipPrefix, i) }
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
	}
	raw("overlapping entries of 2 GiB", `unpacking "{base}/in/zip": the files have more than 524288000 bytes`, unzip, func(w io.Writer) error { return overlapping(w, 32, 64<<20, numbered) })
	raw("overlapping entries of 2 GiB, compared", `reading "{base}/in/zip": the files have more than 524288000 bytes`, hashZip, func(w io.Writer) error { return overlapping(w, 32, 64<<20, numbered) })
	raw("a million entries", `unpacking "{base}/in/zip": it has more than 200000 files`, unzip, func(w io.Writer) error { return overlapping(w, 1_000_000, 1, numbered) })
	raw("a million entries, compared", `reading "{base}/in/zip": it has more than 200000 files`, hashZip, func(w io.Writer) error { return overlapping(w, 1_000_000, 1, numbered) })
	raw("a million entries, listed", `listing archive "{base}/in/zip": `, listZip, func(w io.Writer) error { return overlapping(w, 1_100_000, 1, numbered) })
	raw("60 million entries in 100 bytes", `zip: not a valid zip file`, unzip, text("PK\x05\x06\x00\x00\x00\x00\xfe\xff\xfe\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"+strings.Repeat("x", 100)))
	raw("no directory", `zip: not a valid zip file`, unzip, text("PK\x03\x04"+strings.Repeat("x", 1000)))
	raw("empty file", `zip: not a valid zip file`, unzip, text(""))
	raw("tar", `zip: not a valid zip file`, unzip, func(w io.Writer) error { t := newTarWriter(w); t.file(zipPrefix+"a", ""); return t.close() })
	link := func(p *prep) {
		p.stream("zip", func(out io.Writer) error {
			w := zip.NewWriter(out)
			h := &zip.FileHeader{Name: zipPrefix + "a"}
			h.SetMode(fs.ModeSymlink | 0o777)
			f, err := w.CreateHeader(h)
			if err != nil {
				return err
			}
			_, err = io.WriteString(f, "../../x")
			return errors.Join(err, w.Close())
		})
	}
	return []hazard{
		{name: "link", report: `-r--r--r--`, prepare: link, feed: func(c *cell) error {
			if err := unzip(c); err != nil {
				return err
			}
			info, err := os.Lstat(filepath.Join(c.target(), "module", "a"))
			if err == nil {
				c.say("%v", info.Mode())
			}
			return err
		}},
		{name: "up, listed", report: `../x sha256:`, feed: func(c *cell) error {
			lines, err := archivetest.ListFile(c.in("zip"))
			c.say("%s", lines)
			return err
		}, prepare: func(p *prep) {
			p.stream("zip", func(w io.Writer) error { return overlapping(w, 1, 10<<20, func(int) string { return "../x" }) })
		}},
	}
}
