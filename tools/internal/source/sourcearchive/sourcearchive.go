// Package sourcearchive reads pinned sources as the store has them, with exactly the content
// that their lock pins. It writes those of a release as one archive, each at sources/NAME/, and
// extracts files from one.
package sourcearchive

import (
	"archive/tar"
	"archive/zip"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
)

// Dir is the directory in the archive that has the sources.
const Dir = "sources"

// A Source is a pinned source.
type Source struct {
	// Name is the dependency's name in the lock.
	Name string `json:"name"`

	// Archive is the file with the content, as the store has it: a canonical tar (see package
	// sourcetar) or, if its name ends in .zip, a Go module's zip
	// (https://go.dev/ref/mod#zip-files).
	Archive string `json:"archive"`

	// Digest is what the lock pins: the SHA-256 of the tar, or the module's h1 sum
	// (golang.org/x/mod/sumdb/dirhash.Hash1).
	Digest string `json:"digest"`
}

// Write writes the sources to w as a tar.gz: POSIX.1-2001, with pax records where ustar does
// not suffice, compressed by [archive.NewGzipWriter]. Sources are sorted by name, and their
// entries by path. Contents, names, which are bytes, symbolic links and executable bits are
// those of the source. Every entry has the time modTime, in whole seconds, and the owner 0:0.
//
// An archive that does not match its digest is an error; by then some of it was written.
func Write(w io.Writer, sources []Source, modTime time.Time) error {
	if len(sources) == 0 {
		return errors.New("there are no sources")
	}
	sources = slices.SortedFunc(slices.Values(sources), func(a, b Source) int { return cmp.Compare(a.Name, b.Name) })
	gz := archive.NewGzipWriter(w)
	p := &packer{tar: tar.NewWriter(gz), modTime: modTime}
	for i, s := range sources {
		err := sourcetar.CheckName(s.Name)
		switch {
		case err == nil && strings.Contains(s.Name, "/"):
			err = errors.New("the name has a slash")
		case err == nil && i > 0 && sources[i-1].Name == s.Name:
			err = fmt.Errorf("duplicate name: %q and %q", sources[i-1].Archive, s.Archive)
		case err == nil:
			p.dir = Dir + "/" + s.Name + "/"
			err = each(s, p.entry)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("source %q: %w", s.Name, err), gz.Close())
		}
	}
	return errors.Join(p.tar.Close(), gz.Close())
}

// packer writes the entries.
type packer struct {
	tar     *tar.Writer
	modTime time.Time
	dir     string // of the source
}

// entry writes one entry of a source.
func (p *packer) entry(h *tar.Header, content io.Reader) error {
	to := &tar.Header{Typeflag: h.Typeflag, Name: p.dir + h.Name, Linkname: h.Linkname, Mode: h.Mode, Size: h.Size, ModTime: p.modTime}
	err := p.tar.WriteHeader(to)
	if err == nil {
		_, err = io.Copy(p.tar, content)
	}
	return err
}

// A visitor is called with each entry of a source. It need not read the content.
type visitor func(h *tar.Header, content io.Reader) error

// each calls visit for each entry of a source. A source that does not match its digest is an
// error, for a tar after all entries were visited.
func each(s Source, visit visitor) error {
	if filepath.Ext(s.Archive) == ".zip" {
		return eachOfZip(s, visit)
	}
	return eachOfTar(s, visit)
}

// eachOfTar visits the entries of a canonical tar.
func eachOfTar(s Source, visit visitor) error {
	f, err := os.Open(s.Archive)
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	tee := io.TeeReader(f, hash)
	visitErr := sourcetar.Each(tee, visit)
	// A wrong digest is reported before an error that it leads to.
	if _, err := io.Copy(io.Discard, tee); err != nil {
		return fmt.Errorf("reading %q: %w", s.Archive, err)
	}
	if got := digest.FromSum(hash.Sum(nil)); string(got) != s.Digest {
		return fmt.Errorf("digest of %q: got %s, want %s", s.Archive, got, s.Digest)
	}
	return visitErr
}

// eachOfZip visits the files of a module's zip. Their names begin with the module's path and
// version, which are left out. Such a zip has no modes.
func eachOfZip(s Source, visit visitor) error {
	if err := gomod.CheckFile(s.Archive, s.Digest); err != nil {
		return err
	}
	z, err := zip.OpenReader(s.Archive)
	if err != nil {
		return fmt.Errorf("reading %q: %w", s.Archive, err)
	}
	defer z.Close()
	files := slices.SortedFunc(slices.Values(z.File), func(a, b *zip.File) int { return cmp.Compare(a.Name, b.Name) })
	for _, f := range files {
		prefix := modulePrefix(files[0].Name)
		name, ok := strings.CutPrefix(f.Name, prefix)
		if !ok || prefix == "" {
			return fmt.Errorf("path %.200q: it does not begin with the module's path and version", f.Name)
		}
		err := sourcetar.CheckName(name)
		if err == nil {
			err = visitZip(name, f, visit)
		}
		if err != nil {
			return fmt.Errorf("path %.200q: %w", name, err)
		}
	}
	return nil
}

// modulePrefix returns the part of a name up to the slash after the version.
func modulePrefix(name string) string {
	module, rest, _ := strings.Cut(name, "@")
	version, _, ok := strings.Cut(rest, "/")
	if !ok {
		return ""
	}
	return module + "@" + version + "/"
}

func visitZip(name string, f *zip.File, visit visitor) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	return visit(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(f.UncompressedSize64)}, r)
}
