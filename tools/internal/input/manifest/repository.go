package manifest

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

// origin is the key that a repository is made for.
type origin struct {
	repository string
	kind       string // such as "dependency"
	key        *yaml.Node
}

func (o *origin) String() string { return o.kind + " " + strictyaml.Quote(o.key.Value) }

// makes records that a key of the given kind makes a repository.
func (p *parser) makes(repository, kind string, key *yaml.Node) {
	p.origins = append(p.origins, &origin{strings.ToLower(repository), kind, key})
}

// collisions checks that no two keys make the same repository, or repositories that differ
// only in case: they are directories.
func (p *parser) collisions() {
	slices.SortStableFunc(p.origins, func(a, b *origin) int {
		return cmp.Or(cmp.Compare(a.key.Line, b.key.Line), cmp.Compare(a.key.Column, b.key.Column))
	})
	first := map[string]*origin{}
	for _, o := range p.origins {
		other := first[o.repository]
		switch {
		case other == nil:
			first[o.repository] = o
		case o.kind == other.kind && strings.EqualFold(o.key.Value, other.key.Value):
			p.Errorf(o.key, "%s differs only in case from %s on line %d, want another name", o, strictyaml.Quote(other.key.Value), other.key.Line)
		default:
			p.Errorf(o.key, "%s makes the same repository as %s on line %d, want another name", o, other, other.key.Line)
		}
	}
}

// Repositories returns the names of a dependency's Bazel repositories: its own, then those of
// the variants in GoTags, sorted.
func (d *Dependency) Repositories(product string) []string {
	list := []string{lock.Repository(product, d.Name)}
	for _, variant := range slices.Sorted(maps.Keys(d.GoTags)) {
		list = append(list, lock.Repository(product, d.Name, variant))
	}
	return list
}
