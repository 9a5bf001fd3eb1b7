// Package profile reads manifests/<line>/destinations.yaml, which says where a line's releases
// are published to. The caller defines the kinds of destination and their fields: [Kind].
package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Profile is a named set of destinations, as destinations.yaml has it. It holds no secrets.
//
// In texts, {state} is replaced by a directory of the user that keeps the line's state on this
// machine, and {version} by the release's version. In the URL of tags, {name} is replaced by a
// dependency's name. In the names of aliases and tags, {version}, {major}, {minor} and {patch}
// are replaced by the version and its numbers, and {commit} by the full commit of the primary
// dependency.
type Profile struct {
	Name string
	// From is the profile whose releases are promoted to this one, the only way to publish to
	// it. Empty if it takes what was built.
	From string
	// Aliases are the rules by alias name, each one of AliasRules(). An alias of a destination
	// that is not in Aliases follows RuleStable. The rule of latest is also used for GitHub.
	Aliases map[string]string
	// Sign is the key that signs the releases: a file, env://NAME, or the URI of a key in a key
	// management service. Empty if they are not signed here. Receipts do not have it: it is
	// about whoever publishes.
	Sign string
	// Approval says who approves what is published; nil if nobody has to. Receipts do not have
	// it: they have the approvals.
	Approval *Approval
	// Places are the destinations, in the order of their kinds.
	Places []Place
}

// A Place is one destination of a profile.
type Place struct {
	// Key is the key of its kind, such as "buckets".
	Key string
	// Single means that a profile has at most one place of the kind.
	Single bool
	// Values are its fields that are set, in the order of the kind's fields.
	Values []Value
}

// A Value is the value of a field: a string, a []string or true.
type Value struct {
	Key   string
	Value any
}

// The rules of aliases. Package publish explains them.
const (
	RuleStable  = "stable"
	RuleHighest = "highest"
	RuleNewest  = "newest"
)

// AliasRules returns all rules.
func AliasRules() []string { return []string{RuleStable, RuleHighest, RuleNewest} }

// Of returns the places of the kind with a key.
func (p *Profile) Of(key string) []Place {
	return slices.DeleteFunc(slices.Clone(p.Places), func(place Place) bool { return place.Key != key })
}

// Drop removes the places of a kind for which drop returns true.
func (p *Profile) Drop(key string, drop func(Place) bool) {
	p.Places = slices.DeleteFunc(slices.Clone(p.Places), func(place Place) bool { return place.Key == key && drop(place) })
}

// WithText returns a copy of the place with a text at a key. An empty text removes the key.
func (p Place) WithText(key, text string) Place { return p.with(key, text, text != "") }

// WithList is WithText for a list of texts.
func (p Place) WithList(key string, list []string) Place { return p.with(key, list, len(list) > 0) }

// WithFlag is WithText for true or false.
func (p Place) WithFlag(key string, flag bool) Place { return p.with(key, flag, flag) }

func (p Place) with(key string, value any, some bool) Place {
	p.Values = slices.DeleteFunc(slices.Clone(p.Values), func(v Value) bool { return v.Key == key })
	if some {
		p.Values = append(p.Values, Value{key, value})
	}
	return p
}

// Text returns the text at a key; empty if there is none.
func (p Place) Text(key string) string { return get[string](p, key) }

// List returns the texts at a key; nil if there are none.
func (p Place) List(key string) []string { return get[[]string](p, key) }

// Flag reports whether the value at a key is true.
func (p Place) Flag(key string) bool { return get[bool](p, key) }

func get[T any](p Place, key string) T {
	var none T
	for _, v := range p.Values {
		if value, ok := v.Value.(T); ok && v.Key == key {
			return value
		}
	}
	return none
}

// MarshalJSON writes a profile in the form of a receipt: the places of a kind are a list at
// its key, a single place is an object.
func (p Profile) MarshalJSON() ([]byte, error) {
	o := object{{"name", p.Name}}
	if p.From != "" {
		o = append(o, Value{"from", p.From})
	}
	if len(p.Aliases) > 0 {
		o = append(o, Value{"aliases", p.Aliases})
	}
	for i := 0; i < len(p.Places); {
		place := p.Places[i]
		all := []object{object(place.Values)}
		for i++; i < len(p.Places) && p.Places[i].Key == place.Key; i++ {
			all = append(all, object(p.Places[i].Values))
		}
		if place.Single {
			o = append(o, Value{place.Key, all[0]})
		} else {
			o = append(o, Value{place.Key, all})
		}
	}
	return o.MarshalJSON()
}

// UnmarshalJSON reads what MarshalJSON writes. It accepts places of any kind: the code that
// opens them refuses unknown ones.
func (p *Profile) UnmarshalJSON(data []byte) error {
	*p = Profile{}
	return members(data, func(key string, data []byte) error {
		switch {
		case key == "name":
			return json.Unmarshal(data, &p.Name)
		case key == "from":
			return json.Unmarshal(data, &p.From)
		case key == "aliases":
			return json.Unmarshal(data, &p.Aliases)
		case data[0] == '{':
			return p.read(key, true, data)
		case data[0] != '[':
			return fmt.Errorf("got %.40q, want a list of objects", data)
		}
		var all []json.RawMessage
		if err := json.Unmarshal(data, &all); err != nil {
			return err
		}
		for _, data := range all {
			if err := p.read(key, false, data); err != nil {
				return err
			}
		}
		return nil
	})
}

// read adds a place of a kind.
func (p *Profile) read(key string, single bool, data []byte) error {
	place := Place{Key: key, Single: single}
	err := members(data, func(key string, data []byte) error {
		var list []string
		var other any
		if json.Unmarshal(data, &list) == nil && list != nil {
			place.Values = append(place.Values, Value{key, list})
			return nil
		}
		if err := json.Unmarshal(data, &other); err != nil {
			return err
		}
		place.Values = append(place.Values, Value{key, other})
		return nil
	})
	p.Places = append(p.Places, place)
	return err
}

// An object is a JSON object whose keys have an order.
type object []Value

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for i, v := range o {
		b.WriteByte("{,"[min(i, 1)])
		if err := e.Encode(v.Key); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := e.Encode(v.Value); err != nil {
			return nil, err
		}
	}
	if len(o) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// members calls f for each member of a JSON object, in their order.
func members(data []byte, f func(key string, data []byte) error) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("got %.40q, want an object", data)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		err = f(key.(string), value)
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
			err = fmt.Errorf("got %s, want %s", wrong.Value, wrong.Type) // without its offset, which is relative to a part
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}
