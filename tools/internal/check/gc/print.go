package gc

import (
	"fmt"
	"io"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

// WriteText prints a plan for people, one thing per line: what each place holds, what stays
// and why, and what is removed. The verb is "would remove" or "removed".
func (p *Plan) WriteText(w io.Writer, verb string) error {
	out := &printer{w: w}
	for _, s := range p.Sections {
		out.linef("%s: %s in %s", s.Name, cli.Size(s.Size), s.Dir)
		for _, g := range s.Stays {
			out.linef("  keeps %s, %s: %s", cli.Size(g.Size), count(g.Entries, "entry", "entries"), g.Why)
		}
		for _, it := range s.Goes {
			out.linef("  %s %s, %s: %s", verb, it.Path, cli.Size(it.Size), it.Why)
		}
		if g := s.GoesGroup; g != nil {
			out.linef("  %s %s, %s: %s", verb, cli.Size(g.Size), count(g.Entries, "entry", "entries"), g.Why)
		}
		for _, n := range s.Notes {
			out.linef("  note: %s", n)
		}
	}
	return out.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) linef(format string, args ...any) {
	if p.err == nil {
		// A name may have line feeds or control characters.
		line := cli.Printable(fmt.Sprintf(format, args...))
		_, p.err = fmt.Fprintln(p.w, strings.ReplaceAll(line, "\n", `\n`))
	}
}

// count formats a number of things, with the singular or the plural.
func count(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}
