package page

import (
	"fmt"
	"html"
	"html/template"
	"slices"
	"strings"
	"unicode/utf8"
)

// A geometry has the measures of a drawing, in CSS pixels.
type geometry struct {
	width, gap  int // of the drawing, and between columns
	font, note  int // sizes of the text of nodes
	pad         int // beside the text
	height, row int // of a node, and from one node to the next
	class       string
}

var (
	wide   = geometry{width: 1112, gap: 96, font: 14, note: 12, pad: 12, height: 46, row: 58, class: "wide"}
	narrow = geometry{width: 358, gap: 20, font: 11, note: 9, pad: 6, height: 36, row: 44, class: "narrow"}
)

// Wide and Narrow draw the graph for wide and narrow windows. There is nothing to draw without
// edges.
func (g Graph) Wide() template.HTML   { return g.draw(wide) }
func (g Graph) Narrow() template.HTML { return g.draw(narrow) }

// head is the height of the columns' titles.
const head = 28

func (g Graph) draw(m geometry) template.HTML {
	if len(g.Edges) == 0 {
		return ""
	}
	m.gap = min(m.gap, m.width/(len(g.Columns)*4))
	width := (m.width - m.gap*(len(g.Columns)-1)) / len(g.Columns)
	tallest := 0
	for _, c := range g.Columns {
		tallest = max(tallest, len(c.Nodes))
	}
	total := head + tallest*m.row
	type box struct{ x, y int }
	boxes := map[string]box{}
	var b strings.Builder
	var titles []string
	for i, c := range g.Columns {
		titles = append(titles, strings.ToLower(c.Title))
		for j, n := range c.Nodes {
			boxes[n.ID] = box{i * (width + m.gap), head + (total-head-len(c.Nodes)*m.row)/2 + j*m.row + (m.row-m.height)/2}
		}
	}
	label := "A graph that leads from " + strings.Join(titles, " to ") + "; the table below says the same"
	fmt.Fprintf(&b, `<svg class="graph %s" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n", m.class, m.width, total, html.EscapeString(label))
	edges := slices.Clone(g.Edges)
	slices.SortStableFunc(edges, func(x, y Edge) int { return strings.Compare(kind(y), kind(x)) }) // dashed lines below others
	for _, e := range edges {
		from, to := boxes[e.From], boxes[e.To]
		x1, y1, x2, y2 := from.x+width, from.y+m.height/2, to.x, to.y+m.height/2
		bend := max((x2-x1)/2, m.gap/2)
		fmt.Fprintf(&b, `<path class="%s" d="M%d %dC%d %d %d %d %d %d"/>`+"\n", kind(e), x1, y1, x1+bend, y1, x2-bend, y2, x2, y2)
	}
	for i, c := range g.Columns {
		fmt.Fprintf(&b, `<text class="head" x="%d" y="14" font-size="%d">%s</text>`+"\n", i*(width+m.gap), m.note, html.EscapeString(c.Title))
		for _, n := range c.Nodes {
			at := boxes[n.ID]
			fmt.Fprintf(&b, `<g><title>%s: %s</title><rect x="%d.5" y="%d.5" width="%d" height="%d" rx="7"/>`, html.EscapeString(n.Title), html.EscapeString(n.Note), at.x, at.y, width-1, m.height-1)
			fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="%d">%s</text>`, at.x+m.pad, at.y+m.height/2-2, m.font, html.EscapeString(fit(n.Title, width-2*m.pad, m.font)))
			fmt.Fprintf(&b, `<text class="note" x="%d" y="%d" font-size="%d">%s</text></g>`+"\n", at.x+m.pad, at.y+m.height/2+m.note+1, m.note, html.EscapeString(fit(n.Note, width-2*m.pad, m.note)))
		}
	}
	b.WriteString("</svg>\n")
	return template.HTML(b.String())
}

func kind(e Edge) string {
	if e.Library {
		return "library"
	}
	return "edge"
}

// fit shortens a text to a width. A character is taken to be 0.54 of the font's size wide.
func fit(s string, width, font int) string {
	limit := width * 100 / (font * 54)
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	runes := []rune(s)
	return string(runes[:max(limit-1, 1)]) + "…"
}
