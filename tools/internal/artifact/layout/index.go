package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/filelock"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// An Index is an index.json that can be changed. Entries that are not changed keep their
// bytes, including fields that this package does not know.
type Index struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     types.MediaType   `json:"mediaType"`
	Manifests     []Entry           `json:"manifests"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// An Entry is a descriptor in an index.json.
type Entry struct {
	MediaType types.MediaType
	Digest    digest.Digest // as in the file, not checked
	Tag       string        // its RefName, or empty
	raw       json.RawMessage
}

// NewEntry returns the entry for a descriptor.
func NewEntry(desc v1.Descriptor) Entry {
	raw, err := jsonfile.Marshal(desc) // does not escape for HTML
	if err != nil {
		panic(err) // a descriptor is strings and numbers
	}
	return Entry{desc.MediaType, DigestOf(desc), desc.Annotations[RefName], raw}
}

// MarshalJSON implements [json.Marshaler]. It returns the descriptor as it was in the index.
func (e Entry) MarshalJSON() ([]byte, error) { return e.raw, nil }

// UnmarshalJSON implements [json.Unmarshaler].
func (e *Entry) UnmarshalJSON(raw []byte) error {
	var d struct {
		MediaType   types.MediaType   `json:"mediaType"`
		Digest      digest.Digest     `json:"digest"`
		Annotations map[string]string `json:"annotations"`
	}
	err := json.Unmarshal(raw, &d)
	*e = Entry{d.MediaType, d.Digest, d.Annotations[RefName], bytes.Clone(raw)}
	return err
}

// Retag replaces the tag of an entry that has one.
func (e *Entry) Retag(tag string) error {
	var all map[string]any
	d := json.NewDecoder(bytes.NewReader(e.raw))
	d.UseNumber()
	if err := d.Decode(&all); err != nil {
		return err
	}
	all["annotations"].(map[string]any)[RefName] = tag
	raw, err := json.Marshal(all)
	e.Tag, e.raw = tag, raw
	return err
}

// NewIndex returns an index of the descriptors.
func NewIndex(manifests ...v1.Descriptor) *Index {
	x := &Index{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []Entry{}}
	for _, desc := range manifests {
		x.Manifests = append(x.Manifests, NewEntry(desc))
	}
	return x
}

// ParseIndex parses an index.json.
func ParseIndex(raw []byte) (*Index, error) {
	x := NewIndex()
	return x, json.Unmarshal(raw, x)
}

// Index reads the layout's index.json. If there is none, the result is empty.
func (p Path) Index() (*Index, error) {
	name := filepath.Join(string(p), IndexFile)
	raw, err := fileio.ReadLimited(name, jsonfile.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return NewIndex(), nil
	}
	if err != nil {
		return nil, err
	}
	x, err := ParseIndex(raw)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	return x, nil
}

// WriteIndex replaces the layout's oci-layout and index.json. A directory with the second but
// not the first is no layout, so that comes first.
func (p Path) WriteIndex(x *Index) error {
	if err := fileio.WriteFile(filepath.Join(string(p), MarkerFile), []byte(Marker), 0o644); err != nil {
		return err
	}
	return jsonfile.Write(filepath.Join(string(p), IndexFile), x)
}

// Add adds a descriptor to index.json, unless its digest is there. The blob may be added
// later. Several processes may do so at the same time.
func (p Path) Add(desc v1.Descriptor) error {
	err := p.edit(func(all []Entry) []Entry {
		if slices.ContainsFunc(all, func(e Entry) bool { return e.Digest == DigestOf(desc) }) {
			return all
		}
		all = append(all, NewEntry(desc))
		slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
		return all
	})
	if err != nil {
		return fmt.Errorf("adding %s to layout %q: %w", desc.Digest, string(p), err)
	}
	return nil
}

// Drop removes the digests from index.json. Their blobs stay. Several processes may do so
// at the same time.
func (p Path) Drop(gone map[digest.Digest]bool) error {
	err := p.edit(func(all []Entry) []Entry {
		return slices.DeleteFunc(all, func(e Entry) bool { return gone[e.Digest] })
	})
	if err != nil {
		return fmt.Errorf("dropping images from layout %q: %w", string(p), err)
	}
	return nil
}

// edit changes index.json under a lock. It writes the file only if the number of entries
// changes.
func (p Path) edit(edit func([]Entry) []Entry) error {
	if err := p.Make(); err != nil {
		return err
	}
	unlock, err := filelock.Lock(filepath.Join(string(p), ".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	x, err := p.Index()
	if err != nil {
		return err
	}
	before := len(x.Manifests)
	if x.Manifests = edit(x.Manifests); len(x.Manifests) == before {
		return nil
	}
	return p.WriteIndex(x)
}
