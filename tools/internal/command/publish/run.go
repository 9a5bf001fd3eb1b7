package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/progress"
	"github.com/jasonwzm/release-builder/tools/internal/base/runfile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/publish/session"
)

// session opens the release and the destinations that the flags name.
func (o *options) session(ctx context.Context) (*session.Session, error) {
	var err error
	if o.State, err = dirs.State(o.State, o.Env); err != nil {
		return nil, err
	}
	o.Line = destinations.Line(o.Env)
	file := runfile.Path(o.Env("RELEASE_DESTINATIONS"))
	if o.Profile, err = o.profile(file, o.Line); err != nil {
		return nil, err
	}
	for _, name := range []*string{&o.Release, &o.Events, &o.Notes, &o.Since, &o.Password, &o.Profile.Sign, &o.out, &o.Approved} {
		if *name != "" && !strings.Contains(*name, "://") {
			*name = dirs.FromCaller(*name)
		}
	}
	switch {
	case o.Yank != "":
	case o.Promote != "":
		if o.From, err = o.source(file, o.Line, o.Profile); err != nil {
			return nil, err
		}
	case o.Release == "" && o.Events == "":
		if o.Release = runfile.Path(o.Env("RELEASE_DIR")); o.Release == "" {
			return nil, errors.New("no release: pass --release DIRECTORY or --events FILE; with Bazel, //release:publish takes the one that it builds")
		}
	}
	return session.Open(ctx, o.Args)
}

// publish plans and, without --plan, applies.
func (o *options) publish(ctx context.Context, board *progress.Board, stdout, stderr io.Writer) (int, error) {
	s, err := o.session(ctx)
	if err != nil {
		return cli.Failure, err
	}
	plan, err := s.Plan(ctx)
	if o.preflight {
		return o.showPreflight(stdout, s.Preflight(ctx, plan), plan, err)
	}
	if err != nil {
		return cli.Failure, err
	}
	switch {
	case !o.json:
		plan.WriteText(stdout, o.Profile.Name)
	case o.plan:
		err = writeJSON(stdout, plan)
	}
	if o.plan && !o.json {
		fmt.Fprintf(stdout, "plan: %s\n", s.File("plan"))
	}
	if err = errors.Join(err, plan.Conflicts()); err != nil {
		return cli.Failure, err
	}
	if err := o.approval(s, plan, stdout); err != nil {
		return cli.Failure, err
	}
	switch n := plan.Changes(); {
	case o.plan && n > 0:
		return Changes, nil
	case o.plan:
		return cli.OK, nil
	case n > 0 && o.production && !o.yes && !progress.Confirmed(stderr, "publish: make these %d changes in production?", n):
		return cli.Failure, errors.New("not confirmed: nothing was changed")
	}
	plan, receipt, err := s.Apply(ctx, plan)
	if err != nil {
		return cli.Failure, err
	}
	board.Close()
	switch {
	case o.Yank != "":
		return o.showYanked(stdout, plan)
	case o.json:
		return cli.OK, writeJSON(stdout, receipt)
	}
	showPublished(stdout, plan, s.File("receipt"))
	return cli.OK, nil
}

// approval writes the plan for those who approve it, or checks that they did.
func (o *options) approval(s *session.Session, plan *publish.Plan, stdout io.Writer) error {
	if !o.plan {
		return s.Approve(plan)
	}
	if o.out == "" {
		return nil
	}
	r, err := s.Request(plan, o.out)
	if err == nil && !o.json {
		fmt.Fprintf(stdout, "plan: %s: %s\n", o.out, r.Waiting(&o.Profile))
	}
	return err
}

func writeJSON(w io.Writer, v any) error {
	data, err := jsonfile.Marshal(v)
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}
