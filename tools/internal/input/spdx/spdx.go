// Package spdx parses licence expressions
// (https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/) and knows the SPDX licence
// list. licenses.txt and exceptions.txt have the ids of the npm packages spdx-license-ids
// 3.0.24 and spdx-exceptions 2.5.0, with the deprecated ones: files of base images name those.
package spdx

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// NoAssertion says that nothing is known about a licence. It is no expression.
const NoAssertion = "NOASSERTION"

// MaxLength is the length in bytes of the longest expression that Parse accepts.
const MaxLength = 10_000

// maxDepth is the number of brackets that may be open at a time.
const maxDepth = 50

//go:embed licenses.txt
var licenses string

//go:embed exceptions.txt
var exceptions string

// list is a list of ids that is searched without regard to case, as the specification wants.
type list map[string]string

func newList(text string) list {
	l := list{}
	for id := range strings.FieldsSeq(text) {
		l[strings.ToLower(id)] = id
	}
	return l
}

var lists = sync.OnceValue(func() [2]list { return [2]list{newList(licenses), newList(exceptions)} })

// Known returns the id in the list's spelling. It reports whether the list has the id.
func Known(id string) (string, bool) {
	known, ok := lists()[0][strings.ToLower(id)]
	return known, ok
}

// IDs returns the list of licences, sorted.
func IDs() []string { return strings.Fields(licenses) }

// An Expression is a parsed licence expression. The zero value is not valid.
type Expression struct {
	op    string        // AND or OR; empty for a licence
	parts []*Expression // of AND and OR, at least two
	name  string        // a licence, such as MIT or "GPL-2.0-only WITH Classpath-exception-2.0"
}

// Parse parses an expression. Each licence is in the list, or a LicenseRef- of a document.
func Parse(s string) (*Expression, error) {
	if len(s) > MaxLength {
		return nil, fmt.Errorf("licence expression has %d bytes, want at most %d", len(s), MaxLength)
	}
	p := &parser{rest: strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(s))}
	e, err := p.either(0)
	if err == nil && len(p.rest) > 0 {
		err = fmt.Errorf("got %.60q, want AND, OR or the end", p.rest[0])
	}
	if err != nil {
		return nil, fmt.Errorf("licence expression %q: %w", shorten(s), err)
	}
	return e, nil
}

func shorten(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

type parser struct{ rest []string }

// next returns the next word, and "" at the end.
func (p *parser) next() string {
	if len(p.rest) == 0 {
		return ""
	}
	return p.rest[0]
}

// accept skips a word if it is the next. Operators may be in upper or in lower case.
func (p *parser) accept(word string) bool {
	if next := p.next(); next != word && next != strings.ToLower(word) || next == "" {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *parser) either(depth int) (*Expression, error) {
	return p.operands("OR", func() (*Expression, error) {
		return p.operands("AND", func() (*Expression, error) { return p.operand(depth) })
	})
}

// operands parses operands with an operator between them.
func (p *parser) operands(op string, operand func() (*Expression, error)) (*Expression, error) {
	e := &Expression{op: op}
	for {
		part, err := operand()
		if err != nil {
			return nil, err
		}
		e.parts = append(e.parts, part)
		if !p.accept(op) {
			break
		}
	}
	if len(e.parts) == 1 {
		return e.parts[0], nil
	}
	return e, nil
}

func (p *parser) operand(depth int) (*Expression, error) {
	if p.accept("(") {
		if depth == maxDepth {
			return nil, fmt.Errorf("more than %d brackets are open", maxDepth)
		}
		e, err := p.either(depth + 1)
		if err == nil && !p.accept(")") {
			err = fmt.Errorf("got %.60q, want %q", p.next(), ")")
		}
		return e, err
	}
	name, err := license(p.next())
	if err != nil {
		return nil, err
	}
	p.rest = p.rest[1:]
	if p.accept("WITH") {
		known, ok := lists()[1][strings.ToLower(p.next())]
		if !ok {
			return nil, fmt.Errorf("got %.60q after WITH, want an exception of the SPDX list", p.next())
		}
		p.rest = p.rest[1:]
		name += " WITH " + known
	}
	return &Expression{name: name}, nil
}

// license returns the spelling of a licence's id, which may have a + at the end.
func license(word string) (string, error) {
	if word == "" {
		return "", fmt.Errorf("got nothing, want a licence")
	}
	if rest, ok := strings.CutPrefix(word, "LicenseRef-"); ok && isIDString(rest) {
		return word, nil
	}
	if known, ok := Known(word); ok {
		return known, nil
	}
	if known, ok := Known(strings.TrimSuffix(word, "+")); ok {
		return known + "+", nil
	}
	return "", fmt.Errorf("%.60q is no id of the SPDX list", word)
}

// isIDString reports whether s is an idstring of the specification.
func isIDString(s string) bool {
	const characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"
	return s != "" && strings.Trim(s, characters) == ""
}

// IsLicense reports whether the expression is one licence, with or without an exception.
func (e *Expression) IsLicense() bool { return e.op == "" }

// String returns the expression in its canonical form.
func (e *Expression) String() string {
	if e.op == "" {
		return e.name
	}
	parts := make([]string, len(e.parts))
	for i, part := range e.parts {
		parts[i] = part.String()
		if part.op != "" {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return strings.Join(parts, " "+e.op+" ")
}

// Licenses returns the licences in the expression, sorted, without duplicates.
func (e *Expression) Licenses() []string {
	if e.IsLicense() {
		return []string{e.name}
	}
	var all []string
	for _, part := range e.parts {
		all = append(all, part.Licenses()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Allowed returns the licences because of which a list of allowed ones does not permit the
// expression, sorted; none if it does. Of several alternatives one has to be permitted.
func (e *Expression) Allowed(allow []string) (missing []string) {
	switch e.op {
	case "":
		if !slices.Contains(allow, e.name) {
			missing = []string{e.name}
		}
		return missing
	case "OR":
		for _, part := range e.parts {
			m := part.Allowed(allow)
			if m == nil {
				return nil
			}
			missing = append(missing, m...)
		}
	case "AND":
		for _, part := range e.parts {
			missing = append(missing, part.Allowed(allow)...)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

// And returns the expression that all given ones apply. Duplicates are left out.
func And(all ...*Expression) *Expression {
	e := &Expression{op: "AND"}
	var add func(*Expression)
	add = func(p *Expression) {
		if p.op == "AND" {
			for _, part := range p.parts {
				add(part)
			}
			return
		}
		if !slices.ContainsFunc(e.parts, func(q *Expression) bool { return q.String() == p.String() }) {
			e.parts = append(e.parts, p)
		}
	}
	for _, p := range all {
		add(p)
	}
	slices.SortFunc(e.parts, func(a, b *Expression) int { return strings.Compare(a.String(), b.String()) })
	if len(e.parts) == 1 {
		return e.parts[0]
	}
	return e
}
