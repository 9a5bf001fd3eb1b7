package profile

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

// A Kind is a kind of place that a profile can have.
type Kind struct {
	// Key is where its places stand in a profile, such as "buckets".
	Key string
	// Single says that a profile has at most one, and no list of them.
	Single bool
	// Fields are what can be said of a place, in the order in which a receipt has them.
	Fields []Field
	// Aliases are those that each place has by itself.
	Aliases []string
	// Check records what is wrong with the fields f of the mapping n together; may be nil.
	Check func(p *strictyaml.Parser, n *yaml.Node, f *strictyaml.Fields)
}

// A Field is what can be said of a place at one key.
type Field struct {
	Key   string
	Holds Holds
	// Rule is that of the text, or of each text of a list.
	Rule strictyaml.Rule
	// Example is a list, for messages.
	Example string
	// Required says that there has to be something.
	Required bool
	// Where says that it is a part of where the place is. All else may change without
	// anything moving.
	Where bool
	// Default is what a text is for the release of a lock where the profile says
	// nothing; may be nil.
	Default func(p Place, l *lock.Lock) string
}

// Holds is what a field holds, which says what is put in place of {state} and such.
type Holds int

const (
	Text  Holds = iota // a text
	URL                // a text in which a path becomes part of a URL
	Texts              // a list of texts
	Names              // a list of names of aliases
	Flag               // true or false
	Gone               // nothing: a key that there was before, of which Check speaks
)

// Takes reports whether a value can stand at the field.
func (f *Field) Takes(value any) bool {
	switch value.(type) {
	case string:
		return f.Holds == Text || f.Holds == URL
	case []string:
		return f.Holds == Texts || f.Holds == Names
	case bool:
		return f.Holds == Flag
	}
	return false
}

// Kinds are all kinds, in the order in which a receipt has their places.
type Kinds []Kind

// Find returns the kind of a key, or nil.
func (k Kinds) Find(key string) *Kind {
	if i := slices.IndexFunc(k, func(kind Kind) bool { return kind.Key == key }); i >= 0 {
		return &k[i]
	}
	return nil
}

// Field returns the field of a key, or nil.
func (k *Kind) Field(key string) *Field {
	if i := slices.IndexFunc(k.Fields, func(f Field) bool { return f.Key == key }); i >= 0 {
		return &k.Fields[i]
	}
	return nil
}

// keys are those of the fields, sorted, and of those that are gone only what n has.
func (k *Kind) keys(n *yaml.Node) []string {
	var keys []string
	for _, f := range k.Fields {
		has := func(key *yaml.Node) bool { return key.Value == f.Key }
		if f.Holds != Gone || n.Kind == yaml.MappingNode && slices.ContainsFunc(n.Content, has) {
			keys = append(keys, f.Key)
		}
	}
	slices.Sort(keys)
	return keys
}

// AliasNames returns the names of the aliases of a place.
func (k *Kind) AliasNames(p Place) []string {
	names := slices.Clone(k.Aliases)
	for _, f := range k.Fields {
		if f.Holds == Names {
			names = append(names, p.List(f.Key)...)
		}
	}
	return names
}

// HasAlias reports whether a destination of a profile has an alias.
func (k Kinds) HasAlias(p *Profile, name string) bool {
	return slices.ContainsFunc(p.Places, func(place Place) bool {
		return slices.Contains(k.Find(place.Key).AliasNames(place), name)
	})
}

// Sort puts the places of a profile in the order of their kinds, and what is said of
// each in that of the kind's fields.
func (k Kinds) Sort(p *Profile) {
	slices.SortStableFunc(p.Places, func(a, b Place) int {
		return slices.IndexFunc(k, func(kind Kind) bool { return kind.Key == a.Key }) - slices.IndexFunc(k, func(kind Kind) bool { return kind.Key == b.Key })
	})
	for _, place := range p.Places {
		index := func(v Value) int {
			return slices.IndexFunc(k.Find(place.Key).Fields, func(f Field) bool { return f.Key == v.Key })
		}
		slices.SortStableFunc(place.Values, func(a, b Value) int { return index(a) - index(b) })
	}
}
