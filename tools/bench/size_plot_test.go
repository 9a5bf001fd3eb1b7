package main

import (
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/browsertest"
)

// TestPlotInBrowser: a browser draws every plot whole, and no text is upon another.
func TestPlotInBrowser(t *testing.T) {
	for name, results := range map[string][]sizeResult{
		"usual":   sizeResults(func(n, i float64) float64 { return (i + 1) * (0.3 + n/100) }, 50, 200, 1000),
		"equal":   sizeResults(func(float64, float64) float64 { return 123.4 }, 50, 200, 1000),
		"one":     sizeResults(func(n, i float64) float64 { return 1 + i }, 10),
		"crowded": sizeResults(func(n, i float64) float64 { return n * n * (1 + i/100) / 150 }, 50, 55, 1000),
		"none":    {{targets: 50}},
	} {
		t.Run(name, func(t *testing.T) {
			if bad := browsertest.BadTexts(t, plotSizes(results)); bad != "" {
				t.Error(bad)
			}
		})
	}
}

// TestPlot: a plot is XML of its own, the same every time, and has each line.
func TestPlot(t *testing.T) {
	results := sizeResults(func(n, i float64) float64 { return (i + 1) * n / 100 }, 50, 200, 1000)
	got := plotSizes(results)
	if string(got) != string(plotSizes(results)) {
		t.Error("a second plot is another")
	}
	d := xml.NewDecoder(strings.NewReader(string(got)))
	lines := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "path" && slices.ContainsFunc(e.Attr, func(a xml.Attr) bool { return a.Value == "line" }) {
			lines++
		}
	}
	if lines != len(sizeMeasures) {
		t.Errorf("got %d lines, want %d", lines, len(sizeMeasures))
	}
	for _, want := range []string{"prefers-color-scheme: dark", ">no change 10 s<", ">verify 50 s<", ">verify 90 MiB<", ">1000<"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
