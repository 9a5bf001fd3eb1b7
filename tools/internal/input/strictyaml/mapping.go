package strictyaml

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// Optional returns the entries of the mapping n, which may be nil.
func (p *Parser) Optional(n *yaml.Node, what, want string) []Entry {
	if n == nil {
		return nil
	}
	return p.Entries(n, what, want)
}

// Filled returns the entries of the mapping n. It records an error if there are none.
func (p *Parser) Filled(n *yaml.Node, what, want string) []Entry {
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		p.Errorf(n, "%sgot an empty mapping, want %s", what, want)
	}
	return p.Entries(n, what, want)
}

// Each calls add for each mapping in the list at a key. The function known returns the known
// keys.
func (p *Parser) Each(f *Fields, key string, known func(n *yaml.Node) []string, add func(n *yaml.Node, f *Fields)) {
	n := f.Values[key]
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode {
		p.Errorf(n, "%s%s: got %s, want a list of mappings", f.In, key, Kind(n))
		return
	}
	suffix := " in " + key
	if f.In != "" {
		suffix += " of " + strings.TrimSuffix(f.In, ": ")
	}
	for _, c := range n.Content {
		keys := known(c)
		item := p.Fields(c, f.In+key+": ", suffix, "a mapping with "+strings.Join(keys, ", "), keys)
		if c.Kind == yaml.MappingNode {
			add(c, &item)
		}
	}
}

// Required records an error if a key is missing.
func (p *Parser) Required(n *yaml.Node, f *Fields, key string) {
	if n.Kind == yaml.MappingNode && f.Keys[key] == nil {
		p.Errorf(n, "%sno %s", f.In, key)
	}
}

// Alone records an error if the mapping has more than one of the keys.
func (p *Parser) Alone(f *Fields, keys ...string) {
	if have := f.Present(keys...); len(have) > 1 {
		p.Errorf(f.Keys[have[1]], "%sgot %s, want one of them", f.In, strings.Join(have, " and "))
	}
}

// Words returns the texts of the list at a key, each of which follows the rule.
func (p *Parser) Words(f *Fields, key, want string, r Rule) []string {
	return p.List(f, key, want, func(n *yaml.Node, what string) string { return p.Scalar(n, what, r) })
}
