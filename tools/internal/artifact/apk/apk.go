// Package apk reads the metadata of a package of Alpine Linux, version 2 of its format
// (https://wiki.alpinelinux.org/wiki/Apk_spec).
package apk

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// Limits on a package, which is not trusted.
const (
	maxSegment = 16 << 20 // bytes of the segments before the files, compressed and not
	maxLines   = 100_000  // of .PKGINFO
)

// A Package is the metadata of a package.
type Package struct {
	Name, Version, Arch string
	// Checksum identifies the package: Q1 and the SHA-1 of its control segment, in base64.
	Checksum string
	// Fields are the values of .PKGINFO by key, in their order.
	Fields map[string][]string
}

var (
	nameText    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)
	versionText = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*[a-z]?(_(alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*(-r[0-9]+)?$`)
	archText    = regexp.MustCompile(`^[a-z0-9_]+$`)
)

// recorder records what is read, byte by byte if asked, so that a decompressor does not read
// beyond the end of its stream.
type recorder struct {
	*bufio.Reader
	seen bytes.Buffer
}

var errTooLong = fmt.Errorf("a segment before the files has more than %d bytes", maxSegment)

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.seen.Write(p[:n])
	if r.seen.Len() > maxSegment {
		return n, errTooLong
	}
	return n, err
}

func (r *recorder) ReadByte() (byte, error) {
	b, err := r.Reader.ReadByte()
	if err == nil {
		r.seen.WriteByte(b)
	}
	if r.seen.Len() > maxSegment {
		return b, errTooLong
	}
	return b, err
}

// Read reads the metadata of a package. It stops reading after the control segment.
func Read(r io.Reader) (*Package, error) {
	in := &recorder{Reader: bufio.NewReader(r)}
	for range 2 { // there may be a signature
		in.seen.Reset()
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("not a package of Alpine Linux: %w", err)
		}
		z.Multistream(false)
		segment, err := io.ReadAll(io.LimitReader(z, maxSegment+1))
		if err == nil && len(segment) > maxSegment {
			err = errTooLong
		}
		if err != nil {
			return nil, fmt.Errorf("not a package of Alpine Linux: %w", err)
		}
		info, err := infoOf(segment)
		if err != nil {
			return nil, err
		}
		if info == nil {
			continue
		}
		p, err := parse(info)
		if err != nil {
			return nil, fmt.Errorf("parsing .PKGINFO: %w", err)
		}
		sum := sha1.Sum(in.seen.Bytes())
		p.Checksum = "Q1" + base64.StdEncoding.EncodeToString(sum[:])
		return p, nil
	}
	return nil, errors.New("not a package of Alpine Linux: it has no .PKGINFO")
}

// infoOf returns the file .PKGINFO of a segment; nil if that is a signature.
func infoOf(segment []byte) ([]byte, error) {
	t := tar.NewReader(bytes.NewReader(segment))
	for n := 0; ; n++ {
		h, err := t.Next()
		switch {
		case err != nil:
			return nil, fmt.Errorf("not a package of Alpine Linux: reading .PKGINFO: %w", err)
		case n == 0 && strings.HasPrefix(h.Name, ".SIGN."):
			return nil, nil
		case h.Name == ".PKGINFO":
			info, err := io.ReadAll(t)
			if err != nil {
				err = fmt.Errorf("reading .PKGINFO: %w", err)
			}
			return info, err
		}
	}
}

func parse(info []byte) (*Package, error) {
	p := &Package{Fields: map[string][]string{}}
	if n := 1 + bytes.Count(info, []byte("\n")); n > maxLines {
		return nil, fmt.Errorf("got %d lines, want at most %d", n, maxLines)
	}
	for line := range strings.SplitSeq(string(info), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		// apk ignores other lines, such as those of a description with several. apko refuses
		// the package.
		key, value, ok := strings.Cut(line, " = ")
		if !ok {
			return nil, hint.With(fmt.Errorf(".PKGINFO: got line %.200q, want KEY = VALUE", line), "write the package's description in one line")
		}
		p.Fields[key] = append(p.Fields[key], strings.TrimSpace(value))
	}
	p.Name, p.Version, p.Arch = p.Get("pkgname"), p.Get("pkgver"), p.Get("arch")
	for _, f := range []struct {
		what, text string
		rule       *regexp.Regexp
	}{{"pkgname", p.Name, nameText}, {"pkgver", p.Version, versionText}, {"arch", p.Arch, archText}} {
		if n := len(p.Fields[f.what]); n > 1 {
			return nil, fmt.Errorf("%s: got %d of them, want one", f.what, n)
		}
		if !f.rule.MatchString(f.text) || len(f.text) > 200 {
			return nil, fmt.Errorf("%s: got %.200q, want a valid one", f.what, f.text)
		}
	}
	return p, nil
}

// Get returns the first value of a key; empty if there is none.
func (p *Package) Get(key string) string {
	if all := p.Fields[key]; len(all) > 0 {
		return all[0]
	}
	return ""
}
