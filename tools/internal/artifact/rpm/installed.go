package rpm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// An Installed is a package in a database of installed packages.
type Installed struct {
	Name, Version, Release, Arch string
	Epoch                        uint64
	// License is as the package says it: an SPDX expression, or one of older forms.
	License string
	// SourceRPM is the file name of the source package; empty for a key.
	SourceRPM string
}

// EVR returns EPOCH:VERSION-RELEASE. An epoch of 0 is left out.
func (p *Installed) EVR() string {
	return (&Package{Version: p.Version, Release: p.Release, Epoch: p.Epoch}).EVR()
}

// IsKey reports whether it is the public key that rpm keeps as a package.
func (p *Installed) IsKey() bool { return p.Name == "gpg-pubkey" }

// databases are the directories in which distributions keep the database, without a "/" at
// the beginning, and files are its names in its three forms.
var (
	databases = []string{"usr/lib/sysimage/rpm", "usr/share/rpm", "var/lib/rpm"}
	files     = []string{"Packages", "Packages.db", "rpmdb.sqlite"}
)

// IsDatabase reports whether a path in an image is that of a database.
func IsDatabase(name string) bool {
	return slices.Contains(databases, path.Dir(name)) && slices.Contains(files, path.Base(name))
}

// IsLog reports whether a path in an image is that of the write-ahead log of a database. One
// that is not empty has changes that ReadInstalled does not know: see [ErrLog].
func IsLog(name string) bool {
	file, ok := strings.CutSuffix(name, "-wal")
	return ok && IsDatabase(file)
}

// ErrLog is the error for a log that is not empty.
var ErrLog = hint.With(errors.New("it has changes of packages that are not in the database"),
	"let the base image's build end with: sqlite3 rpmdb.sqlite 'pragma wal_checkpoint(truncate)'")

// Limits on databases.
const (
	maxDatabase  = 4 << 30
	maxInstalled = 100_000
)

// errDatabase says what a database is not.
var errDatabase = errors.New("not a database of rpm: want SQLite, NDB, or a hash of Berkeley DB")

// ReadInstalled reads a database of installed packages, which is in one of the three forms
// that rpm has had: rpmdb.sqlite, Packages.db (NDB), Packages (Berkeley DB). It reads each
// part of the file at most once, whatever the file says.
func ReadInstalled(r io.ReaderAt, size int64) ([]Installed, error) {
	if size > maxDatabase {
		return nil, fmt.Errorf("reading a database of rpm: got %d bytes, want at most %d", size, int64(maxDatabase))
	}
	var all []Installed
	add := func(blob []byte) error {
		p, err := parseInstalled(blob)
		if err == nil && len(all) == maxInstalled {
			err = fmt.Errorf("more than %d packages", maxInstalled)
		}
		if err != nil {
			return fmt.Errorf("package %d: %w", len(all)+1, err)
		}
		all = append(all, p)
		return nil
	}
	f := &pages{r: r, size: size}
	start := make([]byte, 512)
	n, err := r.ReadAt(start, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading a database of rpm: %w", err)
	}
	form, read := "", readSQLite
	switch start = start[:n]; {
	case bytes.HasPrefix(start, []byte("SQLite format 3\x00")):
		form = "SQLite"
	case bytes.HasPrefix(start, []byte("RpmP")):
		form, read = "NDB", readNDB
	case isBDB(start):
		form, read = "Berkeley DB", readBDB
	default:
		return nil, fmt.Errorf("reading a database of rpm: %w", errDatabase)
	}
	if err := read(f, start, add); err != nil {
		return nil, fmt.Errorf("reading a database of rpm: %s: %w", form, err)
	}
	return all, nil
}

// parseInstalled parses the header of a package as databases have it: without magic number.
func parseInstalled(blob []byte) (Installed, error) {
	if len(blob) < 8 {
		return Installed{}, io.ErrUnexpectedEOF
	}
	whole := io.MultiReader(bytes.NewReader([]byte{0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0}), bytes.NewReader(blob))
	h, err := readHeader(whole)
	if err != nil {
		return Installed{}, err
	}
	p := Installed{
		Name: h.text(tagName), Version: h.text(tagVersion), Release: h.text(tagRelease), Arch: h.text(tagArch), Epoch: h.number(tagEpoch),
		License: h.text(tagLicense), SourceRPM: h.text(tagSourceRPM),
	}
	if p.SourceRPM == "(none)" {
		p.SourceRPM = ""
	}
	for what, text := range map[string]string{"version": p.Version, "release": p.Release} {
		if !versionText.MatchString(text) {
			return p, fmt.Errorf("%s: got %.200q, want a valid one", what, text)
		}
	}
	switch {
	case !nameText.MatchString(p.Name):
		return p, fmt.Errorf("name: got %.200q, want a valid one", p.Name)
	case p.IsKey():
		p.Arch, p.SourceRPM = "", ""
	case !archText.MatchString(p.Arch):
		return p, fmt.Errorf("architecture of %q: got %.200q, want a valid one", p.Name, p.Arch)
	}
	return p, nil
}

