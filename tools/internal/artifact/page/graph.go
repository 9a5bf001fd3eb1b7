package page

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
)

// A Graph leads from the pinned sources, by the variants of their build tags and their programs,
// to the artifacts.
type Graph struct {
	Columns []Column
	Edges   []Edge
}

// A Column has nodes of one kind, in their order.
type Column struct {
	Title string
	Nodes []Node
}

// A Node is a source, a variant, a program or a group of artifacts; or, without a title, a place
// where edges cross the column.
type Node struct{ ID, Title, Note string }

// An Edge leads from a node to one of the next column. Library means that a source is linked into
// a program of another.
type Edge struct {
	From, To string
	Library  bool
}

// graphOf returns the graph of a release. Artifacts without programs are not in it.
func graphOf(p *Page, programs []*program, artifacts []release.Entry) Graph {
	sources, variants, middle, last := Column{Title: "Sources"}, Column{Title: "Variants"}, Column{Title: "Programs"}, Column{Title: "Artifacts"}
	edges := map[Edge]bool{}
	for _, s := range p.Sources {
		note := s.Revision
		if commit, err := module.PseudoVersionRev(s.Revision); err == nil {
			note = commit
		}
		if s.Modules > 0 {
			note += ", " + count(s.Modules, "module")
		}
		sources.Nodes = append(sources.Nodes, Node{"source " + s.Name, s.Name, note})
		for _, v := range s.Variants {
			id := "variant " + s.Name + " " + v.Name
			variants.Nodes = append(variants.Nodes, Node{id, v.Name, count(len(v.Tags), "build tag")})
			edges[Edge{From: "source " + s.Name, To: id}] = true
		}
	}
	for _, prog := range programs {
		id, note := "program "+prog.name, count(prog.modules, "module")+" linked"
		if prog.info == nil {
			note = "ready-made"
		}
		middle.Nodes = append(middle.Nodes, Node{id, prog.name, note})
		switch {
		case prog.variant != "":
			edges[Edge{From: "variant " + prog.source + " " + prog.variant, To: id}] = true
		case prog.source != "":
			edges[Edge{From: "source " + prog.source, To: id}] = true
		}
		for _, name := range prog.library {
			edges[Edge{From: "source " + name, To: id, Library: true}] = true
		}
	}
	for _, g := range groups(artifacts, p.Version) {
		last.Nodes = append(last.Nodes, Node{g.id, g.title, g.note})
		for _, name := range g.programs {
			edges[Edge{From: "program " + name, To: g.id}] = true
		}
	}
	if len(variants.Nodes) > 0 {
		edges = cross(edges, &variants)
	}
	var g Graph
	for _, c := range []Column{sources, variants, middle, last} {
		if len(c.Nodes) > 0 {
			g.Columns = append(g.Columns, c)
		}
	}
	g.Edges = slices.SortedFunc(maps.Keys(edges), func(a, b Edge) int { return strings.Compare(a.From+"\x00"+a.To, b.From+"\x00"+b.To) })
	g.arrange()
	return g
}

// cross leads the edges from sources to programs across the column of variants: those of a source
// and of one kind by one place.
func cross(edges map[Edge]bool, variants *Column) map[Edge]bool {
	all := map[Edge]bool{}
	places := map[string]bool{}
	for e := range edges {
		if !strings.HasPrefix(e.From, "source ") || !strings.HasPrefix(e.To, "program ") {
			all[e] = true
			continue
		}
		id := "across " + kind(e) + " " + e.From
		places[id] = true
		all[Edge{From: e.From, To: id, Library: e.Library}] = true
		all[Edge{From: id, To: e.To, Library: e.Library}] = true
	}
	for _, id := range slices.Sorted(maps.Keys(places)) {
		variants.Nodes = append(variants.Nodes, Node{ID: id})
	}
	return all
}

// count writes a number with its noun.
func count(n int, what string) string { return fmt.Sprintf("%d %s", n, noun(n, what)) }

