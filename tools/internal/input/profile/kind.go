package profile

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

// A Kind is a kind of destination.
type Kind struct {
	// Key is the key of such places in a profile, for example "buckets".
	Key string
	// Single means that a profile has at most one such place, and not a list.
	Single bool
	// Fields are the keys of a place, in the order of a receipt.
	Fields []Field
	// Aliases are the aliases that every such place has.
	Aliases []string
	// Check records problems of the mapping n that concern several fields; may be nil.
	Check func(p *strictyaml.Parser, n *yaml.Node, f *strictyaml.Fields)
}

// A Field is a key of a place.
type Field struct {
	Key   string
	Holds Holds
	// Rule is the rule of the text, or of each text of a list.
	Rule strictyaml.Rule
	// Example is a list for messages.
	Example string
	// Required means that the field must have a value.
	Required bool
	// Where means that the field is a part of the place's location. All other fields may
	// change without moving the place.
	Where bool
	// Default returns the value of an unset text, for the release of a lock; may be nil.
	Default func(p Place, l *lock.Lock) string
}

// Holds is the type of a field. It decides what replaces {state} and the like.
type Holds int

const (
	Text  Holds = iota // a text
	URL                // a text; a path in it becomes part of a URL
	Texts              // a list of texts
	Names              // a list of alias names
	Flag               // true or false
	Gone               // a key that is no longer supported: Check has the message
)

// Takes reports whether a value has the field's type.
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

// Kinds are all kinds, in the order of a receipt.
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

// keys returns the keys of the fields, sorted. Of the unsupported ones it returns those that n
// has.
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

// Sort sorts the places of a profile in the order of their kinds, and the values of each place
// in the order of its kind's fields.
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
