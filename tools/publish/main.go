// Publish takes the built release to buckets, registries, git repositories and
// GitHub.
//
//	tools/bazel run //release:publish -- --stage             to the line's profile "stage"
//	tools/bazel run //release:publish -- --production        to its profile "production"
//	tools/bazel run //release:publish -- --destinations FILE:PROFILE
//	tools/bazel run //release:publish -- --stage --plan      show what it would do; change nothing
//	tools/bazel run //release:promote -- VERSION --production   from the stage; builds nothing
//
// Profiles stand in manifests/<line>/destinations.yaml; flags override what they
// say, or say all where no profile is named.
//
// First everything is planned: what each destination has, what is to be created,
// what conflicts. A conflict anywhere ends the run before anything is changed.
// Then all content is uploaded to all destinations and read back. Then each bucket
// gets the receipt, PREFIX/VERSION.receipt.json: which files the release has, and
// what each destination has of it. Only then the pointers move by which people find
// the release: registry tags, chart indexes, aliases, git tags, the end of GitHub's
// draft. Whatever ends a run half-way, the same command goes on from there; what is
// there already is not sent again.
//
// The receipt follows from the release, the profile and the notes: a second run finds it equal.
// One that a smaller profile left is replaced; one of another build of the version is
// a conflict. With --only no receipt is written, and one that is there stays.
//
// An alias, such as latest, points to a release by the rule that its profile states:
// stable, the highest version that is no pre-release; highest, pre-releases included;
// newest, of the pre-releases of one version the one with the newest commit. An alias
// that its rule leaves where it is, is a line of the plan and no conflict.
// --allow-downgrade latest,1.31 lets these move to this release, whatever their rules
// say; each has to be an alias of a destination. On the command line NAME=RULE gives
// a rule: --gcsaliases latest=newest. On GitHub, a version that latest never takes is
// marked as a pre-release, and what is marked so is never the latest.
//
// --promote VERSION publishes what is on the stage: it finds the receipt in a bucket
// of the stage, from any machine, checks that the stage still has all that the
// receipt says, which reads what a service keeps no SHA-256 of, and copies the
// release from that bucket, on the server where the service can. Nothing is built.
// --promote VERSION@sha256:DIGEST takes that receipt only, as publish printed it: who
// can write to the stage cannot change what is promoted. The stage is the profile that
// the key from of the promoted one names. Where a file has the profiles stage and
// production, production has from: stage, unless it says from: build. A profile with
// from takes promotions only.
//
// The notes of a GitHub release list the sources that it was built from, with links to
// their commits. --since PATH names the release before, by its lock.json or its directory:
// then they also list what changed since, with links that compare the commits. The notes are part
// of what is planned and published: every run to one profile needs the same --since.
// --notes FILE has notes of your own.
//
// A stage whose URLs have {state} is a directory of one machine, and so are its receipts.
//
// It writes plan.json, receipt.json and ledger.json to a directory of the line's,
// profile's and version's own below $XDG_STATE_HOME/release-builder, by default
// ~/.local/state/release-builder, and prints where; with --only the names end in
// the kinds, as receipt-bucket.json. No command needs them: deleting them loses nothing.
//
// Credentials are each service's own: Application Default Credentials, the AWS
// configuration, Docker's credential helpers and config.json, git's credential
// helpers, and for GitHub --githubtoken FILE, GITHUB_TOKEN or GH_TOKEN.
// GITHUB_API_URL, STORAGE_EMULATOR_HOST and AWS_ENDPOINT_URL name other servers.
//
// Exit status: 0 it is published, or with --plan there is nothing to do; 1 a
// conflict or a failure; 2 the command line is wrong; 3 with --plan there are changes
// to make.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/progress"
	"github.com/jasonwzm/release-builder/tools/internal/publish/session"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// Changes is the exit status of a plan that has some.
const Changes = 3

// grace is how long work may take to end after an interrupt.
const grace = 1500 * time.Millisecond

// memory is how much the heap may grow to, in bytes, before what nobody needs any
// more is collected: a publish holds little at a time, but makes much of it.
const memory = 128 << 20

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memory)
	}
	cli.Main(run)
}

