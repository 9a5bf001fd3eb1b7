// Approve shows a plan that publish wrote, and signs it.
//
//	tools/bazel run //release:publish -- --production --plan --out plan.json
//	tools/bazel run //release:approve -- plan.json
//	tools/bazel run //release:approve -- plan.json --key ~/.ssh/id_ed25519
//	tools/bazel run //release:publish -- --production --approved plan.json
//
// A profile in destinations.yaml says who has to approve what is published to it:
//
//	production:
//	  approval:
//	    keys:
//	      - alice ssh-ed25519 AAAA…    # a line of alice's id_ed25519.pub, with a name before it
//	      - bob cosign MFkw…           # the lines between BEGIN and END of bob's cosign.pub, as one
//	    required: 2                    # how many of them
//	    valid: 72h                     # for how long, from the plan on; this is the default
//
// Without --key, approve shows the plan, and who has approved it. With --key it signs it, if
// the key is one of the profile's, and writes the signature beside the plan, to
// plan.json.NAME.sig or plan.json.NAME.sigstore.json. Send that file to whoever publishes: it
// has to be beside the plan. The plan has to stay as it is, byte for byte.
//
// KEY is a file with a key of SSH, or with its public key if an agent or a security token has
// the private one: then ssh-keygen signs, and asks for a passphrase. Or KEY is one of cosign's,
// as for publish --cosignkey, with the same password. What is signed is one line of text:
//
//	release-builder approves plan sha256:…
//
// with the SHA-256 of the plan's file. The namespace of SSH signatures is
// release-builder-approval.
//
// publish --approved carries out just this plan. It refuses if anything that the plan is about
// has changed since; what the plan wanted, and an earlier run has done, may be there. It
// records the approvals in the receipt. This binds those who publish by this profile. Whoever
// has the services' credentials can change them by other programs: give the credentials to the
// job that publishes, and to nobody else.
//
// Exit status: 0 done, 1 the plan cannot be approved, 2 the command line is wrong.
package main

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

func main() { cli.Main(run) }

type options struct {
	plan, destinations, key, password string
	yes                               bool
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	set := flag.NewFlagSet(command, flag.ContinueOnError)
	set.StringVar(&o.key, "key", "", "sign with a `key`: a file of SSH's or cosign's, env://NAME, or the URI of a key such as gcpkms://…")
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
			return nil, hint.With(fmt.Errorf("the plan is for line %q, this is line %q", r.Line, line), "pass --config=%s, or --destinations FILE", r.Line)
		}
		if file = runfile.Path(os.Getenv("RELEASE_DESTINATIONS")); file == "" {
			return nil, errors.New("no destinations: run tools/bazel run //release:approve, or pass --destinations FILE")
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
