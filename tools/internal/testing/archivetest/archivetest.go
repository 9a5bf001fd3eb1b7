// Package archivetest lists archives with the standard library alone: what tests compare
// an archive with.
package archivetest

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// List limits what it reads, because archives may come from anywhere.
const (
	maxEntries = 200_000  // entries
	maxBytes   = 1 << 36  // bytes of content, uncompressed
	maxText    = 64 << 20 // bytes of names and link targets
	maxZipLink = 1 << 16  // bytes of a link target in a zip
)

// List returns a line for each entry of a tar, a gzipped tar or a zip, in the archive's order.
// It recognises the format by the first bytes:
//
//	-rwxr-xr-x 0:0 1234 2026-01-02T03:04:05Z bin/age sha256:0123456789ab
//	drwxr-xr-x 0:0 0 2026-01-02T03:04:05Z share/
//	lrwxrwxrwx 0:0 0 2026-01-02T03:04:05Z bin/a -> age
//
// which are the mode, the numeric owner ("-:-" in a zip; "0=root:0=root" if a tar has names),
// the size in bytes, the time in UTC, the name, the target of a symbolic or hard link (types l
// and h), and the first digits of a file's SHA-256. Names with unprintable characters are
// quoted as in Go.
//
// It reads all content and so checks all checksums, with the standard library alone. An
// archive that is damaged, has data other than zeros after a tar's end, or exceeds the limits
// is an error. Memory is bounded by the names, not by the content.
func List(r io.ReaderAt, size int64) ([]string, error) {
	return list(r, size, limits{maxEntries, maxBytes, maxText})
}

// ListFile returns the List of the named file.
func ListFile(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	lines, err := List(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("listing archive %q: %w", name, err)
	}
	return lines, nil
}

func list(r io.ReaderAt, size int64, lim limits) ([]string, error) {
	l := &lister{left: lim}
	magic := make([]byte, 4)
	n, err := r.ReadAt(magic, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	stream := bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 64<<10)
	switch s := string(magic[:n]); {
	case strings.HasPrefix(s, "\x1f\x8b"):
		var gz *gzip.Reader
		if gz, err = gzip.NewReader(stream); err == nil {
			err = l.tar(gz)
		}
	case s == "\x28\xb5\x2f\xfd":
		var zs *zstd.Decoder
		if zs, err = zstd.NewReader(stream); err == nil {
			err = l.tar(zs)
			zs.Close()
		}
	case s == "\xfd7zX":
		var x *xz.Reader
		if x, err = xz.NewReader(stream); err == nil {
			err = l.tar(x)
		}
	case s == "PK\x03\x04" || s == "PK\x05\x06":
		err = l.zip(r, size)
	default:
		err = l.tar(stream)
	}
	if err != nil {
		return nil, err
	}
	return l.lines, nil
}

// limits are the remaining entries and bytes.
type limits struct {
	entries int
	bytes   int64
	text    int
}

type lister struct {
	lines []string
	left  limits
}

// entry is the content of a line.
type entry struct {
	kind   byte // as in ls
	mode   fs.FileMode
	owner  string
	size   int64
	time   time.Time
	name   string
	target string
	sum    digest.Digest
}

func (l *lister) add(e entry) error {
	l.left.entries--
	l.left.text -= len(e.name) + len(e.target)
	if l.left.entries < 0 {
		return errors.New("archive has too many entries")
	}
	if l.left.text < 0 {
		return errors.New("archive's names are too long")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%c%s %s %d %s %s", e.kind, permissions(e.mode), e.owner, e.size,
		e.time.UTC().Format(time.RFC3339Nano), quoteIfNeeded(e.name))
	if e.target != "" {
		b.WriteString(" -> " + quoteIfNeeded(e.target))
	}
	if e.sum != "" {
		b.WriteString(" sha256:" + e.sum.Short())
	}
	l.lines = append(l.lines, b.String())
	return nil
}

