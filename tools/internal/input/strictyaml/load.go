// Package strictyaml reads a strict form of YAML: one document in block or flow style, without
// anchors, aliases, merge keys, tags and tabs. Every key is known and unique. Text is used as
// written: `version: 1.10` is "1.10", although YAML reads a number.
//
// A [Parser] continues after an error, so that a person sees all problems of a file at once,
// each with file, line, column, what was found, what was expected, and the known word that was
// probably meant. [Parser.Load] bounds the cost of hostile files.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// MaxSize is the largest file, in bytes, that Load accepts.
const MaxSize = 1 << 20

// Bounds for the YAML parser, which takes memory and time for each node. A real file has some
// hundred entries, four levels deep.
const (
	maxEntries = 10_000
	maxDepth   = 64
	// Finding the line of a syntax error parses the file about twelve times, so it is done
	// only for files up to this size in bytes, with up to this number of entries.
	maxSearchSize    = 64 << 10
	maxSearchEntries = 2_000
)

// Load returns the root of data's only document. If data is not text, is too large, is not
// YAML or uses a refused feature, it records an error and returns nil.
func (p *Parser) Load(data []byte) *yaml.Node {
	if len(data) > MaxSize {
		p.ErrorAt(0, 0, "file has %d bytes, want at most %d", len(data), MaxSize)
		return nil
	}
	p.characters(data)
	if len(p.errs) > 0 {
		return nil
	}
	entries := p.bound(data, bounds{maxEntries, maxDepth, true})
	if len(p.errs) > 0 {
		return nil
	}
	root, second, err := decode(data)
	switch {
	case errors.Is(err, io.EOF), err == nil && root.Tag == "!!null" && root.Value == "":
		p.ErrorAt(0, 0, "file is empty, want %s", p.want)
	case err != nil:
		p.syntax(data, entries, err)
	case second != nil:
		p.Errorf(second, "a second document starts here, want one")
	default:
		p.plain(data, root)
	}
	if len(p.errs) > 0 {
		return nil
	}
	return root
}

// characters records the first forbidden character of each line: a tab, a control or direction
// character, a byte order mark, a line break other than LF and CR LF, or a byte that is not
// UTF-8.
func (p *Parser) characters(data []byte) {
	line, column, bad := 1, 0, false
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		at := i
		i += size
		column++
		switch {
		case r == '\n':
			line, column, bad = line+1, 0, false
		case bad || r >= ' ' && r <= '~' || r == '\r' && i < len(data) && data[i] == '\n':
		case r == utf8.RuneError && size == 1:
			p.ErrorAt(line, column, "byte 0x%02x is not UTF-8", data[at])
			bad = true
		case r == '\t':
			p.ErrorAt(line, column, "tab, want spaces")
			bad = true
		case r == '\ufeff':
			p.ErrorAt(line, column, "byte order mark, want plain UTF-8")
			bad = true
		case unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control):
			p.ErrorAt(line, column, "control character %U, want text", r)
			bad = true
		}
		if len(p.errs) > maxErrors {
			return
		}
	}
	p.endLine, p.endColumn = line, column+1
}

// bounds limit what a file may have.
type bounds struct {
	entries, depth int
	// free means that comments do not count. A file whose lines end in another way than with
	// LF would be one comment then.
	free bool
}

// bound counts the characters that can make a YAML parser allocate a node, including those in
// text. It records an error if there are too many, or too many open brackets. It skips comment
// lines if they are free. A line that looks like a comment can be the end of a quoted text only
// if there is a quote before it and in it.
func (p *Parser) bound(data []byte, most bounds) (entries int) {
	depth, quoted := 0, false
	for number := 1; len(data) > 0; number++ {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) > 0 && line[0] == '%' {
			p.ErrorAt(number, 1, "YAML directive, want none")
			return entries
		}
		if most.free && comment(line) && !(quoted && bytes.ContainsAny(line, `"'`)) {
			continue
		}
		for i, b := range line {
			switch b {
			case '"', '\'':
				quoted = true
			case '[', '{':
				entries++
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			case ',', ':':
				entries++
			case '-', '?':
				if i+1 == len(line) || line[i+1] == ' ' {
					entries++
				}
			}
			if depth > most.depth {
				p.ErrorAt(number, column(line, i), "brackets %d deep, want at most %d", depth, most.depth)
				return entries
			}
			if entries > most.entries {
				p.ErrorAt(number, column(line, i), "more than %d entries, want a smaller file", most.entries)
				return entries
			}
		}
	}
	return entries
}

