package strictyaml

import (
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Fields is a mapping with known keys.
type Fields struct {
	Node *yaml.Node
	// In is the prefix of messages, such as `dependency "istio": `; empty at the top level.
	In string
	// Keys holds the keys that the mapping has. A misspelt key counts as the known one,
	// without a value, so that it is reported once.
	Keys   map[string]*yaml.Node
	Values map[string]*yaml.Node
}

// An Entry is one key of a mapping, and its value.
type Entry struct{ Key, Value *yaml.Node }

// Entries returns the entries of the mapping n, in order. It records an error for each key
// that is not text or is a duplicate, and leaves it out. Messages begin with what; want is the
// expected form.
func (p *Parser) Entries(n *yaml.Node, what, want string) []Entry {
	if n.Kind != yaml.MappingNode {
		p.Errorf(n, "%sgot %s, want %s", what, Kind(n), want)
		return nil
	}
	var all []Entry
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch line, known := first[key.Value]; {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!null":
			p.Errorf(key, "%sgot %s as a key, want text", what, Kind(key))
		case known:
			p.Errorf(key, "%sduplicate key %s, first on line %d", what, Quote(key.Value), line)
		default:
			first[key.Value] = key.Line
			all = append(all, Entry{key, n.Content[i+1]})
		}
	}
	return all
}

// Fields returns the mapping n. It records an error for each unknown key, such as unknown `key
// "x" in dependency "y"`, and leaves it out.
func (p *Parser) Fields(n *yaml.Node, in, suffix, want string, known []string) Fields {
	f := Fields{n, in, map[string]*yaml.Node{}, map[string]*yaml.Node{}}
	var guesses []Entry
	for _, e := range p.Entries(n, in, want) {
		if slices.Contains(known, e.Key.Value) {
			f.Keys[e.Key.Value], f.Values[e.Key.Value] = e.Key, e.Value
			continue
		}
		hint, word := p.Guess(e.Key.Value, known)
		p.Errorf(e.Key, "unknown key %s%s: want one of %s%s", Quote(e.Key.Value), suffix, strings.Join(known, ", "), hint)
		guesses = append(guesses, Entry{e.Key, &yaml.Node{Value: word}})
	}
	for _, g := range guesses {
		if _, ok := f.Keys[g.Value.Value]; !ok {
			f.Keys[g.Value.Value] = g.Key
		}
	}
	return f
}

// Present returns the keys that the mapping has, in the order of the file.
func (f *Fields) Present(keys ...string) []string {
	keys = slices.DeleteFunc(keys, func(k string) bool { return f.Keys[k] == nil })
	slices.SortFunc(keys, func(a, b string) int {
		x, y := f.Keys[a], f.Keys[b]
		return (x.Line-y.Line)*(MaxSize+1) + x.Column - y.Column
	})
	return keys
}

// A Rule is the expected form of a text.
type Rule struct {
	// Want describes it, such as "a file name".
	Want string
	// Check returns what is wrong with a text, or "".
	Check func(s string) string
}

// Text returns the text at a key, or "" if there is none or it breaks the rule.
func (p *Parser) Text(f *Fields, key string, r Rule) string {
	n := f.Values[key]
	if n == nil {
		return ""
	}
	return p.Scalar(n, f.In+key, r)
}

// Scalar returns the text of n as written, or "" after recording how it breaks the rule.
func (p *Parser) Scalar(n *yaml.Node, what string, r Rule) string {
	if n.Kind != yaml.ScalarNode || n.Style == 0 && (n.Tag == "!!null" || n.Tag == "!!bool") {
		p.Errorf(n, "%s: got %s, want %s", what, Kind(n), r.Want)
		return ""
	}
	if bad := r.Check(n.Value); bad != "" {
		p.Errorf(n, "%s: got %s (%s), want %s", what, Quote(redact(n.Value)), bad, r.Want)
		return ""
	}
	return n.Value
}

// redact removes possible passwords from s: the user of a URL, and user:password of
// user:password@host.
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

// Choice returns the text at a key if it is one of words, or "".
func (p *Parser) Choice(f *Fields, key string, words []string) string {
	n := f.Values[key]
	if n == nil {
		return ""
	}
	return p.Word(n, f.In+key, OneOf(words), words)
}

// OneOf lists words for a message.
func OneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return "one of " + strings.Join(words, ", ")
}

// Word returns the text of n if it is one of words, or "".
func (p *Parser) Word(n *yaml.Node, what, want string, words []string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		p.Errorf(n, "%s: got %s, want %s", what, Kind(n), want)
		return ""
	}
	if !slices.Contains(words, n.Value) {
		hint, _ := p.Guess(n.Value, words)
		p.Errorf(n, "%s: got %s, want %s%s", what, Quote(n.Value), want, hint)
		return ""
	}
	return n.Value
}

// List returns the items of the list at a key. It records duplicates, and leaves out those and
// items for which item returns "".
func (p *Parser) List(f *Fields, key, want string, item func(n *yaml.Node, what string) string) []string {
	n := f.Values[key]
	if n == nil {
		return nil
	}
	return p.Items(n, f.In+key, want, item)
}

// Items returns the items of the list n, as List does.
func (p *Parser) Items(n *yaml.Node, what, want string, item func(n *yaml.Node, what string) string) []string {
	if n.Kind != yaml.SequenceNode {
		p.Errorf(n, "%s: got %s, want a list such as %s", what, Kind(n), want)
		return nil
	}
	var all []string
	known := map[string]bool{}
	for _, c := range n.Content {
		switch s := item(c, what); {
		case s == "":
		case known[s]:
			p.Errorf(c, "%s: duplicate %s", what, Quote(s))
		default:
			known[s] = true
			all = append(all, s)
		}
	}
	return all
}

// NotEmpty records an error if the list at a key, which has a default, is empty.
func (p *Parser) NotEmpty(f *Fields, key string) {
	if n := f.Values[key]; n != nil && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		p.Errorf(n, "%s%s: got an empty list, want at least one item, or no key for the default", f.In, key)
	}
}

// Boolean returns the boolean at a key, or false.
func (p *Parser) Boolean(f *Fields, key string) bool {
	n := f.Values[key]
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		p.Errorf(n, "%s%s: got %s, want true or false", f.In, key, Kind(n))
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

// Number returns n as a number of 31 bits, not negative.
func (p *Parser) Number(n *yaml.Node, what string) (number int, ok bool) {
	i, err := strconv.ParseInt(n.Value, 10, 32)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || i < 0 || strconv.FormatInt(i, 10) != n.Value {
		p.Errorf(n, "%s: got %s, want a whole number from 0 to 2147483647", what, Kind(n))
		return 0, false
	}
	return int(i), true
}

// Kind describes n for a message.
func Kind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	case n.Style == 0 && n.Tag == "!!bool":
		return "the boolean " + n.Value
	case n.Style == 0 && (n.Tag == "!!int" || n.Tag == "!!float") && len(n.Value) <= maxWord:
		return "the number " + n.Value
	}
	return Quote(n.Value)
}