// tar lists the tar stream r and reads it to its end.
func (l *lister) tar(r io.Reader) error {
	content := &io.LimitedReader{R: r, N: l.left.bytes + 1}
	tr := tar.NewReader(content)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return l.tarError(content, err)
		}
		e := entry{kind: '?', mode: h.FileInfo().Mode(), owner: owner(h), size: h.Size, time: h.ModTime, name: h.Name, target: h.Linkname}
		switch h.Typeflag {
		case tar.TypeReg:
			e.kind = '-'
			if e.sum, err = l.sum(tr); err != nil {
				return l.tarError(content, err)
			}
		case tar.TypeDir:
			e.kind = 'd'
		case tar.TypeSymlink:
			e.kind = 'l'
		case tar.TypeLink:
			e.kind = 'h'
		}
		if err := l.add(e); err != nil {
			return err
		}
	}
	return l.tarError(content, onlyZeros(content))
}

// tarError distinguishes the end of a limit from the end of the archive.
func (l *lister) tarError(content *io.LimitedReader, err error) error {
	if content.N <= 0 {
		return errors.New("archive is too large")
	}
	return err
}

func (l *lister) zip(r io.ReaderAt, size int64) error {
	if err := countEntries(io.NewSectionReader(r, 0, size), l.left.entries); err != nil {
		return err
	}
	zr, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return err
	}
	for _, f := range zr.File {
		e := entry{kind: '?', mode: f.Mode(), owner: "-:-", size: int64(f.UncompressedSize64), time: f.Modified, name: f.Name}
		switch e.mode.Type() {
		case 0:
			e.kind = '-'
		case fs.ModeDir:
			e.kind = 'd'
		case fs.ModeSymlink:
			e.kind = 'l'
		}
		if err := l.zipContent(f, &e); err != nil {
			return fmt.Errorf("reading zip entry %q: %w", f.Name, err)
		}
		if err := l.add(e); err != nil {
			return err
		}
	}
	return nil
}

// countEntries counts possible entries of a zip's directory. The package archive/zip keeps all
// entries, whatever number the end record has.
func countEntries(r io.Reader, limit int) error {
	signature := []byte("PK\x01\x02")
	buf := make([]byte, 256<<10)
	kept, count := 0, 0
	for {
		n, err := r.Read(buf[kept:])
		part := buf[:kept+n]
		if count += bytes.Count(part, signature); count > limit {
			return errors.New("archive has too many entries")
		}
		// A signature may be split between two parts; a whole one is not kept.
		kept = copy(buf, part[max(0, len(part)-len(signature)+1):])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// zipContent reads a file's or link's content into e. The zip reader checks the size and the
// CRC-32.
func (l *lister) zipContent(f *zip.File, e *entry) error {
	if e.kind == 'd' {
		return nil
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	if e.kind == 'l' {
		target, err := io.ReadAll(io.LimitReader(r, maxZipLink+1))
		if len(target) > maxZipLink {
			return fmt.Errorf("link target has more than %d bytes", maxZipLink)
		}
		e.target, e.size = string(target), 0
		return err
	}
	e.sum, err = l.sum(r)
	return err
}

// sum returns the digest of r.
func (l *lister) sum(r io.Reader) (digest.Digest, error) {
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(r, l.left.bytes+1))
	if l.left.bytes -= n; l.left.bytes < 0 {
		return "", errors.New("archive is too large")
	}
	return digest.FromSum(h.Sum(nil)), err
}

// onlyZeros reads r to its end, so that gzip checks its trailer.
func onlyZeros(r io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if strings.Trim(string(buf[:n]), "\x00") != "" {
			return errors.New("data after the end of the tar")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func owner(h *tar.Header) string {
	part := func(id int, name string) string {
		if name == "" {
			return strconv.Itoa(id)
		}
		return strconv.Itoa(id) + "=" + quoteIfNeeded(name)
	}
	return part(h.Uid, h.Uname) + ":" + part(h.Gid, h.Gname)
}

// permissions returns the nine permission bits as in ls, after the letters u, g and t for
// setuid, setgid and sticky.
func permissions(m fs.FileMode) string {
	m &= fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	return strings.TrimPrefix(m.String(), "-")
}

func quoteIfNeeded(s string) string {
	if q := strconv.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}
