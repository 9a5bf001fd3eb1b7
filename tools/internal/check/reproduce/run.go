package reproduce

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/check/compare"
	"github.com/jasonwzm/release-builder/tools/internal/check/execlog"
)

// Schema is the format of a Result.
const Schema = "release-builder/reproduce/v1"

// RunArgs says what to reproduce.
type RunArgs struct {
	// Workspace is the directory whose HEAD is built, with its uncommitted changes.
	Workspace string
	// Published is the release to build again and compare with; nil: build twice.
	Published *Published
	Vary      []Variation
	Bazel     *Bazel
	// Temp is where Run creates the directory with the worlds.
	Temp string
	// Memory is as in WorldsArgs.
	Memory string
	// Environ is the caller's environment.
	Environ []string
	// Jobs is Bazel's --jobs; 0 means the number of CPUs.
	Jobs int
	// Rebuild also builds the programs with the go command, once.
	Rebuild bool
	// Remote is the --config with which the second build uses another machine; empty: none.
	Remote string
	// Bisect builds again if something differs, to find which variation causes it.
	Bisect bool
	// Keep does not delete the worlds and the releases.
	Keep bool
}

// Result is what Run found.
type Result struct {
	Schema string `json:"schema"`
	Line   string `json:"line"`
	Equal  bool   `json:"equal"`
	// Commit is what was built, Changed the tracked files with uncommitted changes.
	Commit  string   `json:"commit"`
	Changed []string `json:"changed,omitempty"`
	// Against is the release it was compared with; empty: the first build.
	Against string `json:"against,omitempty"`
	// Airgap means that the builds ran without a network, from the store alone.
	Airgap     bool        `json:"airgap"`
	Variations []Status    `json:"variations"`
	Builds     []BuildInfo `json:"builds"`
	// Programs are those that the go command also built, without Bazel.
	Programs []Program `json:"programs,omitempty"`
	// Actions are those at which a build with another machine begins to differ.
	Actions []execlog.Difference `json:"actions,omitempty"`
	// Blamed are, by path, the variations that make a file differ: see Bisect.
	Blamed map[string][]Variation `json:"blamed,omitempty"`
	// Notes are further things that a reader should know.
	Notes  []string        `json:"notes,omitempty"`
	Report *compare.Report `json:"report"`
	// Kept is the directory with the worlds, if they were kept.
	Kept string `json:"kept,omitempty"`
}

// interval is the least time between the starts of the two builds.
const interval = 61 * time.Second

// Run builds and compares. A difference is not an error.
func Run(ctx context.Context, a RunArgs) (result *Result, err error) {
	root, err := os.MkdirTemp(a.Temp, "reproduce-")
	if err != nil {
		return nil, err
	}
	// Other users read it, and its path must have no links.
	if root, err = filepath.EvalSymlinks(root); err == nil {
		err = os.Chmod(root, 0o755)
	}
	if err != nil {
		return nil, err
	}
	if !a.Keep {
		defer func() { err = errors.Join(err, removeAll(root)) }()
	}
	commit, err := git(ctx, a.Workspace, "rev-parse", "HEAD")
	if err != nil {
		return nil, err
	}
	b := &cloneBuilder{args: a}
	r := &run{
		args: a, builder: b,
		runner: &Runner{Root: root, Builder: b, Tick: interval, Keep: a.Keep, Linef: a.Bazel.Linef},
		worlds: WorldsArgs{Root: root, Vary: a.Vary, Environ: a.Environ, Jobs: a.Jobs, Memory: a.Memory, Remote: a.Remote},
		result: &Result{Schema: Schema, Line: a.Bazel.Line, Commit: strings.TrimSpace(string(commit))},
	}
	if a.Keep {
		r.result.Kept = root
	}
	if a.Published != nil {
		err = r.against(ctx)
	} else {
		err = r.twice(ctx)
	}
	if err != nil {
		return nil, err
	}
	r.result.Programs = a.Bazel.programs
	r.result.Equal = r.result.Report.Equal() && len(r.result.Actions) == 0 && !slices.ContainsFunc(r.result.Programs, func(p Program) bool { return !p.Identical })
	r.result.Airgap, r.result.Changed = a.Bazel.Full(), b.changed
	return r.result, nil
}

