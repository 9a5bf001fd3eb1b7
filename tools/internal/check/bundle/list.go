package bundle

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/source/needs"
)

// Group sums up the entries with the same first use.
type Group struct {
	Name    string `json:"name"`
	Entries int    `json:"entries"`
	Size    int64  `json:"size"` // the sum of the entries' sizes, in bytes
}

// Groups sums up what is in the bundle: the root, the toolchain and the tools, then each
// line's entries. An entry that several need is counted once, for the first.
func (x *Index) Groups() []Group {
	sums := map[string]*Group{}
	var order []string
	for i := range x.Entries {
		e := &x.Entries[i]
		name := "unknown"
		if len(e.For) > 0 {
			name = groupName(e.For[0])
		}
		if sums[name] == nil {
			sums[name] = &Group{Name: name}
			order = append(order, name)
		}
		sums[name].Entries++
		sums[name].Size += e.Size
	}
	slices.Sort(order)
	list := make([]Group, 0, len(order))
	for _, name := range order {
		list = append(list, *sums[name])
	}
	return list
}

func groupName(u needs.Use) string {
	if u.Kind == needs.Tools {
		return "tools"
	}
	return u.String()
}

// Total returns the sum of the entries' sizes, in bytes.
func (x *Index) Total() int64 {
	var n int64
	for i := range x.Entries {
		n += x.Entries[i].Size
	}
	return n
}

// WriteText prints what is in the bundle and how large that is, as a table.
func (x *Index) WriteText(w io.Writer) error {
	for _, l := range x.Lines {
		fmt.Fprintf(w, "line %s %s, lock %s\n", l.Name, l.Version, l.Lock)
	}
	fmt.Fprintf(w, "for builds on %s", strings.Join(x.Platforms, ", "))
	if x.Root != "" {
		fmt.Fprintf(w, " in root %s", x.Root)
	}
	fmt.Fprintln(w)
	if s := x.Since; s != nil {
		fmt.Fprintln(w, s)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "WHAT\tENTRIES\tSIZE")
	for _, g := range x.Groups() {
		fmt.Fprintf(tw, "%s\t%d\t%s\n", g.Name, g.Entries, cli.Size(g.Size))
	}
	fmt.Fprintf(tw, "total\t%d\t%s\n", len(x.Entries), cli.Size(x.Total()))
	return tw.Flush()
}

func (s *Since) String() string {
	if s.Bundle != "" {
		return "leaves out what bundle " + string(s.Bundle) + " has"
	}
	text := "leaves out what lock " + string(s.Lock) + " needs"
	if s.Tools {
		text += ", and the tools' modules and the root, because the toolchain is the same"
	}
	return text
}
