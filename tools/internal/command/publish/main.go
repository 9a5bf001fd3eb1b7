// Package publish has the command publish: see tools/publish.
package publish

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/progress"
	"github.com/jasonwzm/release-builder/tools/internal/publish/session"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// Changes is the exit status of a plan with changes.
const Changes = 3

// grace is the time that work has to end after an interrupt.
const grace = 1500 * time.Millisecond

// memory is the limit of the heap, in bytes, at which garbage is collected: a publication
// holds little memory at a time, but allocates much.
const memory = 128 << 20

// options are the flags.
type options struct {
	stage, production, plan, json, yes, preflight bool
	out                                           string

	destinations string
	session.Args
	hosts *web.Hosts

	hub, gcs, s3, endpoint, helmBucket, s3HelmBucket, helmHub, github, tagger, key string
	tags, gcsAliases, s3Aliases                                                    aliases
	packages                                                                       packageFlags
}

func (o *options) flags(stderr io.Writer) *flag.FlagSet {
	set := flag.NewFlagSet("publish", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.BoolVar(&o.stage, "stage", false, "publish to the line's profile stage")
	set.BoolVar(&o.production, "production", false, "publish to the line's profile production")
	set.StringVar(&o.destinations, "destinations", "", "publish to a profile of another file, `FILE:PROFILE`")
	set.BoolVar(&o.plan, "plan", false, "only show what exists, what would be created, what conflicts")
	set.BoolVar(&o.preflight, "preflight", false, "only ask the destinations whether they may be written to")
	set.StringVar(&o.out, "out", "", "with --plan: also write the plan to a `file` that people can approve")
	set.StringVar(&o.Approved, "approved", "", "carry out the plan in a `file`, which was approved, and nothing else")
	set.Var((*words)(&o.Only), "only", "publish only to these `kinds` of destination, such as registry,bucket")
	set.StringVar(&o.Release, "release", "", "the release's `directory` (default: what Bazel built)")
	set.StringVar(&o.Events, "events", "", "publish from the remote cache what the build events in a `file` name")
	set.StringVar(&o.Promote, "promote", "", "publish a `VERSION` of the stage, or VERSION@DIGEST of its receipt")
	set.StringVar(&o.Yank, "yank", "", "move the pointers from a `VERSION`, or VERSION@DIGEST of its receipt")
	set.StringVar(&o.To, "to", "", "with --yank: to this `version` (default: the one before)")
	set.StringVar(&o.Why, "why", "", "with --yank: the `reason`, for people")
	set.BoolVar(&o.json, "json", false, "print plan or receipt as JSON; on standard error lines of JSON")
	set.BoolVar(&o.yes, "yes", false, "do not ask before production")
	set.Var((*words)(&o.Back), "allow-downgrade", "`aliases` that move to this release against their rules")
	set.StringVar(&o.State, "state", "", "the `directory` for plans and receipts")
	set.StringVar(&o.Notes, "notes", "", "the `file` with GitHub's release notes (default: made from the lock)")
	set.StringVar(&o.Since, "since", "", "list in GitHub's notes what changed: a release's `path`, or a lock's")

	set.StringVar(&o.hub, "dockerhub", "", "the images' registry: `HOST/PATH`")
	set.Var(&o.tags, "dockertags", "the images' `tags`, each NAME or NAME=RULE (default: the version)")
	set.StringVar(&o.gcs, "gcsbucket", "", "a Google Cloud Storage bucket: `BUCKET/PREFIX`")
	set.Var(&o.gcsAliases, "gcsaliases", "`names` of its objects with the version, each NAME or NAME=RULE")
	set.StringVar(&o.s3, "s3bucket", "", "an S3 bucket: `BUCKET/PREFIX`")
	set.Var(&o.s3Aliases, "s3aliases", "`names` of its objects with the version, each NAME or NAME=RULE")
	set.StringVar(&o.endpoint, "s3-base-endpoint", "", "the `URL` of a service that speaks S3")
	set.StringVar(&o.helmBucket, "helmbucket", "", "the charts' Google Cloud Storage bucket: `BUCKET/PREFIX`")
	set.StringVar(&o.s3HelmBucket, "s3helmbucket", "", "the charts' S3 bucket, with an index.yaml: `BUCKET/PREFIX`")
	set.StringVar(&o.helmHub, "helmhub", "", "the charts' registry: `HOST/PATH`")
	set.StringVar(&o.packages.apt, "aptbucket", "", "the bucket of apt's suite stable: `BUCKET/PREFIX`, or a URL")
	set.StringVar(&o.packages.yum, "yumbucket", "", "the bucket of yum's channel stable: `BUCKET/PREFIX`, or a URL")
	set.StringVar(&o.packages.apk, "apkbucket", "", "the bucket of apk's channel stable: `BUCKET/PREFIX`, or a URL")
	set.StringVar(&o.packages.key, "packagekey", "", "the OpenPGP secret key that signs these: a `file`, or env://NAME")
	set.StringVar(&o.packages.passphrase, "packagepassphrase", "", "its passphrase: a `file`, or env://NAME")
	set.StringVar(&o.github, "github", "", "the GitHub `organization` for the tags and the release")
	set.StringVar(&o.TokenFile, "githubtoken", "", "GitHub's token: a `file`, or env://NAME (default: GH_TOKEN)")
	set.StringVar(&o.GrafanaToken, "grafanatoken", "", "publish dashboards with grafana.com's token: a `file`, or env://NAME")
	set.StringVar(&o.key, "cosignkey", "", "sign with a `key`: a file, env://NAME, or a URI such as gcpkms://…")
	set.StringVar(&o.Password, "cosignpassword", "", "the `file` with the key's password (default: COSIGN_PASSWORD)")
	set.StringVar(&o.tagger, "tagger", "", "the tags' author: `NAME <ADDRESS>`")
	return set
}

// Run runs the command.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memory)
	}
	var o options
	set := o.flags(stderr)
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	if set.NArg() > 0 {
		return cli.UsageError(stderr, "publish", "got argument %q, want flags only", set.Arg(0))
	}
	if bad := o.check(); bad != "" {
		return cli.UsageError(stderr, "publish", "%s", bad)
	}
	result := make(chan int, 1)
	go func() { result <- o.run(ctx, stdout, stderr) }()
	select {
	case status := <-result:
		return status
	case <-ctx.Done():
	}
	// Wait a moment for servers to finish, but not for long.
	select {
	case status := <-result:
		if status == cli.OK {
			return status
		}
	case <-time.After(grace):
	}
	o.board(stderr).Linef("interrupted; nothing is lost: run the same command again, and it resumes from here")
	return cli.Failure
}

// board returns what shows progress.
func (o *options) board(stderr io.Writer) *progress.Board {
	if o.json {
		return progress.NewEvents("publish", stderr)
	}
	return progress.New("publish", stderr)
}

func (o *options) run(ctx context.Context, stdout, stderr io.Writer) int {
	board := o.board(stderr)
	defer board.Close()
	o.hosts = web.Watch(web.New(web.Config{Retry: web.Retry{Log: board.Linef}}))
	o.Transport, o.Env, o.Log, o.Observer = o.hosts, os.Getenv, board.Linef, newObserver(board)
	status, err := o.publish(ctx, board, stdout, stderr)
	board.Close()
	if err != nil {
		return failed(ctx, board, err)
	}
	return status
}

// failed prints an error, unless an interrupt caused it: run reports that.
func failed(ctx context.Context, board *progress.Board, err error) int {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return cli.Failure
	}
	return board.Fail(web.Redact(err))
}
