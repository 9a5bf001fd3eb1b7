package strictyaml

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxErrors is the number of errors of a file that are shown.
const maxErrors = 20

// Error is one problem of a file.
type Error struct {
	File string
	// Line counts from 1; 0 means the whole file.
	Line int
	// Column counts characters, not bytes, from 1; 0 means the whole line.
	Column int
	// Msg is one line: what was found and what was expected.
	Msg string
}

// Error returns "file:line:column: msg", without numbers that are 0.
func (e *Error) Error() string {
	switch {
	case e.Line == 0:
		return fmt.Sprintf("%s: %s", e.File, e.Msg)
	case e.Column == 0:
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Msg)
}

// A Parser collects the problems of a file.
type Parser struct {
	file string
	// want describes the document, for messages.
	want string
	// endLine and endColumn are the position after the last character; 0 before it is known.
	endLine, endColumn int
	errs               []*Error
}

// New returns a parser of the named file. The text want describes the file, such as "a mapping
// of name: image".
func New(file, want string) *Parser { return &Parser{file: file, want: want} }

// File returns the file's name.
func (p *Parser) File() string { return p.file }

// Errorf records an error at n.
func (p *Parser) Errorf(n *yaml.Node, format string, args ...any) {
	p.ErrorAt(n.Line, n.Column, format, args...)
}

// ErrorAt records an error at a position. If a file does not end with a line feed, the YAML
// parser reports what is missing at its end on the line after it.
func (p *Parser) ErrorAt(line, column int, format string, args ...any) {
	if p.endLine > 0 && line > p.endLine {
		line, column = p.endLine, p.endColumn
	}
	p.errs = append(p.errs, &Error{p.file, line, column, fmt.Sprintf(format, args...)})
}

// Err joins the recorded errors, an *Error for each, sorted by position.
func (p *Parser) Err() error {
	slices.SortStableFunc(p.errs, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	var errs []error
	for i, e := range p.errs {
		if i == maxErrors {
			errs = append(errs, &Error{p.file, e.Line, 0, fmt.Sprintf("further errors: %d", len(p.errs)-i)})
			break
		}
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}

// maxWord is the length in bytes of the longest word for which Guess looks for a known one.
const maxWord = 40

// Quote returns s as a Go string literal, shortened to fit on a line.
func Quote(s string) string {
	const limit = 60
	n := 0
	for i := range s {
		if n++; n > limit {
			return strconv.Quote(s[:i]) + "…"
		}
	}
	return strconv.Quote(s)
}

// Guess returns the known word that s is most likely meant to be, as `; did you mean "word"?`
// and as the word; or two empty strings.
func (p *Parser) Guess(s string, known []string) (hint, word string) {
	if len(s) > maxWord || len(p.errs) > maxErrors {
		return "", ""
	}
	best := max(1, len(s)/3) + 1
	for _, k := range known {
		if len(k) > maxWord {
			continue
		}
		if d := distance(s, k); d < best {
			best, word = d, k
		}
	}
	if word == "" && len(s) >= 3 {
		if i := slices.IndexFunc(known, func(k string) bool { return strings.Contains(k, s) }); i >= 0 {
			word = known[i]
		}
	}
	if word == "" {
		return "", ""
	}
	return fmt.Sprintf("; did you mean %q?", word), word
}

// distance returns how many insertions, deletions, replacements and swaps of neighbours turn a
// into b, ignoring case (optimal string alignment). Neither has more than maxWord bytes.
func distance(a, b string) int {
	var rows [3][maxWord + 1]int
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	same := func(i, j int) bool { return lower(a[i]) == lower(b[j]) }
	for i := 1; i <= len(a); i++ {
		row, above, twoAbove := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if same(i-1, j-1) {
				change = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+change)
			if i > 1 && j > 1 && same(i-1, j-2) && same(i-2, j-1) {
				row[j] = min(row[j], twoAbove[j-2]+1)
			}
		}
	}
	return rows[len(a)%3][len(b)]
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}
