package chartrepo

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
	"golang.org/x/mod/semver"
	"gopkg.in/yaml.v3"
)

// maxIndex is the maximum size of a chart index in bytes.
const maxIndex = 16 << 20

// indexLimits are those on an index, which others may have written.
var indexLimits = strictyaml.Limits{Size: maxIndex, Entries: 1_000_000}

// An index is a Helm repository's index.yaml
// (https://helm.sh/docs/topics/chart_repository/#the-index-file). Entries of others stay
// unchanged, including unknown fields.
type index struct {
	doc     yaml.Node
	entries *yaml.Node
}

// parseIndex parses an index. Without data it is empty.
func parseIndex(data []byte) (*index, error) {
	if len(data) == 0 {
		data = []byte("apiVersion: v1\nentries: {}\n")
	}
	x := &index{}
	if _, err := strictyaml.Any("index.yaml", data, indexLimits); err != nil {
		return nil, fmt.Errorf("parsing %w", err)
	}
	if err := yaml.Unmarshal(data, &x.doc); err != nil {
		return nil, fmt.Errorf("parsing: %w", err)
	}
	if x.doc.Kind != yaml.DocumentNode || x.doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("want a mapping")
	}
	writeNulls(&x.doc)
	top := x.doc.Content[0]
	if got := text(field(top, "apiVersion")); got != "v1" {
		return nil, fmt.Errorf("apiVersion: got %.100q, want v1", got)
	}
	x.entries = field(top, "entries")
	switch {
	case x.entries == nil:
		x.entries = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		top.Content = append(top.Content, scalar("entries"), x.entries)
	case x.entries.Kind == yaml.ScalarNode && x.entries.Tag == "!!null":
		*x.entries = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	case x.entries.Kind != yaml.MappingNode:
		return nil, errors.New("entries: want a mapping")
	}
	for name, list := range fields(x.entries) {
		if name.Kind != yaml.ScalarNode || list.Kind != yaml.SequenceNode && list.Tag != "!!null" {
			return nil, fmt.Errorf("entries of %.100q: want a sequence", name.Value)
		}
	}
	if len(x.entries.Content) == 0 {
		x.entries.Style = 0 // not {}
	}
	return x, nil
}

// writeNulls keeps omitted values null: the library would write empty strings.
func writeNulls(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == "" {
		n.Value = "null"
	}
	for _, c := range n.Content {
		writeNulls(c)
	}
}

// digest returns the index's digest, sha256 in hexadecimal, of a version of a chart; false if
// it has no such entry. The digest of an entry without one is "none". Of several entries it
// is the first that differs from want.
func (x *index) digest(name, version, want string) (string, bool) {
	list := field(x.entries, name)
	if list == nil || list.Kind != yaml.SequenceNode {
		return "", false
	}
	found, ok := "", false
	for _, e := range list.Content {
		if text(field(e, "version")) != version {
			continue
		}
		ok = true
		if found = digestOf(e); found == "" {
			found = "none"
		}
		if found != want {
			break
		}
	}
	return found, ok
}

// digestOf returns the digest of an entry, sha256 in hexadecimal, or "".
func digestOf(e *yaml.Node) string { return strings.TrimPrefix(text(field(e, "digest")), "sha256:") }

// urls returns the first URLs of the entries of a version of a chart.
func (x *index) urls(name, version string) (all []string) {
	list := field(x.entries, name)
	for _, e := range list.Content {
		if text(field(e, "version")) != version {
			continue
		}
		first := ""
		if urls := field(e, "urls"); urls != nil && urls.Kind == yaml.SequenceNode && len(urls.Content) > 0 {
			first = text(urls.Content[0])
		}
		all = append(all, first)
	}
	return all
}

// add adds a chart to the index. Its versions are sorted newest first.
func (x *index) add(c chart, created time.Time) {
	e := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	e.Content = append(e.Content, c.metadata.Content...)
	urls := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: []*yaml.Node{scalar(path.Base(c.file.Path))}}
	e.Content = append(e.Content,
		scalar("created"), scalar(created.UTC().Format(time.RFC3339)), scalar("digest"), scalar(c.file.Digest.Hex()), scalar("urls"), urls)
	_ = sortFields(e) // its keys are scalars
	list := field(x.entries, c.name)
	if list == nil {
		list = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		at := 0
		for at < len(x.entries.Content) && x.entries.Content[at].Value < c.name {
			at += 2
		}
		x.entries.Content = slices.Insert(x.entries.Content, at, scalar(c.name), list)
	} else if list.Kind != yaml.SequenceNode {
		*list = yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	}
	if len(list.Content) == 0 {
		list.Style = 0
	}
	list.Content = append(list.Content, e)
	slices.SortStableFunc(list.Content, func(a, b *yaml.Node) int {
		return semver.Compare(semverOf(text(field(b, "version"))), semverOf(text(field(a, "version"))))
	})
}

// marshal returns the index. Its time of generation is generated or later.
func (x *index) marshal(generated time.Time) ([]byte, error) {
	top := x.doc.Content[0]
	stamp := generated.UTC().Format(time.RFC3339)
	switch g := field(top, "generated"); {
	case g == nil:
		top.Content = append(top.Content, scalar("generated"), scalar(stamp))
	default:
		if t, err := time.Parse(time.RFC3339Nano, text(g)); err != nil || t.Before(generated) {
			*g = *scalar(stamp)
		}
	}
	var b bytes.Buffer
	w := yaml.NewEncoder(&b)
	w.SetIndent(2)
	if err := errors.Join(w.Encode(&x.doc), w.Close()); err != nil {
		return nil, err
	}
	if b.Len() > maxIndex {
		return nil, fmt.Errorf("size: got %d bytes, want at most %d", b.Len(), maxIndex)
	}
	return b.Bytes(), nil
}

// scalar returns a string, quoted if YAML would read it as another type. That includes YAML
// 1.1, which Helm reads: there yes is a boolean.
func scalar(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	var quoted yaml.Node
	if quoted.Encode(s) == nil && quoted.Tag == n.Tag {
		n.Style = quoted.Style
	}
	return n
}

// fields returns the keys and values of a mapping.
func fields(m *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(k, v *yaml.Node) bool) {
		for i := 0; m != nil && m.Kind == yaml.MappingNode && i+1 < len(m.Content); i += 2 {
			if !yield(m.Content[i], m.Content[i+1]) {
				return
			}
		}
	}
}

// field returns a value of a mapping, with aliases resolved; nil if there is none.
func field(m *yaml.Node, key string) *yaml.Node {
	if m != nil && m.Kind == yaml.AliasNode {
		m = m.Alias
	}
	for k, v := range fields(m) {
		if k.Value == key && v.Kind == yaml.AliasNode {
			return v.Alias
		} else if k.Value == key {
			return v
		}
	}
	return nil
}

// text returns the value of a scalar; empty for any other node.
func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}
