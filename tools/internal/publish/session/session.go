// Package session publishes one release to the destinations of one profile. It opens both,
// and keeps the plan, the receipt and the ledger in a directory of this machine.
package session

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/approval"
	"github.com/jasonwzm/release-builder/tools/internal/publish/cas"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
)

// Args are the release and where it is published.
type Args struct {
	// Line is the name of the line. Profile is a profile of destinations.yaml.
	Line    string
	Profile profile.Profile
	// Release is the directory of the release; empty with Promote or Events.
	Release string
	// Events is the file with the build events of a release in a remote cache; empty for the
	// release in Release.
	Events string
	// Promote is VERSION or VERSION@sha256:DIGEST of a release on the profile From; empty for
	// the one in Release.
	Promote string
	From    profile.Profile
	// Yank is VERSION, or VERSION@sha256:DIGEST of its receipt, of a release of the profile that
	// the pointers leave; To is the version to which they move, empty for the one before; Why
	// is for people. Yank is empty to publish.
	Yank, To, Why string
	// State is the directory for the state of this machine.
	State string
	// Notes is the file with GitHub's release notes; empty for notes made from the lock.
	Notes string
	// Since is the lock.json of an earlier release, or the directory with it. The notes list
	// the changes since. It is empty for none.
	Since string
	// Approved is the file with a plan that was approved; empty for none.
	Approved string
	// Only, Back, the tokens, Transport, Env and Log are those of destinations.Args.
	Only, Back   []string
	TokenFile    string
	GrafanaToken string
	// Password is the file with the password of Profile.Sign, the key that signs; empty for
	// the one in the environment.
	Password  string
	Transport http.RoundTripper
	Env       func(string) string
	Log       func(format string, args ...any)
	Observer  publish.Observer
}

// Session is one run.
type Session struct {
	args      Args
	directory string // of plan, receipt and ledger
	publisher *publish.Publisher
	last      publish.LedgerState
}

// Open opens the release and the destinations. It checks every file of a release in a
// directory, and the digest of every file of one in a cache. For a promotion it verifies the
// receipt of the stage. It signs the release if the profile says so: a plan has the digests of
// all that is published.
func Open(ctx context.Context, a Args) (*Session, error) {
	if a.Yank != "" {
		return openYank(ctx, a)
	}
	key, err := a.key(ctx) // before the work that it would make useless
	if err != nil {
		return nil, err
	}
	to := a.destinations()
	tree, err := a.release(ctx, &to)
	if err != nil {
		return nil, err
	}
	dir := destinations.StateDir(a.State, a.Line, a.Profile.Name)
	kinds := destinations.All()
	if a.Profile, err = kinds.Expand(a.Profile, dir, tree.Lock); err != nil {
		return nil, err
	}
	s := &Session{args: a, directory: filepath.Join(dir, "runs", tree.Version)}
	if a.Notes != "" {
		notes, err := fileio.ReadLimited(a.Notes, 1<<20)
		if err != nil {
			return nil, fmt.Errorf("reading notes: %w", err)
		}
		to.Notes = string(notes)
	}
	if to.Since, err = a.before(tree.Lock); err != nil {
		return nil, err
	}
	to.Profile = a.Profile
	if tree, err = sign(ctx, tree, key, to); err != nil {
		return nil, err
	}
	to.Tree = tree
	all, err := destinations.Open(ctx, to)
	if err != nil {
		return nil, err
	}
	s.publisher = &publish.Publisher{
		Tree: tree, Line: a.Line, Profile: kinds.Recorded(a.Profile), Only: a.Only, Destinations: all, Observer: a.Observer,
	}
	return s, s.begin()
}

// destinations returns the arguments that do not depend on the release.
func (a *Args) destinations() destinations.Args {
	return destinations.Args{Only: a.Only, Back: a.Back, Transport: a.Transport, Env: a.Env, TokenFile: a.TokenFile, GrafanaToken: a.GrafanaToken, Log: a.Log}
}

// begin makes the session's directory and opens its ledger.
func (s *Session) begin() error {
	if err := os.MkdirAll(s.directory, 0o700); err != nil {
		return err
	}
	s.publisher.Ledger, s.last = publish.OpenLedger(s.File("ledger"))
	return nil
}

// release opens the release in a directory, or where it was published. For a promotion it
// also sets to's fields.
func (a *Args) release(ctx context.Context, to *destinations.Args) (*release.Tree, error) {
	if a.Promote == "" {
		return a.built(ctx)
	}
	version, sum, err := publish.ParseName(a.Promote)
	if err != nil {
		return nil, err
	}
	found, err := destinations.Find(ctx, destinations.FindArgs{
		Profile: a.From, State: destinations.StateDir(a.State, a.Line, a.From.Name), Line: a.Line, Version: version, Receipt: sum, Transport: a.Transport,
	})
	if err != nil {
		return nil, err
	}
	record, err := destinations.Yanked(ctx, found.Receipt, a.Transport)
	if err != nil {
		return nil, err
	}
	if record != nil {
		return nil, hint.With(fmt.Errorf("profile %q: %s", a.From.Name, record), "promote another release")
	}
	if err := a.whole(ctx, found.Receipt); err != nil {
		return nil, hint.With(err, "profile %q has changed since the release was published there: publish to it again, and test that", a.From.Name)
	}
	to.Promoted = found.Receipt.Profile
	return found.Tree, found.Tree.CheckClean()
}