// comment reports whether a line's first character is "#".
func comment(line []byte) bool {
	for _, b := range line {
		if b != ' ' {
			return b == '#'
		}
	}
	return false
}

// column returns the column of the byte line[i].
func column(line []byte, i int) int { return utf8.RuneCount(line[:i]) + 1 }

// decode returns the root of the first document, and of the second if there is one. It returns
// io.EOF if there is no document. The YAML parser panics in states that it considers
// impossible; inputs that reach one have been found
// (https://github.com/go-yaml/yaml/issues/666).
func decode(data []byte) (root, second *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(data))
	var first, more yaml.Node
	if err := d.Decode(&first); err != nil {
		return nil, nil, err
	}
	switch err := d.Decode(&more); {
	case errors.Is(err, io.EOF):
		return first.Content[0], nil, nil
	case err != nil:
		return nil, nil, err
	}
	return first.Content[0], &more, nil
}

var (
	position     = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	unknownAlias = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// syntax records the YAML parser's error. The parser gives the line where the surrounding
// mapping starts, or one less, or none. So syntax looks for the line whose removal changes the
// error, or fixes it.
func (p *Parser) syntax(data []byte, entries int, err error) {
	full := func(err error) string { return position.ReplaceAllString(err.Error(), "") }
	msg := full(err)
	line := 1
	if m := position.FindStringSubmatch(err.Error()); m != nil && m[1] != "" {
		line, _ = strconv.Atoi(m[1])
	}
	if len(data) <= maxSearchSize && entries <= maxSearchEntries {
		lines := bytes.SplitAfter(data, []byte("\n"))
		line = 1 + sort.Search(len(lines)-1, func(i int) bool {
			_, _, err := decode(bytes.Join(lines[:i+1], nil))
			return err != nil && full(err) == msg
		})
	}
	if m := unknownAlias.FindStringSubmatch(msg); m != nil {
		p.ErrorAt(line, 0, "alias %s, want the value itself", Quote("*"+m[1]))
		return
	}
	p.ErrorAt(line, 0, "invalid YAML: %s", reason(err))
}

// plain records an error for every anchor, alias, tag and merge key at root and below.
func (p *Parser) plain(data []byte, root *yaml.Node) {
	c := &cursor{rest: data, line: 1, column: 1}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		switch tag := c.at(n.Line, n.Column) == '!'; {
		case n.Kind == yaml.AliasNode:
			p.Errorf(n, "alias %s, want the value itself", Quote("*"+n.Value))
		case n.Anchor != "":
			p.Errorf(n, "anchor %s, want none", Quote("&"+n.Anchor))
		case n.Style&yaml.TaggedStyle != 0:
			p.Errorf(n, "tag %s, want none", Quote(n.Tag))
		case tag: // the parser drops a lone "!"
			p.Errorf(n, `tag "!", want none`)
		}
		for i, child := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 && child.Tag == "!!merge" {
				p.Errorf(child, `merge key "<<", want the keys themselves`)
			}
			walk(child)
		}
	}
	walk(root)
}

// cursor reads characters by position, forwards only. It reads a whole file in one pass.
type cursor struct {
	rest         []byte
	line, column int
}

// at returns the character at a position, or 0 if there is none.
func (c *cursor) at(line, column int) rune {
	for len(c.rest) > 0 {
		r, size := utf8.DecodeRune(c.rest)
		if c.line > line || c.line == line && c.column >= column {
			return r
		}
		c.rest = c.rest[size:]
		c.column++
		if r == '\n' {
			c.line, c.column = c.line+1, 1
		}
	}
	return 0
}
