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
	narrow = geometry{width: 358, gap: 20, font: 10, note: 9, pad: 5, height: 36, row: 44, class: "narrow"}
)

// Wide and Narrow draw the graph for wide and narrow windows. There is nothing to draw without
// edges.
func (g Graph) Wide() template.HTML   { return g.draw(wide) }
func (g Graph) Narrow() template.HTML { return g.draw(narrow) }

// head is the height of the columns' titles.
const head = 28

// box is where a node is: its upper left corner, and its height, which is 0 for a place where
// edges cross the column.
type box struct{ x, y, height int }

func (b box) middle() int { return b.y + b.height/2 }

// place returns the boxes of all nodes, by their IDs, and the height of the drawing. The columns
// are centred.
func (g Graph) place(m geometry, width int) (boxes map[string]box, total int) {
	heights := make([]int, len(g.Columns))
	for i, c := range g.Columns {
		for _, n := range c.Nodes {
			heights[i] += m.slot(n)
		}
	}
	total = head + slices.Max(heights)
	boxes = map[string]box{}
	for i, c := range g.Columns {
		y := head + (total-head-heights[i])/2
		for _, n := range c.Nodes {
			b := box{i * (width + m.gap), y + m.slot(n)/2, 0}
			if n.Title != "" {
				b.y, b.height = y+(m.row-m.height)/2, m.height
			}
			boxes[n.ID] = b
			y += m.slot(n)
		}
	}
	return boxes, total
}

// slot is the height that a node has in its column.
func (m geometry) slot(n Node) int {
	if n.Title == "" {
		return m.row / 3
	}
	return m.row
}

func (g Graph) draw(m geometry) template.HTML {
	if len(g.Edges) == 0 {
		return ""
	}
	m.gap = min(m.gap, m.width/(len(g.Columns)*4))
	width := (m.width - m.gap*(len(g.Columns)-1)) / len(g.Columns)
	boxes, total := g.place(m, width)
	var titles []string
	for _, c := range g.Columns {
		titles = append(titles, strings.ToLower(c.Title))
	}
	var b strings.Builder
	label := "A graph that leads from " + strings.Join(titles, " to ") + "; the table below says the same"
	fmt.Fprintf(&b, `<svg class="graph %s" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n", m.class, m.width, total, html.EscapeString(label))
	edges := slices.Clone(g.Edges)
	slices.SortStableFunc(edges, func(x, y Edge) int { return strings.Compare(kind(y), kind(x)) }) // dashed lines below others
	for _, e := range edges {
		from, to := boxes[e.From], boxes[e.To]
		x, bend := from.x+width, m.gap/2
		fmt.Fprintf(&b, `<path class="%s" d="M%d %dC%d %d %d %d %d %d`, kind(e), x, from.middle(), x+bend, from.middle(), to.x-bend, to.middle(), to.x, to.middle())
		if to.height == 0 {
			fmt.Fprintf(&b, "h%d", width)
		}
		b.WriteString("\"/>\n")
	}
	for i, c := range g.Columns {
		fmt.Fprintf(&b, `<text class="head" x="%d" y="14" font-size="%d">%s</text>`+"\n", i*(width+m.gap), m.note, html.EscapeString(c.Title))
		for _, n := range c.Nodes {
			if n.Title != "" {
				m.node(&b, n, boxes[n.ID], width)
			}
		}
	}
	b.WriteString("</svg>\n")
	return template.HTML(b.String())
}

// node draws a node: a box with two lines of text.
func (m geometry) node(b *strings.Builder, n Node, at box, width int) {
	fmt.Fprintf(b, `<g><title>%s: %s</title><rect x="%d.5" y="%d.5" width="%d" height="%d" rx="7"/>`, html.EscapeString(n.Title), html.EscapeString(n.Note), at.x, at.y, width-1, m.height-1)
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="%d"%s</text>`, at.x+m.pad, at.middle()-2, m.font, fit(n.Title, width-2*m.pad, m.font))
	fmt.Fprintf(b, `<text class="note" x="%d" y="%d" font-size="%d"%s</text></g>`+"\n", at.x+m.pad, at.middle()+m.note+1, m.note, fit(n.Note, width-2*m.pad, m.note))
}

func kind(e Edge) string {
	if e.Library {
		return "library"
	}
	return "edge"
}

// fit returns the rest of a text element after its attributes: the text, shortened to a width. A
// character is about 0.57 of the font's size wide, but more in some fonts: a text that could be too
// wide in these has its length as an attribute.
func fit(s string, width, font int) string {
	most := width * 100 / (font * 54)
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:max(most-1, 1)]) + "…"
	}
	length, n := "", utf8.RuneCountInString(s)
	if n*font*66 > width*100 {
		length = fmt.Sprintf(` textLength="%d" lengthAdjust="spacingAndGlyphs"`, min(width, n*font*57/100))
	}
	return length + ">" + html.EscapeString(s)
}