func noun(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return what
}

// A group is artifacts that differ only in what they are for.
type group struct {
	id, title, note string
	programs        []string
}

// groups returns the archives by name, the Linux packages by name, and the images, sorted by
// title. Docker archives have what images have.
func groups(artifacts []release.Entry, version string) []group {
	found := map[string]*group{}
	formats := map[string]map[string]bool{} // by group: platforms or formats
	for _, e := range artifacts {
		var kind, title, one string
		base := path.Base(e.Path)
		switch e.Kind {
		case "archive", "binary":
			title, _, _ = strings.Cut(base, "-"+version)
			kind, one = "archive", e.Platform
		case "apk", "archlinux", "deb", "rpm":
			title = strings.TrimRight(strings.FieldsFunc(strings.Replace(base, version, "\x00", 1), func(r rune) bool { return r == 0 })[0], "_-")
			title, _, _ = strings.Cut(title, ".")
			kind, one = "package", e.Kind
		case release.ImageKind:
			kind, title = "image", strings.TrimPrefix(e.Path, "images/")
		}
		if kind == "" || len(e.Contents) == 0 {
			continue
		}
		id := kind + " " + title
		if found[id] == nil {
			found[id] = &group{id: id, title: title, note: kind}
			formats[id] = map[string]bool{}
		}
		if one != "" {
			formats[id][one] = true
		}
		for _, c := range e.Contents {
			found[id].programs = append(found[id].programs, programName(c.Path))
			if kind == "image" {
				formats[id][c.Platform] = true
			}
		}
	}
	var all []group
	for _, id := range slices.Sorted(maps.Keys(found)) {
		g := found[id]
		n := len(formats[id])
		switch g.note {
		case "package":
			g.note = strings.Join(slices.Sorted(maps.Keys(formats[id])), ", ")
		case "image":
			g.note += ", " + count(n, "platform")
		default:
			g.note = count(n, g.note)
		}
		slices.Sort(g.programs)
		g.programs = slices.Compact(g.programs)
		all = append(all, *g)
	}
	return all
}

// arrange orders the nodes of each column by the mean position of their neighbours, a few times
// to and fro, so that few edges cross. Nodes without neighbours come last.
func (g *Graph) arrange() {
	for round := range 4 {
		at := map[string]float64{}
		for _, c := range g.Columns {
			for i, n := range c.Nodes {
				at[n.ID] = (float64(i) + .5) / float64(len(c.Nodes))
			}
		}
		near := map[string][]float64{}
		for _, e := range g.Edges {
			if round%2 == 0 {
				near[e.To] = append(near[e.To], at[e.From])
			} else {
				near[e.From] = append(near[e.From], at[e.To])
			}
		}
		for _, c := range g.Columns {
			slices.SortStableFunc(c.Nodes, func(a, b Node) int {
				x, y := mean(near[a.ID], at[a.ID]), mean(near[b.ID], at[b.ID])
				switch {
				case x < y-1e-9:
					return -1
				case x > y+1e-9:
					return 1
				}
				return 0
			})
			for i, n := range c.Nodes {
				at[n.ID] = (float64(i) + .5) / float64(len(c.Nodes))
			}
		}
	}
	linked := map[string]bool{}
	for _, e := range g.Edges {
		linked[e.From], linked[e.To] = true, true
	}
	for _, c := range g.Columns {
		slices.SortStableFunc(c.Nodes, func(a, b Node) int {
			switch {
			case linked[a.ID] == linked[b.ID]:
				return 0
			case linked[a.ID]:
				return -1
			}
			return 1
		})
	}
}

// mean returns the mean of numbers, or another one if there are none.
func mean(all []float64, otherwise float64) float64 {
	if len(all) == 0 {
		return otherwise
	}
	var sum float64
	for _, x := range all {
		sum += x
	}
	return sum / float64(len(all))
}
