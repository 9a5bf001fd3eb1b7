package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/progress"
	"github.com/jasonwzm/release-builder/tools/internal/base/runfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// session is one run: the release and the destinations, wired together.
type session struct {
	options   *options
	line      string
	profile   profile.Profile
	directory string // of plan, receipt and ledger
	publisher *publish.Publisher
	board     *progress.Board
	stderr    io.Writer
	last      publish.LedgerState
}

func (s *session) close() { s.board.Close() }

func (o *options) session(ctx context.Context, env func(string) string, stderr io.Writer) (_ *session, err error) {
	s := &session{options: o, line: destinations.Line(env), stderr: stderr, board: progress.New("publish", stderr)}
	defer func() {
		if err != nil {
			s.board.Close()
		}
	}()
	state, err := dirs.State(o.state, env)
	if err != nil {
		return nil, err
	}
	file := runfile.Path(env("RELEASE_DESTINATIONS"))
	if s.profile, err = o.profile(file, s.line); err != nil {
		return nil, err
	}
	transport := web.New(web.Config{Retry: web.Retry{Log: s.board.Linef}})
	var tree *release.Tree
	var stage *publish.Receipt
	if o.promote != "" {
		tree, stage, err = s.promoted(ctx, promotion{file, state, transport})
	} else {
		tree, err = o.built(ctx, env)
	}
	if err != nil {
		return nil, err
	}
	kinds := destinations.All()
	dir := destinations.StateDir(state, s.line, s.profile.Name)
	if s.profile, err = kinds.Expand(s.profile, dir, tree.Lock); err != nil {
		return nil, err
	}
	s.directory = filepath.Join(dir, "runs", tree.Version)
	if err := os.MkdirAll(s.directory, 0o700); err != nil {
		return nil, err
	}
	args := destinations.Args{
		Profile: s.profile, Only: o.only, Tree: tree, Back: o.back, Transport: transport, Env: env,
		TokenFile: o.token, Log: s.board.Linef,
	}
	if stage != nil {
		args.Promoted = stage.Profile
	}
	if o.notes != "" {
		notes, err := fileio.ReadLimited(dirs.FromCaller(o.notes), 1<<20)
		if err != nil {
			return nil, fmt.Errorf("reading notes: %w", err)
		}
		args.Notes = string(notes)
	}
	if args.Since, err = o.before(tree.Lock); err != nil {
		return nil, err
	}
	all, err := destinations.Open(ctx, args)
	if err != nil {
		return nil, err
	}
	s.publisher = &publish.Publisher{
		Tree: tree, Line: s.line, Profile: kinds.Recorded(s.profile), Only: o.only, Destinations: all, Observer: newObserver(s.board),
	}
	s.publisher.Ledger, s.last = publish.OpenLedger(s.file("ledger"))
	return s, nil
}

// built opens the release that Bazel built, or that a flag names, and reads all of it.
func (o *options) built(ctx context.Context, env func(string) string) (*release.Tree, error) {
	dir := runfile.Path(env("RELEASE_DIR"))
	if o.release != "" {
		dir = dirs.FromCaller(o.release)
	} else if dir == "" {
		return nil, errors.New("no release: run it as tools/bazel run //release:publish, or pass --release DIRECTORY")
	}
	tree, err := release.Open(ctx, release.Dir(dir))
	if err != nil {
		return nil, err
	}
	return tree, tree.Check(ctx)
}

// before returns the lock of the release that --since names, or nil if it names none.
func (o *options) before(l *lock.Lock) (*lock.Lock, error) {
	if o.since == "" {
		return nil, nil
	}
	name := dirs.FromCaller(o.since)
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, release.LockFile)
	}
	old, err := lock.Read(name)
	switch {
	case err != nil:
		err = hint.With(err, "--since takes the lock.json of the release before, or the directory of that release")
	case old.Product != l.Product:
		err = fmt.Errorf("--since: lock %q is of product %q, want one of %q", name, old.Product, l.Product)
	case old.Version == l.Version:
		err = fmt.Errorf("--since: lock %q is of version %s, which is the one to publish, want the one before", name, old.Version)
	}
	return old, err
}

// promotion is what a promotion needs beside the flags: the line's destinations.yaml,
// the directory with what the machine remembers, and the way to the services.
type promotion struct {
	file, state string
	transport   *web.Transport
}

