// Package plot draws lines on logarithmic axes.
package plot

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The plot's geometry in pixels. The labels of the lines are right of the panels.
const (
	plotWidth   = 700
	panelLeft   = 76.0
	panelRight  = 488.0
	panelTop    = 44.0 // below the top of the panel's own area
	panelHeight = 210.0
	panelArea   = 316  // from the top of one panel's area to that of the next
	labelGap    = 17.0 // between the lines of text
	tickGap     = 44.0 // between the numbers below a panel
)

// plotStyle has the colours, which have a contrast of at least 4.5 to the background.
const plotStyle = `<style>
svg { background: #ffffff; font: 13px system-ui, sans-serif; }
text { fill: #24292f; }
.title { font-weight: 600; font-size: 15px; }
.grid { stroke: #d8dee4; }
.line { fill: none; stroke-width: 2; }
.c0 { --c: #0063a0; } .c1 { --c: #00744f; } .c2 { --c: #b04600; } .c3 { --c: #8f3675; } .c4 { --c: #6a6200; }
.line, .dot { stroke: var(--c); }
.dot, .label { fill: var(--c); }
@media (prefers-color-scheme: dark) {
svg { background: #0d1117; }
text { fill: #e6edf3; }
.grid { stroke: #30363d; }
.c0 { --c: #58a6ff; } .c1 { --c: #3fd6a0; } .c2 { --c: #ff9d5c; } .c3 { --c: #e58fc8; } .c4 { --c: #d6cc5a; }
.label { fill: var(--c); }
}
</style>
`

// A Line is one line of a panel.
type Line struct {
	Label  string
	Colour int       // 0 to 4
	X, Y   []float64 // positive; as many of both
}

// A Panel has lines of one unit. Both axes are logarithmic: a line that rises as steeply as
// the grid's diagonal grows in proportion.
type Panel struct {
	Title string
	XAxis string // what the numbers below are
	Lines []Line
	Show  func(v float64) string // a value with its unit
}

// Draw returns panels below each other as SVG 1.1, light and dark. It depends on nothing else.
func Draw(title string, panels ...Panel) []byte {
	var b strings.Builder
	height := len(panels) * panelArea
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">`+"\n", plotWidth, height, plotWidth, height)
	b.WriteString("<title>" + html.EscapeString(title) + "</title>\n" + plotStyle)
	for i, p := range panels {
		fmt.Fprintf(&b, `<g transform="translate(0 %d)">`+"\n", i*panelArea)
		p.draw(&b)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func (p Panel) draw(b *strings.Builder) {
	fmt.Fprintf(b, `<text class="title" x="%.1f" y="24">%s</text>`+"\n", panelLeft, html.EscapeString(p.Title))
	var xs, ys []float64
	for _, l := range p.Lines {
		xs, ys = append(xs, l.X...), append(ys, l.Y...)
	}
	if len(xs) == 0 {
		return
	}
	slices.Sort(xs)
	xs = slices.Compact(xs)
	ticks := logTicks(slices.Min(ys), slices.Max(ys))
	// A margin of a few pixels keeps the dots off the frame.
	x := logScale(xs[0], xs[len(xs)-1], panelLeft+12, panelRight-12)
	y := logScale(ticks[0], ticks[len(ticks)-1], panelTop+panelHeight, panelTop)
	for _, t := range ticks {
		fmt.Fprintf(b, `<path class="grid" d="M%.1f %.1fH%.1f"/><text x="%.1f" y="%.1f" text-anchor="end">%s</text>`+"\n", panelLeft, y(t), panelRight, panelLeft-6, y(t)+4.5, p.Show(t))
	}
	next := 0.0
	for _, t := range xs {
		fmt.Fprintf(b, `<path class="grid" d="M%.1f %.1fV%.1f"/>`, x(t), panelTop, panelTop+panelHeight)
		if x(t) >= next { // else it would be upon the one before
			fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle">%.0f</text>`, x(t), panelTop+panelHeight+19, t)
			next = x(t) + tickGap
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s, both axes logarithmic</text>`+"\n", (panelLeft+panelRight)/2, panelTop+panelHeight+40, html.EscapeString(p.XAxis))
	var ends []float64
	for _, l := range p.Lines {
		ends = append(ends, y(l.Y[len(l.Y)-1]))
	}
	at := spread(ends, panelTop, panelTop+panelHeight)
	for i, l := range p.Lines {
		var path, dots strings.Builder
		for j := range l.X {
			fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[j == 0], x(l.X[j]), y(l.Y[j]))
			fmt.Fprintf(&dots, `<circle class="dot" cx="%.1f" cy="%.1f" r="3"/>`, x(l.X[j]), y(l.Y[j]))
		}
		fmt.Fprintf(b, `<g class="c%d"><path class="line" d="%s"/>%s<text class="label" x="%.1f" y="%.1f">%s %s</text></g>`+"\n",
			l.Colour, path.String(), dots.String(), panelRight+6, at[i]+4.5, html.EscapeString(l.Label), p.Show(l.Y[len(l.Y)-1]))
	}
}

// logScale maps low to from and high to to, and what is between them by its logarithm. A single
// value is in the middle.
func logScale(low, high, from, to float64) func(float64) float64 {
	if low == high {
		return func(float64) float64 { return (from + to) / 2 }
	}
	return func(v float64) float64 { return from + (to-from)*math.Log(v/low)/math.Log(high/low) }
}

// logTicks returns the ticks of an axis that has all values between low and high: powers of
// ten, and with less than two of them between the ends also twice and five times these.
func logTicks(low, high float64) []float64 {
	steps := []float64{1}
	if high/low < 100 {
		steps = []float64{1, 2, 5}
	}
	var all []float64
	for e := math.Floor(math.Log10(low)) - 1; e <= math.Ceil(math.Log10(high))+1; e++ {
		for _, s := range steps {
			// The text of the number, as a power such as 0.001 is not exact.
			t, _ := strconv.ParseFloat(fmt.Sprintf("%ge%d", s, int(e)), 64)
			all = append(all, t)
		}
	}
	first, last := 0, len(all)-1
	for all[first+1] <= low {
		first++
	}
	for last > first+1 && all[last-1] >= high {
		last--
	}
	return all[first : last+1]
}

// spread moves positions apart, so that labels at them do not overlap, and keeps them between
// top and bottom if there is room.
func spread(at []float64, top, bottom float64) []float64 {
	order := make([]int, len(at))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(at[a], at[b]) })
	moved := slices.Clone(at)
	for i, n := range order {
		moved[n] = max(moved[n], top)
		if i > 0 {
			moved[n] = max(moved[n], moved[order[i-1]]+labelGap)
		}
	}
	limit := bottom
	for _, n := range slices.Backward(order) {
		moved[n] = min(moved[n], limit)
		limit = moved[n] - labelGap
	}
	return moved
}

// ShowSeconds returns a time with its unit.
func ShowSeconds(v float64) string {
	if v < 1 {
		return Short(v*1000) + " ms"
	}
	return Short(v) + " s"
}

// Short returns a number with three significant digits.
func Short(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
