package publish

import (
	"fmt"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// YankSchema is the schema of a YankRecord as JSON.
const YankSchema = "release-builder/yank/v1"

// A Yank makes the pointers leave a release. Aliases that point to it move to another release,
// which is the one that is published; its charts and packages leave the indexes. Its content
// stays for those who use it. The destinations keep a record of it, so that nobody publishes
// the release again by accident.
type Yank struct {
	// Tree is the release that the pointers leave.
	Tree *release.Tree
	// Why is for people.
	Why string
}

// A YankRecord is the record of a yank, beside the release.
type YankRecord struct {
	Schema  string `json:"schema"`
	Product string `json:"product"`
	Version string `json:"version"`
	// Lock is the digest of the release's lock.json.
	Lock digest.Digest `json:"lock"`
	Why  string        `json:"why"`
}

// Record returns the record as JSON. The same yank gives the same bytes.
func (y *Yank) Record() ([]byte, error) {
	return jsonfile.Marshal(YankRecord{
		Schema: YankSchema, Product: y.Tree.Lock.Product, Version: y.Tree.Version, Lock: y.Tree.Digest, Why: y.Why,
	})
}

// String says that the release was yanked, and why.
func (r *YankRecord) String() string {
	if r.Why == "" {
		return fmt.Sprintf("release %s was yanked", r.Version)
	}
	return fmt.Sprintf("release %s was yanked: %.200q", r.Version, r.Why)
}

// ParseYank parses the content of the named record of a yank.
func ParseYank(name string, data []byte) (*YankRecord, error) {
	r := new(YankRecord)
	if err := jsonfile.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("reading record of a yank %s:%w", name, err)
	}
	if r.Schema != YankSchema {
		return nil, fmt.Errorf("reading record of a yank %q: schema: got %q, want %q", name, r.Schema, YankSchema)
	}
	return r, nil
}

// Own reports whether a file of the release that is yanked is not in the release to, too. A chart
// or a package whose version did not change is both releases', and stays in its index.
func (y *Yank) Own(to *release.Tree, file digest.Digest) bool {
	return !slices.ContainsFunc(to.Files, func(f release.File) bool { return f.Digest == file })
}

// pointers returns the items of a yank among those of the release that the pointers move to.
func (y *Yank) pointers(items []Item) []Item {
	var kept []Item
	for _, i := range items {
		if i.Alias != "" || i.Leaves != "" {
			kept = append(kept, i)
		}
	}
	return kept
}