type run struct {
	args    RunArgs
	builder *cloneBuilder
	runner  *Runner
	worlds  WorldsArgs
	result  *Result
}

// cloneBuilder builds with Bazel in a clone.
type cloneBuilder struct {
	args    RunArgs
	changed []string
}

func (b *cloneBuilder) Build(ctx context.Context, w *World, out string) error {
	b.args.Bazel.Prepare(w)
	changed, err := Clone(ctx, b.args.Workspace, w)
	if err != nil {
		return err
	}
	if len(changed) > 0 && b.changed == nil {
		b.args.Bazel.Linef("warning: building with uncommitted changes: %s", strings.Join(changed, ", "))
	}
	b.changed = changed
	if w.Remote != "" {
		if err := copySettings(b.args.Workspace, w.Dir); err != nil {
			return err
		}
	}
	if p := b.args.Published; p != nil {
		if err := p.Install(w.Dir, b.args.Bazel.Line); err != nil {
			return err
		}
	}
	b.args.Bazel.Linef("%s build: starts in %s", w.Name, w.Dir)
	return b.args.Bazel.Build(ctx, w, out)
}

// twice builds in two worlds.
func (r *run) twice(ctx context.Context) error {
	w, err := NewWorlds(ctx, r.worlds)
	if err != nil {
		return err
	}
	r.say(w)
	w.First.Rebuild = r.args.Rebuild
	r.result.Report, r.result.Builds, err = r.runner.Twice(ctx, w)
	r.result.Variations = w.Status
	if err == nil && r.args.Remote != "" {
		err = r.compareActions(w)
	}
	if err != nil || r.result.Report.Equal() || !r.args.Bisect {
		return err
	}
	var made []Variation
	for _, v := range All() {
		if w.Made(v) {
			made = append(made, v)
		}
	}
	r.result.Blamed, err = Bisect(ctx, BisectArgs{
		Worlds: r.worlds, Made: made, First: release.Dir(r.runner.directory("first")), Files: lasting(r.result.Report), Runner: r.runner,
	})
	if err == nil {
		blame(r.result.Report, r.result.Blamed)
	}
	return err
}

// compareActions names the actions at which the builds begin to differ.
func (r *run) compareActions(w *Worlds) error {
	logs := []string{r.args.Bazel.actionLog(w.First), r.args.Bazel.actionLog(w.Second)}
	found, actions, err := execlog.Compare(logs[0], logs[1])
	r.result.Actions = found
	r.result.Notes = append(r.result.Notes, fmt.Sprintf("Of %d actions, %d gave something else for the same inputs.", actions, len(found)))
	return errors.Join(err, os.Remove(logs[0]), os.Remove(logs[1])) // they are large
}

// against builds once, in the more unusual world, and compares.
func (r *run) against(ctx context.Context) error {
	p := r.args.Published
	if err := p.Check(ctx); err != nil {
		return err
	}
	w, err := NewWorlds(ctx, r.worlds)
	if err != nil {
		return err
	}
	r.say(w)
	w.Second.Rebuild = r.args.Rebuild
	out := r.runner.directory("second")
	info, err := r.runner.Once(ctx, w.Second, out)
	if err != nil {
		return err
	}
	w.set(Status{Name: Clock, Made: true, Second: info.Start.Format(time.RFC3339), Why: "the published release was built before"})
	for i := range w.Status {
		w.Status[i].First = "" // nobody knows
	}
	r.result.Against, r.result.Builds, r.result.Variations = p.Where, []BuildInfo{info}, w.Status
	r.result.Report, r.result.Notes, err = p.Compare(ctx, out, r.runner.Root)
	if err != nil {
		return err
	}
	recognize(r.result.Report, w.First, w.Second)
	return nil
}

// say shows what is varied, and warns of what is not.
func (r *run) say(w *Worlds) {
	var made, unasked []Variation
	for _, s := range w.Status {
		switch {
		case s.Made || s.Name == Clock && s.Why != notAsked:
			made = append(made, s.Name)
		case s.Why == notAsked:
			unasked = append(unasked, s.Name)
		default:
			r.runner.Linef("warning: variation %s is not made: %s", s.Name, s.Why)
		}
	}
	if len(unasked) > 0 {
		r.runner.Linef("warning: not asked for, so not made: %s", joined(unasked))
	}
	r.runner.Linef("varying %s", joined(made))
}
