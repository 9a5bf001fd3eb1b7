package reproduce

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/check/compare"
)

// A Builder builds a release. Build gets a world whose directories exist, except Dir, which
// it makes. It writes the release to the directory out, which does not exist yet.
type Builder interface {
	Build(ctx context.Context, w *World, out string) error
}

// Runner builds in worlds, one after the other.
type Runner struct {
	// Root is the directory of the worlds. Releases are written to directories in it.
	Root    string
	Builder Builder
	// Tick is the least time between the starts of the two builds if the clock varies.
	Tick time.Duration
	// Keep does not delete the worlds' directories, except caches and what the second world
	// has at the same path.
	Keep  bool
	Linef func(format string, args ...any)
}

// BuildInfo says when a build ran.
type BuildInfo struct {
	Name    string    `json:"name"`
	Start   time.Time `json:"start"`   // UTC
	Seconds float64   `json:"seconds"` // how long it took
}

// Twice builds in both worlds and compares. The releases are in the directories first
// and second of Root.
func (r *Runner) Twice(ctx context.Context, w *Worlds) (*compare.Report, []BuildInfo, error) {
	first, err := r.Once(ctx, w.First, r.directory("first"))
	if err == nil && r.Keep && (w.First.Dir == w.Second.Dir || w.First.OutputBase == w.Second.OutputBase) {
		err = w.First.remove()
	}
	if err != nil {
		return nil, nil, err
	}
	builds := []BuildInfo{first}
	if w.asked(Clock) {
		if err := r.waitUntil(ctx, first.Start.Add(r.Tick)); err != nil {
			return nil, builds, err
		}
	}
	second, err := r.Once(ctx, w.Second, r.directory("second"))
	if err != nil {
		return nil, builds, err
	}
	w.clocked(first, second)
	builds = append(builds, second)
	report, err := compare.Trees(ctx, release.Dir(r.directory("first")), release.Dir(r.directory("second")))
	if err != nil {
		return nil, builds, err
	}
	recognize(report, w.First, w.Second)
	return report, builds, nil
}

func (r *Runner) directory(name string) string { return filepath.Join(r.Root, "release-of-"+name) }

// Once builds in a world and removes it, unless Keep is set.
func (r *Runner) Once(ctx context.Context, w *World, out string) (info BuildInfo, err error) {
	if err := w.prepare(); err != nil {
		return info, err
	}
	clean := w.remove
	if r.Keep {
		clean = func() error { return removeAll(w.Cache) }
	}
	defer func() { err = errors.Join(err, clean()) }()
	info = BuildInfo{Name: w.Name, Start: time.Now().UTC()}
	if err := r.Builder.Build(ctx, w, out); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("the %s build: %w", w.Name, context.Cause(ctx))
		}
		return info, err
	}
	info.Seconds = time.Since(info.Start).Seconds()
	return info, nil
}

func (r *Runner) waitUntil(ctx context.Context, t time.Time) error {
	left := time.Until(t)
	if left <= 0 {
		return nil
	}
	r.Linef("waiting %s, so that the second build is at another time", left.Round(time.Second))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(left):
		return nil
	}
}

// asked reports whether a variation was asked for. Clock is made only at the end.
func (w *Worlds) asked(v Variation) bool {
	for _, s := range w.Status {
		if s.Name == v {
			return s.Why != notAsked
		}
	}
	return false
}

// clocked sets the status of Clock.
func (w *Worlds) clocked(first, second BuildInfo) {
	if !w.asked(Clock) {
		return
	}
	s := Status{Name: Clock, Made: true, First: first.Start.Format(time.RFC3339), Second: second.Start.Format(time.RFC3339)}
	s.Why = "the second build began " + second.Start.Sub(first.Start).Round(time.Second).String() + " after the first"
	w.set(s)
}
