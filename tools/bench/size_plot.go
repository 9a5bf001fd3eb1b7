package main

import "github.com/jasonwzm/release-builder/tools/bench/plot"

// plotSizes returns a plot of the medians against the sizes.
func plotSizes(results []sizeResult) []byte {
	return plot.Draw("Time and memory against the number of targets of a product",
		plot.Panel{Title: "Time against targets", XAxis: "targets", Lines: sizeLines(results, seconds, 1), Show: plot.ShowSeconds},
		plot.Panel{Title: "Memory against targets", XAxis: "targets", Lines: sizeLines(results, bytes, 1<<20), Show: func(v float64) string { return plot.Short(v) + " MiB" }})
}

// sizeLines returns the lines of the measures in a unit, of which one is per.
func sizeLines(results []sizeResult, unit string, per float64) []plot.Line {
	var lines []plot.Line
	for i, m := range sizeMeasures {
		line := plot.Line{Label: m.label, Colour: m.colour}
		for _, r := range results {
			if v := r.samples[i].Median() / per; v > 0 {
				line.X, line.Y = append(line.X, float64(r.targets)), append(line.Y, v)
			}
		}
		if m.unit == unit && len(line.X) > 0 {
			lines = append(lines, line)
		}
	}
	return lines
}