// pages reads a file in pages, each at most once: a database whose pages refer to each other
// in circles, or many times, is not read without end.
type pages struct {
	r    io.ReaderAt
	size int64
	page int64 // the size of a page
	seen map[int64]bool
}

// read returns page number n, counted from 0.
func (f *pages) read(n int64) ([]byte, error) {
	if n < 0 || n >= math.MaxInt64/f.page || (n+1)*f.page > f.size {
		return nil, fmt.Errorf("page %d: the file ends before", n)
	}
	if f.seen[n] {
		return nil, fmt.Errorf("page %d: two others refer to it", n)
	}
	if f.seen == nil {
		f.seen = map[int64]bool{}
	}
	f.seen[n] = true
	data := make([]byte, f.page)
	if _, err := f.r.ReadAt(data, n*f.page); err != nil {
		return nil, fmt.Errorf("page %d: %w", n, err)
	}
	return data, nil
}

// NDB's numbers are little-endian (rpm's lib/backend/ndb/rpmpkg.c).
const (
	ndbPage, ndbSlot, ndbBlock = 4096, 16, 16
	ndbTail                    = 12
	ndbMaxPages                = 1 << 14
)

// readNDB calls add for each package in a Packages.db.
func readNDB(f *pages, start []byte, add func([]byte) error) error {
	if len(start) < 32 {
		return io.ErrUnexpectedEOF
	}
	n := int64(binary.LittleEndian.Uint32(start[12:]))
	if version := binary.LittleEndian.Uint32(start[4:]); version != 0 {
		return fmt.Errorf("got version %d, want 0", version)
	}
	if n == 0 || n > ndbMaxPages {
		return fmt.Errorf("got %d pages of slots, want 1 to %d", n, ndbMaxPages)
	}
	f.page = ndbPage
	left := f.size
	for i := range n {
		page, err := f.read(i)
		if err != nil {
			return err
		}
		if i == 0 {
			page = page[32:]
		}
		for ; len(page) > 0; page = page[ndbSlot:] {
			if string(page[:4]) != "Slot" {
				return errors.New("a slot has another magic number")
			}
			id := binary.LittleEndian.Uint32(page[4:])
			if id == 0 {
				continue
			}
			at, count := int64(binary.LittleEndian.Uint32(page[8:]))*ndbBlock, int64(binary.LittleEndian.Uint32(page[12:]))*ndbBlock
			if left -= count; left < 0 { // blobs do not overlap
				return errors.New("its packages are larger than the file")
			}
			blob, err := ndbBlob(f, id, at, count)
			if err == nil {
				err = add(blob)
			}
			if err != nil {
				return fmt.Errorf("slot of package %d: %w", id, err)
			}
		}
	}
	return nil
}

// ndbBlob returns the content of count bytes at an offset: a head with the length, the blob,
// and a tail.
func ndbBlob(f *pages, id uint32, at, count int64) ([]byte, error) {
	if count < ndbBlock+ndbTail || at+count > f.size {
		return nil, fmt.Errorf("it has %d bytes at %d, and the file %d", count, at, f.size)
	}
	data := make([]byte, count)
	if _, err := f.r.ReadAt(data, at); err != nil {
		return nil, err
	}
	size, tail := int64(binary.LittleEndian.Uint32(data[12:])), data[count-ndbTail:]
	switch {
	case string(data[:4]) != "BlbS" || string(tail[8:]) != "BlbE":
		return nil, errors.New("its blob has another magic number")
	case binary.LittleEndian.Uint32(data[4:]) != id:
		return nil, fmt.Errorf("its blob is of package %d", binary.LittleEndian.Uint32(data[4:]))
	case size > count-ndbBlock-ndbTail || binary.LittleEndian.Uint32(tail[4:]) != uint32(size):
		return nil, errors.New("got another length of its blob, want " + strconv.FormatInt(size, 10))
	}
	return data[ndbBlock : ndbBlock+size], nil
}
