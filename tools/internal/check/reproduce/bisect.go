package reproduce

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/check/compare"
)

// Nothing is what Bisect blames for a file that differs although nothing was varied: the
// time, chance, the order of a Go map, or concurrency.
const Nothing Variation = "nothing"

// BisectArgs says which differences to look into.
type BisectArgs struct {
	Worlds WorldsArgs // the same as for the builds that differ, Root included
	Made   []Variation
	First  release.Source // the first build's release
	Files  []string       // that differ
	Runner *Runner        // with Keep false: the worlds are at the same paths
}

// Bisect builds again, with fewer variations each time, and returns for each file which
// single variations make it differ. A file that differs only under several variations at
// once is missing. With n variations, it takes one build without any, and about 2 log₂ n
// builds for each cause.
func Bisect(ctx context.Context, a BisectArgs) (map[string][]Variation, error) {
	b := &bisection{args: a, blamed: map[string][]Variation{}}
	restless, err := b.differs(ctx, nil, a.Files)
	if err != nil {
		return nil, err
	}
	for _, f := range restless {
		b.blamed[f] = []Variation{Nothing}
	}
	quiet := slices.DeleteFunc(slices.Clone(a.Files), func(f string) bool { return slices.Contains(restless, f) })
	vary := slices.DeleteFunc(slices.Clone(a.Made), func(v Variation) bool { return v == Clock || v == DiskCache })
	if len(quiet) > 0 && len(vary) > 0 {
		if err := b.split(ctx, vary, quiet); err != nil {
			return nil, err
		}
	}
	return b.blamed, nil
}

type bisection struct {
	args   BisectArgs
	blamed map[string][]Variation
	builds int
}

// split looks for the cause of the files, which differ under vary.
func (b *bisection) split(ctx context.Context, vary []Variation, files []string) error {
	if len(vary) == 1 {
		for _, f := range files {
			b.blamed[f] = append(b.blamed[f], vary[0])
		}
		return nil
	}
	half := len(vary) / 2
	for _, part := range [][]Variation{vary[:half], vary[half:]} {
		differ, err := b.differs(ctx, part, files)
		if err != nil {
			return err
		}
		if len(differ) == 0 {
			continue
		}
		if err := b.split(ctx, part, differ); err != nil {
			return err
		}
	}
	return nil
}

// differs builds in a second world with these variations, and returns which of the files
// differ from the first build's.
func (b *bisection) differs(ctx context.Context, vary []Variation, files []string) ([]string, error) {
	b.builds++
	r := b.args.Runner
	out := filepath.Join(r.Root, fmt.Sprintf("bisect-%d", b.builds))
	what := joined(vary)
	if what == "" {
		what = "nothing"
	}
	r.Linef("bisecting: build %d varies %s", b.builds, what)
	args := b.args.Worlds
	// The result of another build must not be taken for this one's.
	args.Vary = append(slices.Clone(vary), DiskCache)
	worlds, err := NewWorlds(ctx, args)
	if err != nil {
		return nil, err
	}
	if _, err := r.Once(ctx, worlds.Second, out); err != nil {
		return nil, err
	}
	defer os.RemoveAll(out)
	report, err := compare.Trees(ctx, b.args.First, release.Dir(out))
	if err != nil {
		return nil, err
	}
	differ := differing(report)
	return slices.DeleteFunc(slices.Clone(files), func(f string) bool { return !slices.Contains(differ, f) }), nil
}
