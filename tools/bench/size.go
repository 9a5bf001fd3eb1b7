package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// sizeSlack is how much more than in proportion to the targets a measure may grow.
const sizeSlack = 1.1

// A sizeMeasure is what is measured of a product, for each size.
type sizeMeasure struct {
	name, label string // for the report, and for the plot
	colour      int    // in the plot
	unit        string
	// each is the goal: at most so much for each further target, in the unit.
	each float64
}

// The measures, in the order of the report.
const (
	sizeNoop = iota
	sizeSource
	sizeVersion
	sizePlan
	sizeVerify
	sizeHeap
	sizePeak
	sizePlanMemory
	sizeVerifyMemory
	sizeMeasureCount
)

var sizeMeasures = [sizeMeasureCount]sizeMeasure{
	sizeNoop:         {"build without a change", "no change", 0, seconds, 0.001},
	sizeSource:       {"resolve and build after a change of one source file", "one file changed", 1, seconds, 0.01},
	sizeVersion:      {"resolve and build after a change of the version", "version changed", 2, seconds, 0.15},
	sizePlan:         {"publish --plan", "publish --plan", 3, seconds, 0.002},
	sizeVerify:       {"verify", "verify", 4, seconds, 0.002},
	sizeHeap:         {"heap of the Bazel server", "Bazel, heap", 0, bytes, 256 << 10},
	sizePeak:         {"peak memory of the Bazel server", "Bazel, peak", 2, bytes, 1 << 20},
	sizePlanMemory:   {"peak memory of publish --plan", "publish --plan", 3, bytes, 64 << 10},
	sizeVerifyMemory: {"peak memory of verify", "verify", 4, bytes, 64 << 10},
}

// A sizeResult has the samples of one size. A sample that the system does not give is empty.
type sizeResult struct {
	targets int
	samples [sizeMeasureCount]Sample
}

// sizeBenchmark builds and publishes generated products of several sizes. plot is the name of
// the file for the plot, or empty.
func sizeBenchmark(sizes []int, plot string) Benchmark {
	return Benchmark{Name: "size", Run: func(ctx context.Context, e *Env) (rows []Row, err error) {
		e.Logf("copying the workspace")
		w, err := newSizeWorkspace(ctx, e.Dir)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, w.close()) }()
		e.Logf("building a product of %d targets, for what all products share", sizeSmallest)
		if err := w.first(ctx, sizeProduct{targets: sizeSmallest, version: "0.0.1"}); err != nil {
			return nil, err
		}
		var results []sizeResult
		for _, targets := range sizes {
			r, err := measureSize(ctx, e, w, sizeProduct{targets: targets, version: "1.0.0"})
			if err != nil {
				return nil, fmt.Errorf("measuring %d targets: %w", targets, err)
			}
			results = append(results, r)
		}
		if plot != "" {
			if err := fileio.WriteFile(plot, plotSizes(results), 0o644); err != nil {
				return nil, err
			}
		}
		return sizeRows(results), nil
	}}
}

// first writes, resolves and builds a product, with a new Bazel server.
func (w *sizeWorkspace) first(ctx context.Context, p sizeProduct) error {
	if err := errors.Join(w.stop(ctx), w.write(p)); err != nil {
		return err
	}
	if err := w.lock(ctx); err != nil {
		return err
	}
	return w.build(ctx)
}

