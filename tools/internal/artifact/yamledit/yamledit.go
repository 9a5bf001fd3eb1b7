// Package yamledit changes values of a YAML document (https://yaml.org/spec/1.2.2/) and
// leaves every other byte as it is: comments, order, quotes, indentation and line ends.
package yamledit

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
	"gopkg.in/yaml.v3"
)

// MaxSize is the largest document, in bytes.
const MaxSize = 16 << 20

// limits are those on a document.
var limits = strictyaml.Limits{Size: MaxSize, Entries: 100_000}

// An Edit sets one value.
type Edit struct {
	// Path leads from the top to a scalar: keys separated by dots, and positions in lists,
	// such as spec.containers.0.image. A backslash keeps a dot or a backslash in a key.
	Path string
	// Value is a string. It is written in the quotes of the value that it replaces, with
	// quotes if YAML would read it as another type. If that value is a number or a boolean,
	// and Value would be one too, it is written without quotes.
	Value string
}

// Apply returns data with the edits. The name of the file is for errors, which join one for
// each edit that cannot be made, with the line.
//
// These are errors: a path that leads nowhere, or to a map or a list; a duplicate key, an
// anchor or an alias on the way; a value with a tag, on several lines or in a block; a path
// twice; more than one document. The result is parsed again: nothing but the values differs.
func Apply(name string, data []byte, edits []Edit) ([]byte, error) {
	doc, err := strictyaml.Any(name, data, limits)
	if err != nil {
		return nil, err
	}
	text := newText(data)
	var spots []spot
	var errs []error
	seen := map[*yaml.Node]string{}
	for _, e := range edits {
		n, err := find(doc, e.Path)
		if err == nil && seen[n] != "" {
			err = fmt.Errorf("duplicate edit, the same as %q", seen[n])
		}
		var s spot
		if err == nil {
			seen[n] = e.Path
			s, err = text.spot(n, e.Value)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%w", name, at(n, doc, e.Path, err)))
			continue
		}
		spots = append(spots, s)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	out := splice(data, spots)
	if err := check(name, doc, out, seen, edits); err != nil {
		return nil, fmt.Errorf("reading what was edited: %w", err)
	}
	return out, nil
}

// at adds the line, of the node if there is one, and the path.
func at(n, doc *yaml.Node, path string, err error) error {
	if where := (*lineError)(nil); errors.As(err, &where) {
		return fmt.Errorf("%d: %s: %w", where.line, path, where.error)
	}
	if n == nil {
		n = doc
	}
	return fmt.Errorf("%d: %s: %w", max(1, n.Line), path, err)
}

// A spot is a part of the file and what replaces it.
type spot struct {
	from, to int // offsets of bytes
	text     string
}

func splice(data []byte, spots []spot) []byte {
	slices.SortFunc(spots, func(a, b spot) int { return cmp.Compare(a.from, b.from) })
	var out []byte
	last := 0
	for _, s := range spots {
		out = append(append(out, data[last:s.from]...), s.text...)
		last = s.to
	}
	return append(out, data[last:]...)
}

// check compares the result with the document that was edited: positions are counted in
// characters, so a surprise must never become a wrong file.
func check(name string, doc *yaml.Node, out []byte, seen map[*yaml.Node]string, edits []Edit) error {
	got, err := strictyaml.Any(name, out, limits)
	if err != nil {
		return err
	}
	want := map[*yaml.Node]string{}
	for n, path := range seen {
		i := slices.IndexFunc(edits, func(e Edit) bool { return e.Path == path })
		want[n] = edits[i].Value
	}
	return same(name, doc, got, want)
}

// same reports how two documents differ in more than the values of want.
func same(name string, a, b *yaml.Node, want map[*yaml.Node]string) error {
	value, edited := want[a]
	if !edited {
		value = a.Value
	}
	switch {
	case a.Kind != b.Kind, value != b.Value, !edited && a.ShortTag() != b.ShortTag(), a.Anchor != b.Anchor, len(a.Content) != len(b.Content), a.Line != b.Line:
		return fmt.Errorf("%s:%d: got %.100q, want %.100q", name, a.Line, b.Value, value)
	}
	for i := range a.Content {
		if err := same(name, a.Content[i], b.Content[i], want); err != nil {
			return err
		}
	}
	return nil
}

// ByFile returns the edits of each file, sorted by path, from FILE:PATH → value.
func ByFile(values map[string]string) (map[string][]Edit, error) {
	edits := map[string][]Edit{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		file, path, ok := strings.Cut(key, ":")
		if !ok || file == "" {
			return nil, fmt.Errorf("value %q: want FILE:PATH, such as values.yaml:image.tag", key)
		}
		edits[file] = append(edits[file], Edit{Path: path, Value: values[key]})
	}
	return edits, nil
}
