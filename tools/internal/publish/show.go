package publish

import (
	"fmt"
	"io"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

// WriteText writes what each destination of a profile has and should have: the number of
// contents, and each receipt, pointer and conflict.
func (p *Plan) WriteText(w io.Writer, profile string) {
	what := p.Version + " to " + profile
	if p.Yanks != "" {
		what = fmt.Sprintf("yank %s from %s, back to %s", p.Yanks, profile, p.Version)
	}
	fmt.Fprintf(w, "%s: %s\n", what, changes(p.Changes(), p.Size()))
	for _, d := range p.Destinations {
		if len(d.Items) == 0 {
			nothing := "the release has nothing for it"
			if p.Yanks != "" {
				nothing = "it has nothing that moves"
			}
			fmt.Fprintf(w, "  %s: %s\n", d.Name, nothing)
			continue
		}
		fmt.Fprintf(w, "  %s\n", d.Name)
		showContent(w, d.Items)
		for _, i := range d.Items {
			if i.State == Conflict || i.Phase != Upload {
				fmt.Fprintf(w, "    %s\n", itemLine(i))
			}
		}
	}
}

// itemLine returns the line of a pointer or a conflict.
func itemLine(i Item) string {
	what, why := i.Kind+" "+i.Name, ""
	if i.Reason != "" {
		why = " (" + i.Reason + ")"
	}
	switch i.State {
	case Conflict:
		return fmt.Sprintf("CONFLICT %s: found %s, want %s%s", what, i.Found, i.Digest, why)
	case Equal:
		return "= " + what
	case Kept:
		where := "stays absent"
		if i.Found != "" {
			where = "stays at " + i.Found
		}
		return fmt.Sprintf("= %s: %s, for %s", what, where, i.Reason)
	case Behind:
		if i.Leaves != "" {
			return "- " + what + why
		}
		return fmt.Sprintf("~ %s: %s, to become %s%s", what, i.Found, i.Digest, why)
	}
	return "+ " + what + why
}

// showContent prints a line for each kind of content in each state.
func showContent(w io.Writer, items []Item) {
	type group struct {
		kind  string
		state State
	}
	type total struct {
		n    int
		size int64
	}
	totals := map[group]total{}
	var order []group
	for _, i := range items {
		if i.Phase != Upload || i.State == Conflict {
			continue
		}
		g := group{i.Kind, i.State}
		if totals[g].n == 0 {
			order = append(order, g)
		}
		totals[g] = total{totals[g].n + 1, totals[g].size + i.Size}
	}
	for _, g := range order {
		mark, what := "+", "to create, "+cli.Size(totals[g].size)
		if g.state == Equal {
			mark, what = "=", "there"
		}
		fmt.Fprintf(w, "    %s %s: %d %s\n", mark, g.kind, totals[g].n, what)
	}
}

func changes(n int, size int64) string {
	switch n {
	case 0:
		return "0 changes"
	case 1:
		return "1 change, " + cli.Size(size)
	}
	return fmt.Sprintf("%d changes, %s", n, cli.Size(size))
}
