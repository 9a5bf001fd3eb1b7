package destinations

import (
	"cmp"
	"context"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// A Kind is a kind of destination. It has all that other packages know about it.
type Kind struct {
	// Name is its name for --only, and the name of its destinations.
	Name string
	// Noun is the word for a place of this kind in messages, such as "bucket".
	Noun string
	// Reveals orders the kinds: those with lower numbers reveal first.
	Reveals int
	// Kind has the keys of a place in a profile, their rules, and which of them have
	// templates.
	profile.Kind
	// Label returns the name of a place's destination; nil for Name.
	Label func(p profile.Place) string
	// Credentials returns the file with the credentials for a place, which nobody else should
	// be able to read, or "". It may be nil.
	Credentials func(a *Args, p profile.Place) string
	// Open makes the destination of a place with expanded templates. It sends no request.
	Open func(ctx context.Context, o *Opener, p profile.Place) (publish.Destination, error)
}

// Kinds are kinds in the order of a receipt's places.
type Kinds []Kind

// All returns all kinds. To add a kind, add a line here.
func All() Kinds {
	return Kinds{
		buckets(),
		registries(),
		charts(),
		tags(),
		aptRepositories(),
		yumRepositories(),
		apkRepositories(),
		githubReleases(),
		dashboards(),
		commits(),
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

// Schema returns the kinds' part of a profile's schema.
func (k Kinds) Schema() profile.Kinds {
	var all profile.Kinds
	for _, kind := range k {
		all = append(all, kind.Kind)
	}
	return all
}

// Recorded returns the part of a profile that says where its destinations are. How releases
// are named and described there may change without a move.
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
