package yamledit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
	"gopkg.in/yaml.v3"
)

// A lineError is an error about another line than that of the value.
type lineError struct {
	line int
	error
}

func lineErrorf(n *yaml.Node, format string, args ...any) error {
	return &lineError{n.Line, fmt.Errorf(format, args...)}
}

// split returns the parts of a path.
func split(path string) ([]string, error) {
	var parts []string
	var part strings.Builder
	for i := 0; i < len(path); i++ {
		switch {
		case path[i] == '\\' && i+1 < len(path):
			i++
			part.WriteByte(path[i])
		case path[i] == '.':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(path[i])
		}
	}
	parts = append(parts, part.String())
	for _, p := range parts {
		if p == "" {
			return nil, errors.New("want keys separated by dots")
		}
	}
	return parts, nil
}

// find returns the scalar at a path.
func find(n *yaml.Node, path string) (*yaml.Node, error) {
	parts, err := split(path)
	if err != nil {
		return nil, err
	}
	for i, part := range parts {
		if err := plain(n); err != nil {
			return nil, err
		}
		if n, err = child(n, part, strings.Join(parts[:i], ".")); err != nil {
			return nil, err
		}
	}
	if err := plain(n); err != nil {
		return nil, err
	}
	switch n.Kind {
	case yaml.MappingNode:
		if len(n.Content) == 0 {
			return nil, lineErrorf(n, "got a map with no key, want a single value")
		}
		return nil, lineErrorf(n, "got a map with %s, want a single value: a path that goes on, such as %s.%s", keys(n), path, n.Content[0].Value)
	case yaml.SequenceNode:
		return nil, lineErrorf(n, "got a list, want a single value: a path that goes on, such as %s.0", path)
	}
	return n, nil
}

// plain refuses nodes that other parts of the file share.
func plain(n *yaml.Node) error {
	switch {
	case n.Kind == yaml.AliasNode:
		return lineErrorf(n, "got the alias *%.60s, want a value of its own", n.Value)
	case n.Anchor != "":
		return lineErrorf(n, "got the anchor &%.60s, want a value that nothing else uses", n.Anchor)
	}
	return nil
}

// child returns the value of a key or a position.
func child(n *yaml.Node, part, above string) (*yaml.Node, error) {
	if above == "" {
		above = "the top"
	}
	switch n.Kind {
	case yaml.MappingNode:
		var found, key *yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			if k.Kind != yaml.ScalarNode || k.Value != part {
				continue
			}
			if found != nil {
				return nil, lineErrorf(k, "duplicate key %q, first on line %d", part, key.Line)
			}
			key, found = k, n.Content[i+1]
		}
		if found == nil {
			return nil, lineErrorf(n, "no key %q at %s: there is %s", part, above, keys(n))
		}
		return found, nil
	case yaml.SequenceNode:
		i, err := strconv.Atoi(part)
		if err != nil || i < 0 || i >= len(n.Content) {
			return nil, lineErrorf(n, "no %q at %s: there is a list of %d", part, above, len(n.Content))
		}
		return n.Content[i], nil
	}
	return nil, lineErrorf(n, "no key %q at %s: there is the value %.100q", part, above, n.Value)
}

// keys lists the keys of a map, in their order.
func keys(n *yaml.Node) string {
	const most = 20
	var all []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		if len(all) == most {
			all = append(all, "…")
			break
		}
		all = append(all, strictyaml.Quote(n.Content[i].Value))
	}
	if len(all) == 0 {
		return "no key"
	}
	return strings.Join(all, ", ")
}