// promoted opens the release where it was published, after a look whether all that
// its receipt says is there.
func (s *session) promoted(ctx context.Context, p promotion) (*release.Tree, *publish.Receipt, error) {
	version, sum, err := publish.ParseName(s.options.promote)
	if err != nil {
		return nil, nil, err
	}
	from, err := s.options.source(p.file, s.line, s.profile)
	if err != nil {
		return nil, nil, err
	}
	found, err := destinations.Find(ctx, destinations.FindArgs{
		Profile: from, State: destinations.StateDir(p.state, s.line, from.Name), Line: s.line, Version: version, Receipt: sum, Transport: p.transport,
	})
	if err != nil {
		return nil, nil, err
	}
	args := destinations.Args{Transport: p.transport, TokenFile: s.options.token, Env: os.Getenv}
	if err := destinations.Verify(ctx, found.Receipt, args, false); err != nil {
		return nil, nil, hint.With(err, "profile %q has not what was published there: publish to it again, and test that", from.Name)
	}
	return found.Tree, found.Receipt, found.Tree.CheckClean()
}

// file returns where a document of the run goes. A run of some kinds of destination
// has its own, so that the receipt of all is not replaced by one of a part.
func (s *session) file(name string) string {
	if len(s.options.only) > 0 {
		name += "-" + strings.Join(slices.Compact(slices.Sorted(slices.Values(s.options.only))), "-")
	}
	return filepath.Join(s.directory, name+".json")
}

// publish plans and, unless only that was asked for, applies.
func (s *session) publish(ctx context.Context, stdout io.Writer) (int, error) {
	plan, err := s.publisher.Plan(ctx)
	if err != nil {
		return cli.Failure, err
	}
	if err := plan.Write(s.file("plan")); err != nil {
		return cli.Failure, err
	}
	s.resumed(plan)
	if s.options.plan {
		return s.planned(plan, stdout)
	}
	if !s.options.json {
		showPlan(stdout, s.profile.Name, plan)
	}
	if err := plan.Conflicts(); err != nil {
		return cli.Failure, err
	}
	if plan.Changes() > 0 {
		if !s.confirmed(plan) {
			return cli.Failure, errors.New("not confirmed: nothing was changed")
		}
		if plan, err = s.publisher.Apply(ctx, plan); err != nil {
			return cli.Failure, err
		}
	}
	receipt, err := publish.NewReceipt(s.line, s.publisher.Tree, s.profile, plan)
	if err != nil {
		return cli.Failure, err
	}
	file := s.file("receipt")
	if err := receipt.Write(file); err != nil {
		return cli.Failure, err
	}
	s.board.Close()
	if s.options.json {
		return cli.OK, writeJSON(stdout, receipt)
	}
	showPublished(stdout, plan, file)
	return cli.OK, nil
}

// planned shows a plan and says by the exit status what is in it.
func (s *session) planned(plan *publish.Plan, stdout io.Writer) (int, error) {
	if s.options.json {
		if err := writeJSON(stdout, plan); err != nil {
			return cli.Failure, err
		}
	} else {
		showPlan(stdout, s.profile.Name, plan)
		fmt.Fprintf(stdout, "plan: %s\n", s.file("plan"))
	}
	if err := plan.Conflicts(); err != nil {
		return cli.Failure, err
	}
	if plan.Changes() > 0 {
		return Changes, nil
	}
	return cli.OK, nil
}

// resumed says what an earlier run left.
func (s *session) resumed(plan *publish.Plan) {
	if s.last.Lock != plan.Lock || s.last.Phase == "" || s.last.Phase == "done" {
		return
	}
	written := 0
	for _, n := range s.last.Written {
		written += n
	}
	s.board.Linef("an earlier run ended in phase %s, after %d items and %d pointers; going on", s.last.Phase, written, len(s.last.Revealed))
}

// confirmed asks on a terminal before production.
func (s *session) confirmed(plan *publish.Plan) bool {
	terminal := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	if !s.options.production || s.options.yes || !terminal(os.Stdin) || !terminal(os.Stderr) {
		return true
	}
	fmt.Fprintf(s.stderr, "publish: make these %d changes in production? [y/N] ", plan.Changes())
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	return err == nil && (answer == "y" || answer == "yes")
}

func writeJSON(w io.Writer, v any) error {
	data, err := jsonfile.Marshal(v)
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}