// options are the flags.
type options struct {
	stage, production, plan, json, yes bool

	destinations string
	session.Args

	hub, gcs, s3, endpoint, helmBucket, helmHub, github, tagger string
	tags, gcsAliases, s3Aliases                                 aliases
}

func (o *options) flags(stderr io.Writer) *flag.FlagSet {
	set := flag.NewFlagSet("publish", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.BoolVar(&o.stage, "stage", false, "publish to the line's profile stage")
	set.BoolVar(&o.production, "production", false, "publish to the line's profile production")
	set.StringVar(&o.destinations, "destinations", "", "publish to a profile of another file: `FILE:PROFILE`")
	set.BoolVar(&o.plan, "plan", false, "change nothing: show what exists, what would be created, what conflicts")
	set.Var((*words)(&o.Only), "only", "the `kinds` of destination, of "+strings.Join(kinds(), ","))
	set.StringVar(&o.Release, "release", "", "the release's `directory`; what Bazel built if not given")
	set.StringVar(&o.Promote, "promote", "", "publish what is on the stage: `VERSION`, or VERSION@sha256:DIGEST of its receipt")
	set.BoolVar(&o.json, "json", false, "print the plan or the receipt as JSON")
	set.BoolVar(&o.yes, "yes", false, "do not ask before production")
	set.Var((*words)(&o.Back), "allow-downgrade", "`aliases` that move to this release, whatever their rules say")
	set.StringVar(&o.State, "state", "", "the `directory` for plans and receipts")
	set.StringVar(&o.Notes, "notes", "", "the `file` with GitHub's release notes; made from the lock if not given")
	set.StringVar(&o.Since, "since", "", "the release before, whose changes GitHub's release notes list: the `path` of its lock.json or of its directory")

	set.StringVar(&o.hub, "dockerhub", "", "the images' registry: `HOST/PATH`")
	set.Var(&o.tags, "dockertags", "the images' `tags`, each NAME or NAME=RULE; the version if not given")
	set.StringVar(&o.gcs, "gcsbucket", "", "a Google Cloud Storage bucket: `BUCKET/PREFIX`")
	set.Var(&o.gcsAliases, "gcsaliases", "`names` of objects there whose body is the version, each NAME or NAME=RULE")
	set.StringVar(&o.s3, "s3bucket", "", "an S3 bucket: `BUCKET/PREFIX`")
	set.Var(&o.s3Aliases, "s3aliases", "`names` of objects there whose body is the version, each NAME or NAME=RULE")
	set.StringVar(&o.endpoint, "s3-base-endpoint", "", "the `URL` of a service that speaks S3")
	set.StringVar(&o.helmBucket, "helmbucket", "", "the charts' Google Cloud Storage bucket, with an index.yaml: `BUCKET/PREFIX`")
	set.StringVar(&o.helmHub, "helmhub", "", "the charts' registry: `HOST/PATH`")
	set.StringVar(&o.github, "github", "", "the GitHub `organization` of the tags and the release")
	set.StringVar(&o.TokenFile, "githubtoken", "", "the `file` with GitHub's token; GITHUB_TOKEN or GH_TOKEN if not given")
	set.StringVar(&o.tagger, "tagger", "", "who tags: `NAME <ADDRESS>`")
	return set
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
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
	// What a server has begun may be waited for a moment, not for long.
	select {
	case status := <-result:
		if status == cli.OK {
			return status
		}
	case <-time.After(grace):
	}
	fmt.Fprintln(stderr, "publish: interrupted; nothing is lost: run the same command again, and it goes on from here")
	return cli.Failure
}

func (o *options) run(ctx context.Context, stdout, stderr io.Writer) int {
	board := progress.New("publish", stderr)
	defer board.Close()
	o.Transport, o.Env, o.Log, o.Observer = web.New(web.Config{Retry: web.Retry{Log: board.Linef}}), os.Getenv, board.Linef, newObserver(board)
	status, err := o.publish(ctx, board, stdout, stderr)
	board.Close()
	if err != nil {
		return failed(ctx, stderr, err)
	}
	return status
}

// failed prints an error, unless it is that of an interrupt, of which run speaks.
func failed(ctx context.Context, stderr io.Writer, err error) int {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return cli.Failure
	}
	return cli.Fail(stderr, "publish", web.Redact(err))
}
