// Package verify has the command verify: see tools/verify.
package verify

import (
	"context"
	"crypto"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/progress"
	"github.com/jasonwzm/release-builder/tools/internal/base/runfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/publish/signing"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// options are the flags.
type options struct {
	receipt, stage, production, destinations, state, token, key string
	deep                                                        bool
	// release is the argument, or the value of --stage or --production.
	release string
}

func (o *options) flags() *flag.FlagSet {
	set := flag.NewFlagSet("verify", flag.ContinueOnError)
	set.StringVar(&o.stage, "stage", "", "verify a `VERSION` on the line's profile stage")
	set.StringVar(&o.production, "production", "", "verify a `VERSION` on the line's profile production")
	set.StringVar(&o.destinations, "destinations", "", "verify a version on a profile of another file: `FILE:PROFILE`")
	set.StringVar(&o.receipt, "receipt", "", "verify the receipt in a `file`")
	set.BoolVar(&o.deep, "deep", false, "read back everything that was published and hash it")
	set.StringVar(&o.state, "state", "", "the `directory` for plans, receipts and embedded stages")
	set.StringVar(&o.key, "cosignkey", "", "check the signatures with the public key in a `file`")
	set.StringVar(&o.token, "githubtoken", "", "GitHub's token: a `file`, or env://NAME (default: GH_TOKEN)")
	return set
}

// check returns what is wrong with the flags and arguments, or "".
func (o *options) check(args []string) string {
	var named []string
	for _, f := range []struct{ flag, value string }{
		{"--stage", o.stage}, {"--production", o.production}, {"--destinations", o.destinations}, {"--receipt", o.receipt},
	} {
		if f.value != "" {
			named = append(named, f.flag)
		}
	}
	switch {
	case len(named) != 1:
		return fmt.Sprintf("got %d of --stage VERSION, --production VERSION, --destinations FILE:PROFILE VERSION and --receipt FILE, want one", len(named))
	case o.destinations != "" && !strings.Contains(o.destinations, ":"):
		return fmt.Sprintf("--destinations: got %q, want FILE:PROFILE", o.destinations)
	case o.destinations != "" && len(args) != 1:
		return fmt.Sprintf("--destinations: got %d arguments, want VERSION", len(args))
	case o.destinations == "" && len(args) > 0:
		return fmt.Sprintf("got argument %q, want flags only", args[0])
	}
	o.release = o.stage + o.production + strings.Join(args, "")
	if _, _, err := publish.ParseName(o.release); o.receipt == "" && err != nil {
		return fmt.Sprintf("version: %v", err)
	}
	return ""
}

// Run runs the command.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	set := o.flags()
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	if bad := o.check(set.Args()); bad != "" {
		return cli.UsageError(stderr, "verify", "%s", bad)
	}
	board := progress.New("verify", stderr)
	defer board.Close()
	transport := web.New(web.Config{Retry: web.Retry{Log: board.Linef}})
	if err := o.verify(ctx, board, transport, stdout); err != nil {
		return cli.Fail(stderr, "verify", web.Redact(err))
	}
	return cli.OK
}

func (o *options) verify(ctx context.Context, board *progress.Board, transport *web.Transport, stdout io.Writer) error {
	var public crypto.PublicKey
	var err error
	if o.key != "" {
		if public, err = signing.ReadPublicKey(dirs.FromCaller(o.key)); err != nil {
			return err
		}
	}
	r, err := o.find(ctx, os.Getenv, transport)
	if err != nil {
		return err
	}
	all, err := destinations.Open(ctx, destinations.Args{Profile: r.Profile, Transport: transport, TokenFile: o.token, Env: os.Getenv, Log: board.Linef})
	if err != nil {
		return err
	}
	signatures := 0
	if err = r.Verify(ctx, all, o.deep); public != nil {
		var bad error
		signatures, bad = checkSignatures(ctx, r, all, public, transport)
		err = errors.Join(err, bad)
	}
	yanked, bad := destinations.Yanked(ctx, r, transport)
	if err == nil {
		err = bad
	}
	switch {
	case err != nil && yanked != nil:
		return hint.With(err, "%s: its charts and packages left the indexes on purpose", yanked)
	case err != nil:
		return err
	case yanked != nil:
		fmt.Fprintln(stdout, yanked)
	}
	for _, d := range r.Destinations {
		fmt.Fprintf(stdout, "%s: %d items of %s are as they were published\n", d.Name, len(d.Items), r.Version)
	}
	if !o.deep {
		fmt.Fprintln(stdout, "The services' own checksums were compared. Only --deep also finds content that is damaged on a service's disk.")
	}
	if public != nil {
		fmt.Fprintf(stdout, "%d signatures are by the key in %q\n", signatures, o.key)
	}
	return nil
}

// checkSignatures checks the signatures of what is in the receipt's bucket.
func checkSignatures(ctx context.Context, r *publish.Receipt, all []publish.Destination, public crypto.PublicKey, transport *web.Transport) (int, error) {
	source, err := destinations.Source(ctx, r, transport)
	if err != nil {
		return 0, err
	}
	tree, err := release.Open(ctx, source)
	if err != nil {
		return 0, err
	}
	if sums, _ := tree.Find(release.Checksums); sums.Digest != r.Checksums {
		return 0, fmt.Errorf("sha256 of %s: got %s, want %s of the receipt", release.Checksums, sums.Digest, r.Checksums)
	}
	return signing.CheckPublished(ctx, tree, r, all, public)
}

// find returns the receipt: one on this machine, or one in a profile's bucket.
func (o *options) find(ctx context.Context, env func(string) string, transport *web.Transport) (*publish.Receipt, error) {
	if o.receipt != "" {
		return publish.ReadReceipt(dirs.FromCaller(o.receipt))
	}
	line := destinations.Line(env)
	profile, err := o.profile(env("RELEASE_DESTINATIONS"), line)
	if err != nil {
		return nil, err
	}
	state, err := dirs.State(o.state, env)
	if err != nil {
		return nil, err
	}
	version, sum, err := publish.ParseName(o.release)
	if err != nil {
		return nil, err
	}
	found, err := destinations.Find(ctx, destinations.FindArgs{
		Profile: *profile, State: destinations.StateDir(state, line, profile.Name), Line: line, Version: version, Receipt: sum, Transport: transport,
	})
	if err != nil {
		return nil, err
	}
	return found.Receipt, nil
}

// profile returns the profile that a flag names. The line's own file is a runfile.
func (o *options) profile(file, line string) (*profile.Profile, error) {
	name := profile.Production
	switch i := strings.LastIndexByte(o.destinations, ':'); {
	case i >= 0:
		file, name = dirs.FromCaller(o.destinations[:i]), o.destinations[i+1:]
	case file == "":
		return nil, hint.With(fmt.Errorf("line %q has no destinations", line), "write manifests/%s/destinations.yaml, or pass --destinations FILE:PROFILE", line)
	default:
		file = runfile.Path(file)
		if o.stage != "" {
			name = profile.Stage
		}
	}
	return destinations.All().Schema().Read(file, name)
}
