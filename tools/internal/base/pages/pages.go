// Package pages keeps the generated part of a page of docs.
package pages

import (
	"fmt"
	"os"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// End is the line after the generated part.
const End = "<!-- to here -->\n"

// Begin returns the line before the part that a command generates.
func Begin(command string) string { return "<!-- " + command + " writes from here -->\n" }

// UpdateArgs says what is written where.
type UpdateArgs struct {
	Page    string // the file; it has the two lines
	Command string // the command line that generates the text, which a reader can run
	Text    string
	Check   bool // write nothing
}

// Update replaces the generated part of a page. With Check, a page that would change is an error.
func Update(args UpdateArgs) error {
	old, err := os.ReadFile(args.Page)
	if err != nil {
		return err
	}
	begin := Begin(args.Command)
	head, rest, found := strings.Cut(string(old), begin)
	_, tail, closed := strings.Cut(rest, End)
	if !found || !closed {
		return fmt.Errorf("%q lacks the two lines between which the text goes, want\n%s%s", args.Page, begin, End)
	}
	text := head + begin + args.Text + End + tail
	switch {
	case text == string(old):
		return nil
	case args.Check:
		return hint.With(fmt.Errorf("%q is stale", args.Page), "%s", args.Command)
	}
	return fileio.WriteFile(args.Page, []byte(text), 0o644)
}
