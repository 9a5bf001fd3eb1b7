package yamledit

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// A text finds nodes in a file. The parser counts lines and characters.
type text struct {
	data  []byte
	lines []int // the offset of each line
}

func newText(data []byte) *text {
	t := &text{data, []int{0}}
	if bytes.HasPrefix(data, []byte("\ufeff")) {
		t.lines[0] = len("\ufeff")
	}
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		i += n
		switch r {
		case '\r':
			if i < len(data) && data[i] == '\n' {
				i++
			}
			fallthrough
		case '\n', '\u0085', '\u2028', '\u2029':
			t.lines = append(t.lines, i)
		}
	}
	return t
}

// offset returns the offset of a node's first byte.
func (t *text) offset(n *yaml.Node) (int, error) {
	if n.Line < 1 || n.Line > len(t.lines) {
		return 0, errors.New("the value has no position")
	}
	at := t.lines[n.Line-1]
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(t.data[at:])
		at += size
	}
	return at, nil
}

// spot returns the part of the file with the value of a node, and the new text.
func (t *text) spot(n *yaml.Node, value string) (spot, error) {
	if n.Style&yaml.TaggedStyle != 0 {
		return spot{}, fmt.Errorf("got a value with the tag %.60s, want one without", n.Tag)
	}
	at, err := t.offset(n)
	if err != nil {
		return spot{}, err
	}
	rest := t.data[at:]
	var length int
	switch n.Style {
	case yaml.DoubleQuotedStyle:
		length = quoted(rest, '"', '\\')
	case yaml.SingleQuotedStyle:
		length = quoted(rest, '\'', '\'')
	case 0, yaml.FlowStyle:
		if length = len(n.Value); !bytes.HasPrefix(rest, []byte(n.Value)) {
			length = -1
		}
	default:
		return spot{}, errors.New("got a block of text, want a value on one line")
	}
	if length < 0 || bytes.ContainsAny(rest[:length], "\r\n") {
		return spot{}, errors.New("got a value on several lines, want one line")
	}
	s := spot{at, at + length, render(n, value)}
	if length == 0 {
		s.text = " " + s.text // behind the colon
	}
	return s, nil
}

// quoted returns the length of a string in quotes, or -1. A byte after an escape does not
// end it.
func quoted(b []byte, quote, escape byte) int {
	if len(b) == 0 || b[0] != quote {
		return -1
	}
	for i := 1; i < len(b); i++ {
		switch {
		case b[i] == escape && (escape != quote || i+1 < len(b) && b[i+1] == quote):
			i++
		case b[i] == quote:
			return i + 1
		}
	}
	return -1
}

// render returns a value in the quotes of the node.
func render(n *yaml.Node, value string) string {
	printable := strings.IndexFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
	switch {
	case n.Style == yaml.SingleQuotedStyle && printable:
		return "'" + strings.ReplaceAll(value, "'", "''") + "'"
	case n.Style == yaml.DoubleQuotedStyle:
	case n.ShortTag() != "!!str" && n.ShortTag() != "!!null" && tag(value) == n.ShortTag(), printable && bare(value):
		return value
	}
	return doubleQuoted(value)
}

// tag returns the type of a value without quotes; empty if it is not one.
func tag(value string) string {
	var doc yaml.Node
	if yaml.Unmarshal([]byte(value), &doc) != nil || len(doc.Content) != 1 || doc.Content[0].Value != value {
		return ""
	}
	return doc.Content[0].ShortTag()
}

// number matches a floating point number (YAML 1.2.2, section 10.3.2), also one that is too
// large for Go.
var number = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// bare reports whether a string needs no quotes, in YAML 1.1 too, nor between braces.
func bare(value string) bool {
	if strings.ContainsAny(value, ",[]{}") || number.MatchString(value) {
		return false
	}
	out, err := yaml.Marshal(value)
	return err == nil && string(out) == value+"\n"
}

// doubleQuoted returns a string with the escapes of YAML 1.2.2, section 5.7.
func doubleQuoted(value string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range value {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
