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

const (
	sizeSlack = 1.1 // how much more than in proportion to the targets a measure may grow
	sizeDear  = 30  // seconds after which a step is not repeated
)

// A sizeMeasure is what is measured of a product, for each size.
type sizeMeasure struct {
	name, label string // for the report, and for the plot
	colour      int    // in the plot
	unit        string
	// each is the goal: at most so much for each further target, in the unit. 0 is no goal: the
	// memory of the Bazel server depends on when Java collects garbage, its heap after that does not.
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
	sizeHeap:         {"heap of the Bazel server", "Bazel, heap", 0, bytes, 64 << 10},
	sizePeak:         {"peak memory of the Bazel server", "Bazel, peak", 2, bytes, 0},
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
		start := time.Now()
		if err := w.first(ctx, sizeProduct{targets: sizeSmallest, version: "0.0.1"}); err != nil {
			return nil, err
		}
		e.Logf("built in %.1f s", time.Since(start).Seconds())
		var results []sizeResult
		for _, targets := range sizes {
			r, err := measureSize(ctx, e, w, sizeProduct{targets: targets, version: "1.0.0"})
			if err != nil {
				return sizeRows(results), fmt.Errorf("measuring %d targets: %w", targets, err)
			}
			results = append(results, r)
			if plot == "" {
				continue
			}
			// After each size, as the next one takes longer.
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

// A sizeRun measures one product.
type sizeRun struct {
	e       *Env
	w       *sizeWorkspace
	product sizeProduct
	result  sizeResult
}

// measureSize takes all samples of a product.
func measureSize(ctx context.Context, e *Env, w *sizeWorkspace, p sizeProduct) (sizeResult, error) {
	r := &sizeRun{e: e, w: w, product: p, result: sizeResult{targets: p.targets}}
	if err := r.builds(ctx); err != nil {
		return r.result, err
	}
	if err := r.publishes(ctx); err != nil {
		return r.result, err
	}
	for i, m := range sizeMeasures {
		if s := r.result.samples[i]; len(s) > 0 {
			r.notef("%s: %s", m.name, s.text(m.unit))
		}
	}
	return r.result, nil
}

func (r *sizeRun) notef(format string, args ...any) {
	r.e.Notef("%d targets: %s", r.product.targets, fmt.Sprintf(format, args...))
}

// sample measures the time of a step, Count times. It does not repeat a step that has taken
// sizeDear seconds.
func (r *sizeRun) sample(measure int, run func(round int) error) error {
	total := 0.0
	for i := 1; i <= r.e.Count && total < sizeDear; i++ {
		start := time.Now()
		if err := run(i); err != nil {
			return err
		}
		took := time.Since(start).Seconds()
		total += took
		r.add(measure, took)
		r.e.Logf("%d targets: round %d of %d: %s: %s", r.product.targets, i, r.e.Count, sizeMeasures[measure].name, format(took, seconds))
	}
	return nil
}

// add adds a value to a sample. 0 stands for what the system does not tell.
func (r *sizeRun) add(measure int, v float64) {
	if v > 0 {
		r.result.samples[measure] = append(r.result.samples[measure], v)
	}
}

// builds measures builds, and the Bazel server after them.
func (r *sizeRun) builds(ctx context.Context) error {
	start := time.Now()
	if err := r.w.first(ctx, r.product); err != nil {
		return err
	}
	r.notef("%s, and %s", r.product.mix(), strings.Join(sizeStatements, ", "))
	r.notef("first build, with a new Bazel server: %.1f s, actions: %d", time.Since(start).Seconds(), r.w.actions)
	if err := r.w.build(ctx); err != nil { // the first one without a change also cleans up
		return err
	}
	for _, step := range []struct {
		measure int
		edit    func(p *sizeProduct, round int)
	}{
		{sizeNoop, nil},
		{sizeSource, func(p *sizeProduct, round int) { p.edit = round }},
		{sizeVersion, func(p *sizeProduct, round int) { p.version = "1.0." + strconv.Itoa(round) }},
	} {
		err := r.sample(step.measure, func(round int) error {
			if step.edit == nil {
				return r.w.build(ctx)
			}
			step.edit(&r.product, round)
			if err := errors.Join(r.w.edit(r.product), r.w.lock(ctx)); err != nil {
				return err
			}
			return r.w.build(ctx)
		})
		if err != nil {
			return err
		}
		r.notef("%s: actions: %d", sizeMeasures[step.measure].name, r.w.actions)
	}
	heap, peak, err := r.w.memory(ctx)
	if err != nil {
		return err
	}
	r.add(sizeHeap, heap)
	r.add(sizePeak, peak)
	return nil
}

// publishes measures the plan for an empty stage, and the verification of a full one.
func (r *sizeRun) publishes(ctx context.Context) error {
	if err := os.RemoveAll(r.w.state()); err != nil { // of the size before
		return err
	}
	err := r.sample(sizePlan, func(int) error {
		err := r.w.plan(ctx)
		r.add(sizePlanMemory, r.w.peak)
		return err
	})
	if err != nil {
		return err
	}
	if err := r.w.stage(ctx); err != nil {
		return err
	}
	return r.sample(sizeVerify, func(int) error {
		err := r.w.check(ctx, r.product.version)
		r.add(sizeVerifyMemory, r.w.peak)
		return err
	})
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
		if m.each == 0 || len(from) == 0 || len(to) == 0 {
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
