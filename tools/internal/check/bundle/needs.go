package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/source/needs"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// source is an entry and where its bytes are: in a file, in data, or in root.
type source struct {
	Entry
	file string
	data []byte
	// want is the digest that the store's name, or a lock, says; it may be empty.
	want digest.Digest
	// root is the directory of a root, to be packed as a tar, and sumFile the source that is to have its digest.
	root    string
	sumFile *source
}

const missingHint = "pack where there is a network, or run tools/bazel run //release:resolve there: the store then has all that the lock needs"

// collect finds everything that builds read, sorted by path. What the store lacks,
// or what two locks say differently, is an error.
func collect(a needs.Args) ([]*source, error) {
	set := needs.Collect(a)
	errs := set.Errs
	var list []*source
	for i := range set.Needs {
		src, err := stored(a.Store, &set.Needs[i])
		list, errs = append(list, src), append(errs, err)
	}
	layout, err := layoutOf(set)
	errs = append(append(errs, set.ImageErrs...), err)
	if err := errors.Join(errs...); err != nil {
		return nil, hint.With(err, missingHint)
	}
	list = append(list, layout...)
	slices.SortFunc(list, func(a, b *source) int { return strings.Compare(a.Path, b.Path) })
	for _, src := range list {
		slices.SortFunc(src.For, func(a, b needs.Use) int {
			return cmp.Or(strings.Compare(a.Line, b.Line), strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Name, b.Name))
		})
		src.For = slices.Compact(src.For)
	}
	return list, nil
}

// stored returns a file that the store has to have.
func stored(s *store.Store, n *needs.Need) (*source, error) {
	src := &source{
		Entry: Entry{Path: n.Path, Module: n.Module, Sum: n.Sum, For: n.For},
		file:  filepath.Join(s.Dir(), filepath.FromSlash(n.Path)), want: n.Digest,
	}
	if err := n.Check(s); err != nil {
		return nil, fmt.Errorf("%s: %w", n.For[0], err)
	}
	info, err := os.Stat(src.file)
	if err != nil {
		return nil, err
	}
	src.Size = info.Size()
	return src, nil
}

// layoutOf returns the documents of a layout that names the base images, and no others.
func layoutOf(set *needs.Set) ([]*source, error) {
	if len(set.Roots) == 0 {
		return nil, nil
	}
	index, err := jsonfile.Marshal(layout.NewIndex(set.Roots...))
	var list []*source
	for name, data := range map[string][]byte{layout.IndexFile: index, layout.MarkerFile: []byte(layout.Marker)} {
		list = append(list, &source{Entry: Entry{Path: "oci/" + name, Size: int64(len(data)), For: slices.Clone(set.RootsFor)}, data: data})
	}
	return list, err
}

// pin is what pins the content of a source.
func (src *source) pin() string { return cmp.Or(string(src.want), src.Sum, "no digest") }

// pins returns what the needs of a lock are, as path and pin, whether the store has
// them or not. Of a base image whose manifests the store lacks, less is known.
func pins(a needs.Args) map[string]string {
	known := map[string]string{}
	for _, n := range needs.Collect(a).Needs {
		known[n.Path] = n.Pin()
	}
	return known
}
