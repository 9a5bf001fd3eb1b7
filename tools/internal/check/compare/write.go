package compare

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

// WriteText writes PASS or FAIL for each file, with the differences below it, and a line with
// the counts.
func (r *Report) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, f := range r.Files {
		if f.State == lockdiff.Same {
			fmt.Fprintf(b, "PASS  %s\n", printablePath(f.Path))
			continue
		}
		fmt.Fprintf(b, "FAIL  %s: %s\n", printablePath(f.Path), f.summary())
		for _, d := range f.Differences {
			fmt.Fprintf(b, "      %s\n", d.line())
			if d.Cause != "" {
				fmt.Fprintf(b, "        cause: %s\n", d.Cause)
			}
		}
	}
	fmt.Fprintln(b, r.count())
	return b.Flush()
}

// summary describes how the file differs as a whole.
func (f *FileResult) summary() string {
	switch f.State {
	case lockdiff.Removed:
		return "removed: only in the old release"
	case lockdiff.Added:
		return "added: only in the new release"
	case lockdiff.Changed:
		if f.Old != nil && f.New != nil && f.Old.Size != f.New.Size && f.Old.Size > 0 {
			return fmt.Sprintf("changed: %d and %d bytes", f.Old.Size, f.New.Size)
		}
	}
	return string(f.State)
}

// line returns the difference without its cause.
func (d *Difference) line() string {
	line := d.What
	if d.Member != "" {
		line = d.Member + ": " + d.What
	}
	if d.Old != "" || d.New != "" {
		line += ": " + orNone(d.Old) + " → " + orNone(d.New)
	}
	return line
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// count returns the number of files in each state, as text.
func (r *Report) count() string {
	states := map[lockdiff.State]int{}
	for _, f := range r.Files {
		states[f.State]++
	}
	parts := []string{plural(states[lockdiff.Same], "file") + " the same"}
	for _, s := range []lockdiff.State{lockdiff.Changed, lockdiff.Removed, lockdiff.Added} {
		if states[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", states[s], s))
		}
	}
	return strings.Join(parts, ", ")
}

func printablePath(p string) string {
	if len(p) > maxValue {
		return printable(p[:maxValue]) + printablePath(p[maxValue:])
	}
	return printable(p)
}