// measureSize takes all samples of a product.
func measureSize(ctx context.Context, e *Env, w *sizeWorkspace, p sizeProduct) (sizeResult, error) {
	r := sizeResult{targets: p.targets}
	sample := func(measure, count int, run func() error) error {
		for i := range count {
			start := time.Now()
			if err := run(); err != nil {
				return err
			}
			took := time.Since(start).Seconds()
			r.samples[measure] = append(r.samples[measure], took)
			e.Logf("%d targets: round %d of %d: %s: %s", p.targets, i+1, count, sizeMeasures[measure].name, format(took, seconds))
		}
		return nil
	}
	peak := func(measure int, run func() error) func() error {
		return func() error {
			err := run()
			if w.peak > 0 {
				r.samples[measure] = append(r.samples[measure], w.peak)
			}
			return err
		}
	}
	change := func(edit func(*sizeProduct)) func() error {
		return func() error {
			edit(&p)
			if err := w.edit(p); err != nil {
				return err
			}
			if err := w.lock(ctx); err != nil {
				return err
			}
			return w.build(ctx)
		}
	}
	build := func() error { return w.build(ctx) }
	start, actions := time.Now(), [3]int{}
	if err := w.first(ctx, p); err != nil {
		return r, err
	}
	took := time.Since(start).Seconds()
	actions[0] = w.actions
	if err := build(); err != nil { // the first one without a change also cleans up
		return r, err
	}
	if err := sample(sizeNoop, e.Count, build); err != nil {
		return r, err
	}
	if err := sample(sizeSource, e.Count, change(func(p *sizeProduct) { p.edit++ })); err != nil {
		return r, err
	}
	actions[1] = w.actions
	dear := (e.Count + 1) / 2
	if err := sample(sizeVersion, dear, change(func(p *sizeProduct) { p.version = "1.0." + strconv.Itoa(len(r.samples[sizeVersion])+1) })); err != nil {
		return r, err
	}
	actions[2] = w.actions
	heap, top, err := w.memory(ctx)
	if err != nil {
		return r, err
	}
	r.samples[sizeHeap] = Sample{heap}
	if top > 0 {
		r.samples[sizePeak] = Sample{top}
	}
	if err := os.RemoveAll(w.state()); err != nil { // of the size before
		return r, err
	}
	if err := sample(sizePlan, e.Count, peak(sizePlanMemory, func() error { return w.plan(ctx) })); err != nil {
		return r, err
	}
	if err := w.stage(ctx); err != nil {
		return r, err
	}
	if err := sample(sizeVerify, e.Count, peak(sizeVerifyMemory, func() error { return w.check(ctx, p.version) })); err != nil {
		return r, err
	}
	e.Notef("%d targets: %s, and %s", p.targets, p.mix(), strings.Join(sizeStatements, ", "))
	e.Notef("%d targets: first build %.1f s, %d actions; %d after a change of one source file, %d after a change of the version", p.targets, took, actions[0], actions[1], actions[2])
	for i, m := range sizeMeasures {
		if len(r.samples[i]) > 0 {
			e.Notef("%d targets: %s: %s", p.targets, m.name, r.samples[i].text(m.unit))
		}
	}
	return r, nil
}

// sizeRows compares the two largest sizes: what each further target costs, and whether the
// cost grows more than the number of targets. One size has no rows.
func sizeRows(results []sizeResult) []Row {
	if len(results) < 2 {
		return nil
	}
	small, large := results[len(results)-2], results[len(results)-1]
	times := float64(large.targets) / float64(small.targets) * sizeSlack
	var rows []Row
	for i, m := range sizeMeasures {
		from, to := small.samples[i], large.samples[i]
		if len(from) == 0 || len(to) == 0 {
			continue
		}
		each := (to.Median() - from.Median()) / float64(large.targets-small.targets)
		unit, per := milliseconds, 1e-3
		if m.unit == bytes {
			unit, per = kibibytes, 1<<10
		}
		rows = append(rows, Row{
			What: fmt.Sprintf("%s: each target between %d and %d", m.name, small.targets, large.targets), Unit: unit,
			Ours: Sample{each / per}, Peer: Sample{m.each / per}, Ratio: each / m.each,
			Goal: "at most " + format(m.each/per, unit), Pass: each <= m.each,
		})
		ratio := to.Median() / from.Median()
		rows = append(rows, Row{
			What: fmt.Sprintf("%s: %d targets, against %d", m.name, large.targets, small.targets), Unit: m.unit,
			Ours: to, Peer: from, Ratio: ratio, Goal: fmt.Sprintf("at most %.4gx", times), Pass: ratio <= times,
		})
	}
	return rows
}

// parseSizes parses the value of the flag -sizes: numbers of targets that ascend.
func parseSizes(text string) ([]int, error) {
	var sizes []int
	for field := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < sizeSmallest || n > 10_000 {
			return nil, fmt.Errorf("got %q, want numbers of targets between %d and 10000, separated by commas", field, sizeSmallest)
		}
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	return slices.Compact(sizes), nil
}
