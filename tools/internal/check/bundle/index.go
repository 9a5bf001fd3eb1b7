// Package bundle packs everything that builds of a lock read into one file, for a machine
// without a network, and checks such a file.
//
// A bundle is a tar (POSIX.1-2001: ustar headers, pax records only where a name or
// a size needs them). Its first entry, bundle.json, lists all others in their
// order, each with its size, its SHA-256 and what it is for. Unpacked into a
// directory it is a store (package store), with the launcher's root in root/. The same
// lock and the same store give the same bytes.
package bundle

import (
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/source/needs"
)

const (
	// Schema is the format that this package reads and writes.
	Schema = "release-builder/bundle/v1"
	// IndexName is the name of a bundle's first entry.
	IndexName = "bundle.json"

	maxEntries = 25_000
	maxName    = 4096 // bytes
)

// Index is bundle.json.
type Index struct {
	Schema string `json:"schema"`
	// Digest is the digest of this document with this field set to noDigest.
	Digest digest.Digest `json:"digest"`
	// Lines are the lines that can be built from the bundle, sorted by name.
	Lines []Line `json:"lines"`
	// Platforms are those that the builds can run on, such as linux_amd64, sorted.
	Platforms []string `json:"platforms"`
	// Root is the name of the launcher's root; empty if the bundle has none.
	Root string `json:"root,omitempty"`
	// Since says what was left out because the other machine has it; nil if nothing was.
	Since *Since `json:"since,omitempty"`
	// Entries are all other entries, sorted by path.
	Entries []Entry `json:"entries"`
}

// Line is a line that can be built from the bundle.
type Line struct {
	Name    string        `json:"name"`
	Version string        `json:"version"`
	Lock    digest.Digest `json:"lock"` // of the lock's file
}

// Since says what a bundle leaves out.
type Since struct {
	// Lock is the digest of the old lock's file: what it needed is left out.
	Lock digest.Digest `json:"lock,omitempty"`
	// Bundle is Index.Digest of the old bundle: what it has is left out.
	Bundle digest.Digest `json:"bundle,omitempty"`
	// Tools means that the old lock has the same toolchain, so the modules of the
	// project's own tools, and the root, are left out too.
	Tools bool `json:"tools,omitempty"`
}

// Entry is one file of a bundle.
type Entry struct {
	// Path is slash-separated, relative to the store's directory.
	Path   string        `json:"path"`
	Size   int64         `json:"size"` // in bytes
	Digest digest.Digest `json:"sha256"`
	// Module is the module of a module's file, as path@version, and Sum the h1 sum
	// that pins its content (golang.org/x/mod/sumdb/dirhash.Hash1).
	Module string `json:"module,omitempty"`
	Sum    string `json:"sum,omitempty"`
	// For says what needs it, sorted.
	For []needs.Use `json:"for"`
}

// KindRoot is the kind of the launcher's files.
const KindRoot needs.Kind = "root"

func (e *Entry) String() string {
	var uses []string
	for _, u := range e.For {
		uses = append(uses, u.String())
		if len(uses) == 3 && len(e.For) > 3 {
			uses = append(uses, fmt.Sprintf("%d more", len(e.For)-3))
			break
		}
	}
	s := fmt.Sprintf("%q", e.Path)
	if e.Module != "" {
		s += ", module " + e.Module
	}
	if len(uses) == 0 {
		return s
	}
	return s + " (" + strings.Join(uses, "; ") + ")"
}

// noDigest is a placeholder for a digest that is not known yet. It has the same length.
const noDigest = digest.Digest("sha256:0000000000000000000000000000000000000000000000000000000000000000")

// seal sets the index's digest and returns the document.
func (x *Index) seal() ([]byte, error) {
	x.Digest = noDigest
	data, err := jsonfile.Marshal(x)
	if err != nil {
		return nil, err
	}
	x.Digest = digest.FromBytes(data)
	return jsonfile.Marshal(x)
}

// ParseIndex parses a bundle.json. It refuses one whose bytes are not exactly what this
// package writes.
func ParseIndex(data []byte) (*Index, error) {
	x := new(Index)
	if err := jsonfile.Unmarshal(data, x); err != nil {
		return nil, fmt.Errorf("reading %s:%w", IndexName, err)
	}
	said := x.Digest
	if err := x.check(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", IndexName, err)
	}
	again, err := x.seal()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", IndexName, err)
	}
	if x.Digest != said {
		return nil, fmt.Errorf("reading %s: digest of the document: got %s, want %s", IndexName, x.Digest, said)
	}
	if string(again) != string(data) {
		return nil, fmt.Errorf("reading %s: it was changed after it was written", IndexName)
	}
	return x, nil
}

func (x *Index) check() error {
	if x.Schema != Schema {
		return fmt.Errorf("schema: got %q, want %q", x.Schema, Schema)
	}
	if len(x.Entries) > maxEntries {
		return fmt.Errorf("entries: got %d, want at most %d", len(x.Entries), maxEntries)
	}
	var errs []error
	var total int64
	for i := range x.Entries {
		e := &x.Entries[i]
		if i > 0 && e.Path <= x.Entries[i-1].Path {
			errs = append(errs, fmt.Errorf("entry %.200q: entries are not sorted by path, each once", e.Path))
		}
		if err := e.check(); err != nil {
			errs = append(errs, fmt.Errorf("entry %.200q: %w", e.Path, err))
		} else if total += e.Size; total < 0 {
			return errors.New("entries: their sizes are too large")
		}
		if len(errs) == 10 {
			break
		}
	}
	return errors.Join(errs...)
}

func (e *Entry) check() error {
	if err := checkPath(e.Path); err != nil {
		return err
	}
	if e.Size < 0 || e.Size > math.MaxInt64/2 {
		return fmt.Errorf("size: got %d", e.Size)
	}
	_, err := digest.Parse(string(e.Digest))
	return err
}

// directories are the directories that a bundle may have.
var directories = []string{"content_addressable", "goproxy", "oci", "root"}

// checkPath refuses a path that cannot be in a store.
func checkPath(p string) error {
	first, rest, _ := strings.Cut(p, "/")
	switch {
	case len(p) > maxName:
		return fmt.Errorf("its path has more than %d bytes", maxName)
	case path.Clean(p) != p || strings.ContainsAny(p, "\\\x00") || strings.Contains("/"+p+"/", "/../"):
		return errors.New("its path is not clean")
	case rest == "" || !slices.Contains(directories, first):
		return fmt.Errorf("its path is in none of %s", strings.Join(directories, ", "))
	}
	return nil
}
