package destinations

import (
	"cmp"
	"context"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// A Kind is a kind of destination: all that the rest of the project knows of it.
type Kind struct {
	// Name is what --only calls it, and what its destinations are called.
	Name string
	// Noun is what messages call a place of it, such as "bucket".
	Noun string
	// Reveals says when its pointers move: kinds with lower numbers reveal first.
	Reveals int
	// Kind is what a profile can say of a place: the keys, their rules, and which of
	// them take a release's version and such.
	profile.Kind
	// Label is what the destination of a place is called; nil for Name.
	Label func(p profile.Place) string
	// Credentials returns the file with the credentials for a place, if it is one that
	// nobody else should read, or ""; may be nil.
	Credentials func(a *Args, p profile.Place) string
	// Open makes the destination of a place, whose texts are expanded. It sends nothing.
	Open func(ctx context.Context, o *Opener, p profile.Place) (publish.Destination, error)
}

// Kinds are kinds in the order in which a receipt has their places.
type Kinds []Kind

// All returns all kinds. A new one is a line here.
func All() Kinds {
	return Kinds{
		buckets(),
		registries(),
		charts(),
		tags(),
		githubReleases(),
	}
}

// revealing returns the kinds in the order in which they reveal.
func (k Kinds) revealing() Kinds {
	return slices.SortedStableFunc(slices.Values(k), func(a, b Kind) int { return cmp.Compare(a.Reveals, b.Reveals) })
}

// Names returns the kinds' names, in the order in which they reveal.
func (k Kinds) Names() []string {
	var names []string
	for _, kind := range k.revealing() {
		names = append(names, kind.Name)
	}
	return names
}

// Schema returns what a profile can have of the kinds.
func (k Kinds) Schema() profile.Kinds {
	var all profile.Kinds
	for _, kind := range k {
		all = append(all, kind.Kind)
	}
	return all
}

// Recorded returns the part of a profile that says where its destinations are. How
// releases are named and described there changes without anything moving.
func (k Kinds) Recorded(p profile.Profile) profile.Profile {
	where := profile.Profile{Name: p.Name}
	schema := k.Schema()
	for _, place := range p.Places {
		kind := schema.Find(place.Key)
		place.Values = slices.DeleteFunc(slices.Clone(place.Values), func(v profile.Value) bool {
			if kind == nil {
				return false
			}
			f := kind.Field(v.Key)
			return f != nil && !f.Where
		})
		where.Places = append(where.Places, place)
	}
	return where
}
