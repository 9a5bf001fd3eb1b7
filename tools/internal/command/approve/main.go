// Package approve has the command approve: see tools/approve.
package approve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/progress"
	"github.com/jasonwzm/release-builder/tools/internal/base/runfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish/approval"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/publish/signing"
)

const command = "approve"

type options struct {
	plan, destinations, key, password string
	yes                               bool
}

// Run runs the command.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	set := flag.NewFlagSet(command, flag.ContinueOnError)
	set.StringVar(&o.key, "key", "", "sign with a `key`: a file, env://NAME, or a URI such as gcpkms://…")
	set.StringVar(&o.password, "cosignpassword", "", "the `file` with the password of a key of cosign's (default: COSIGN_PASSWORD)")
	set.StringVar(&o.destinations, "destinations", "", "the `file` with the plan's profile (default: the line's destinations.yaml)")
	set.BoolVar(&o.yes, "yes", false, "do not ask before signing")
	var files []string
	for len(args) > 0 { // the plan may come before the flags
		if status, ok := cli.ParseFlags(set, args, stderr); !ok {
			return status
		}
		if args = set.Args(); len(args) > 0 {
			files, args = append(files, args[0]), args[1:]
		}
	}
	if len(files) != 1 {
		return cli.UsageError(stderr, command, "got %d files, want the one that publish --plan --out wrote", len(files))
	}
	o.plan = dirs.FromCaller(files[0])
	if err := o.approve(ctx, stdout, stderr); err != nil {
		return cli.Fail(stderr, command, err)
	}
	return cli.OK
}

func (o *options) approve(ctx context.Context, stdout, stderr io.Writer) error {
	r, err := approval.Read(o.plan)
	if err != nil {
		return err
	}
	p, err := o.profile(r)
	if err != nil {
		return err
	}
	r.Plan.WriteText(stdout, r.Profile)
	fmt.Fprintf(stdout, "line %s, profile %s: %s\n", r.Line, r.Profile, r.Waiting(p))
	files, err := approval.Files(o.plan)
	if err != nil {
		return err
	}
	for _, f := range files {
		if a, err := r.Signer(p, f.Content); err != nil {
			fmt.Fprintf(stdout, "%s: %v\n", f.Name, err)
		} else {
			fmt.Fprintf(stdout, "approved by %s\n", a.Name)
		}
	}
	if o.key == "" {
		return nil
	}
	if p.Approval != nil && !time.Now().Before(r.Expires) {
		return hint.With(fmt.Errorf("the plan's approvals ended at %s", r.Expires.Format(time.RFC3339)), "have a new plan made")
	}
	if !o.yes && !progress.Confirmed(stderr, command+": approve this plan?") {
		return errors.New("not confirmed: nothing was signed")
	}
	return o.sign(ctx, r, p, stdout)
}

// profile returns the profile that a plan is for.
func (o *options) profile(r *approval.Request) (*profile.Profile, error) {
	file := dirs.FromCaller(o.destinations)
	if o.destinations == "" {
		if line := destinations.Line(os.Getenv); line != r.Line {
			return nil, hint.With(fmt.Errorf("the plan is for line %q, this is line %q", r.Line, line), "choose line %s, or pass --destinations FILE", r.Line)
		}
		if file = runfile.Path(os.Getenv("RELEASE_DESTINATIONS")); file == "" {
			return nil, errors.New("no destinations: run it in a workspace, as tools/bazel run //release:approve, or pass --destinations FILE")
		}
	}
	return destinations.All().Schema().Read(file, r.Profile)
}

func (o *options) sign(ctx context.Context, r *approval.Request, p *profile.Profile, stdout io.Writer) error {
	key := signing.KeyArgs{Ref: o.key, Env: os.Getenv}
	if !strings.Contains(key.Ref, "://") {
		key.Ref = dirs.FromCaller(key.Ref)
	}
	if o.password != "" {
		key.PasswordFile = dirs.FromCaller(o.password)
	}
	signature, err := r.Sign(ctx, key)
	if err != nil {
		return err
	}
	a, err := r.Signer(p, signature)
	if err != nil {
		return fmt.Errorf("key %q: %w", o.key, err)
	}
	file := approval.FileName(o.plan, a)
	if err := fileio.WriteFile(file, signature, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "approved by %s: %s\n", a.Name, file)
	return nil
}
