package manifest

import (
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// fields is a mapping whose keys are known.
type fields struct {
	node *yaml.Node
	// in stands before messages, as `dependency "istio": `; empty at the top.
	in string
	// keys holds the keys that are there. A key that is nearly a known one
	// counts as that one, with no value, so that it is reported once.
	keys   map[string]*yaml.Node
	values map[string]*yaml.Node
}

// entry is one key of a mapping, and its value.
type entry struct{ key, value *yaml.Node }

// entries returns what stands in the mapping n, in order. It leaves out, and
// records, keys that are no text and keys that stand twice. The error messages
// name n as what, and say which keys it wants.
func (p *parser) entries(n *yaml.Node, what, want string) []entry {
	if n.Kind != yaml.MappingNode {
		p.errorf(n, "%sgot %s, want %s", what, kind(n), want)
		return nil
	}
	var all []entry
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch line, known := first[key.Value]; {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!null":
			p.errorf(key, "%sgot %s as a key, want text", what, kind(key))
		case known:
			p.errorf(key, "%skey %s stands twice, first on line %d", what, quote(key.Value), line)
		default:
			first[key.Value] = key.Line
			all = append(all, entry{key, n.Content[i+1]})
		}
	}
	return all
}

// fields returns the mapping n. It leaves out, and records, keys that are not
// known, as unknown `key "x" in dependency "y"`.
func (p *parser) fields(n *yaml.Node, in, suffix, want string, known []string) fields {
	f := fields{n, in, map[string]*yaml.Node{}, map[string]*yaml.Node{}}
	var guesses []entry
	for _, e := range p.entries(n, in, want) {
		if slices.Contains(known, e.key.Value) {
			f.keys[e.key.Value], f.values[e.key.Value] = e.key, e.value
			continue
		}
		hint, word := p.guess(e.key.Value, known)
		p.errorf(e.key, "unknown key %s%s: want one of %s%s", quote(e.key.Value), suffix, strings.Join(known, ", "), hint)
		guesses = append(guesses, entry{e.key, &yaml.Node{Value: word}})
	}
	for _, g := range guesses {
		if _, ok := f.keys[g.value.Value]; !ok {
			f.keys[g.value.Value] = g.key
		}
	}
	return f
}

// present returns those of keys that are there, in the order of the file.
func (f *fields) present(keys ...string) []string {
	keys = slices.DeleteFunc(keys, func(k string) bool { return f.keys[k] == nil })
	slices.SortFunc(keys, func(a, b string) int {
		x, y := f.keys[a], f.keys[b]
		return (x.Line-y.Line)*(MaxSize+1) + x.Column - y.Column
	})
	return keys
}

// text returns the text at a key, or "" if there is none that follows the rule.
func (p *parser) text(f *fields, key string, r rule) string {
	n := f.values[key]
	if n == nil {
		return ""
	}
	return p.scalar(n, f.in+key, r)
}

// scalar returns the text of n as written, or "" after recording how it breaks the rule.
func (p *parser) scalar(n *yaml.Node, what string, r rule) string {
	if n.Kind != yaml.ScalarNode || n.Style == 0 && (n.Tag == "!!null" || n.Tag == "!!bool") {
		p.errorf(n, "%s: got %s, want %s", what, kind(n), r.want)
		return ""
	}
	if bad := r.check(n.Value); bad != "" {
		p.errorf(n, "%s: got %s (%s), want %s", what, quote(redact(n.Value)), bad, r.want)
		return ""
	}
	return n.Value
}

// redact returns s without what can be a password, which no log should show:
// the user of a URL and that of user:password@host.
func redact(s string) string {
	at := strings.LastIndexByte(s, '@')
	if begin := strings.Index(s, "//"); begin >= 0 && begin < at {
		return s[:begin+2] + "…" + s[at:]
	}
	head, _, _ := strings.Cut(s, "/")
	at = strings.LastIndexByte(head, '@')
	if at >= 0 && strings.Contains(s[:at], ":") {
		return "…" + s[at:]
	}
	return s
}

// choice returns the text at a key if it is one of words, or "".
func (p *parser) choice(f *fields, key string, words []string) string {
	n := f.values[key]
	if n == nil {
		return ""
	}
	return p.word(n, f.in+key, oneOf(words), words)
}

// oneOf lists words for a message.
func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return "one of " + strings.Join(words, ", ")
}

// word returns the text of n if it is one of words, or "".
func (p *parser) word(n *yaml.Node, what, want string, words []string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		p.errorf(n, "%s: got %s, want %s", what, kind(n), want)
		return ""
	}
	if !slices.Contains(words, n.Value) {
		hint, _ := p.guess(n.Value, words)
		p.errorf(n, "%s: got %s, want %s%s", what, quote(n.Value), want, hint)
		return ""
	}
	return n.Value
}

// list returns the items of the list at a key, without those for which item
// returns "" and without those that stand twice, which it records.
func (p *parser) list(f *fields, key, want string, item func(n *yaml.Node, what string) string) []string {
	n := f.values[key]
	if n == nil {
		return nil
	}
	return p.items(n, f.in+key, want, item)
}

// items returns the items of the list n as list does.
func (p *parser) items(n *yaml.Node, what, want string, item func(n *yaml.Node, what string) string) []string {
	if n.Kind != yaml.SequenceNode {
		p.errorf(n, "%s: got %s, want a list as %s", what, kind(n), want)
		return nil
	}
	var all []string
	known := map[string]bool{}
	for _, c := range n.Content {
		switch s := item(c, what); {
		case s == "":
		case known[s]:
			p.errorf(c, "%s: %s stands twice, want it once", what, quote(s))
		default:
			known[s] = true
			all = append(all, s)
		}
	}
	return all
}

// notEmpty records a list without items at a key that has a default.
func (p *parser) notEmpty(f *fields, key string) {
	if n := f.values[key]; n != nil && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		p.errorf(n, "%s%s: got an empty list, want at least one, or no key for the default", f.in, key)
	}
}

// boolean returns the truth value at a key, or false.
func (p *parser) boolean(f *fields, key string) bool {
	n := f.values[key]
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		p.errorf(n, "%s%s: got %s, want true or false", f.in, key, kind(n))
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

// number returns n as a positive number of 31 bits, or 0.
func (p *parser) number(n *yaml.Node, what string) int {
	i, err := strconv.ParseInt(n.Value, 10, 32)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || i <= 0 || strconv.FormatInt(i, 10) != n.Value {
		p.errorf(n, "%s: got %s, want a whole number from 1 to 2147483647", what, kind(n))
		return 0
	}
	return int(i)
}

// kind says what n is.
func kind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	case n.Style == 0 && n.Tag == "!!bool":
		return "the truth value " + n.Value
	case n.Style == 0 && (n.Tag == "!!int" || n.Tag == "!!float") && len(n.Value) <= maxWord:
		return "the number " + n.Value
	}
	return quote(n.Value)
}
