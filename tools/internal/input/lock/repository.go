package lock

import (
	"maps"
	"slices"
	"strings"
)

// Repository returns the name of the Bazel repository of one of a product's sources, base
// images and files, by their names.
func Repository(product string, names ...string) string {
	return strings.NewReplacer("-", "_", ".", "_").Replace(strings.Join(append([]string{product}, names...), "_"))
}

// Repositories returns the names of the lock's Bazel repositories, sorted. Private/lines.bzl
// of release/sources declares the same ones.
func (l *Lock) Repositories() []string {
	names := []string{l.Product}
	for i := range l.Dependencies {
		d := &l.Dependencies[i]
		names = append(names, Repository(l.Product, d.Name))
		for variant := range maps.Keys(d.GoTags) {
			names = append(names, Repository(l.Product, d.Name, variant))
		}
	}
	for i := range l.Images {
		names = append(names, Repository(l.Product, "base", l.Images[i].Name))
	}
	for i := range l.Files {
		names = append(names, Repository(l.Product, "file", l.Files[i].Name))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