// built opens the release that was built, in a directory or in a remote cache.
func (a *Args) built(ctx context.Context) (*release.Tree, error) {
	var source release.Source = release.Dir(a.Release)
	if a.Events != "" {
		var err error
		if source, err = cas.Open(ctx, cas.Args{Events: a.Events, Env: a.Env, Log: a.Log}); err != nil {
			return nil, err
		}
	}
	tree, err := release.Open(ctx, source)
	if err != nil {
		return nil, err
	}
	return tree, tree.Check(ctx)
}

// before returns the lock of the release that Since names, or nil.
func (a *Args) before(l *lock.Lock) (*lock.Lock, error) {
	if a.Since == "" {
		return nil, nil
	}
	name := a.Since
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, release.LockFile)
	}
	old, err := lock.Read(name)
	if err != nil {
		return nil, hint.With(err, "--since takes the lock.json of the release before, or the directory of that release")
	}
	if err := lockdiff.CheckPrevious(old, l); err != nil {
		return nil, fmt.Errorf("--since: lock %q %w", name, err)
	}
	return old, nil
}

// File returns the name of a document of the run. A run with Only has its own files, so that
// it does not replace the receipt of all destinations.
func (s *Session) File(name string) string {
	if len(s.args.Only) > 0 {
		name += "-" + strings.Join(slices.Compact(slices.Sorted(slices.Values(s.args.Only))), "-")
	}
	return filepath.Join(s.directory, name+".json")
}

// Plan compares the destinations with the release and writes the plan to its file. It logs
// how far an earlier run got.
func (s *Session) Plan(ctx context.Context) (*publish.Plan, error) {
	plan, err := s.publisher.Plan(ctx)
	if err != nil {
		return nil, err
	}
	if s.last.Lock == plan.Lock && s.last.Phase != "" && s.last.Phase != "done" {
		written := 0
		for _, n := range s.last.Written {
			written += n
		}
		s.args.Log("an earlier run ended in phase %s, after %d items and %d pointers; resuming", s.last.Phase, written, len(s.last.Revealed))
	}
	return plan, plan.Write(s.File("plan"))
}

// Preflight asks all destinations whether they may be written to.
func (s *Session) Preflight(ctx context.Context, plan *publish.Plan) []publish.Findings {
	return s.publisher.Preflight(ctx, plan)
}

// Request writes a plan to a file that people can approve.
func (s *Session) Request(plan *publish.Plan, file string) (*approval.Request, error) {
	r := approval.NewRequest(s.args.Line, &s.args.Profile, plan, time.Now())
	return r, r.Write(file)
}

// Approve checks that the plan is the one that was approved, by those whom the profile names.
// Apply fails without that, if the profile wants an approval and there is something to do.
func (s *Session) Approve(plan *publish.Plan) error {
	file := s.args.Approved
	if file == "" {
		p := &s.args.Profile
		if p.Approval == nil || plan.Changes() == 0 {
			return nil
		}
		err := fmt.Errorf("profile %q wants the approval of %d of %s", p.Name, p.Approval.Required, p.Approval.Names())
		return hint.With(err, "nothing was changed. Write a plan with --plan --out FILE, have it approved, and pass --approved FILE")
	}
	r, err := approval.Read(file)
	if err != nil {
		return err
	}
	signatures, err := approval.Files(file)
	if err != nil {
		return err
	}
	s.publisher.Approval, err = r.Check(s.args.Line, &s.args.Profile, signatures, time.Now())
	if err != nil {
		return fmt.Errorf("plan %q: %w", file, err)
	}
	return r.Plan.CheckApproved(plan)
}

// Apply applies a plan without conflicts and writes the receipt to its file. It returns the
// plan of what is there then. The receipt of a yank is nil.
func (s *Session) Apply(ctx context.Context, plan *publish.Plan) (*publish.Plan, *publish.Receipt, error) {
	if err := s.Approve(plan); err != nil {
		return nil, nil, err
	}
	var err error
	if plan.Changes() > 0 {
		if plan, err = s.publisher.Apply(ctx, plan); err != nil {
			return nil, nil, err
		}
	}
	if s.publisher.Yank != nil {
		return plan, nil, nil
	}
	receipt, err := publish.NewReceipt(s.args.Line, s.publisher.Tree, s.args.Profile, plan)
	if err != nil {
		return nil, nil, err
	}
	receipt.Approval = s.publisher.Approval
	return plan, receipt, receipt.Write(s.File("receipt"))
}
