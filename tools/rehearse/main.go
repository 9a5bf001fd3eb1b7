// Rehearse publishes the built release to services on this machine that start by themselves, and
// lets a request fail.
//
//	tools/bazel run //release:rehearse -- --stage
//	tools/bazel run //release:rehearse -- --production --fault lost --request 'registry PUT .*latest'
//	tools/bazel run //release:rehearse -- --destinations FILE:PROFILE --list
//
// It reads a profile as publish does, and puts a service of this machine in the place of each:
// buckets of Google and S3, a registry, GitHub, git repositories. No request leaves the machine,
// and no credentials are used. Packages are signed with a key made for that. The release is
// not signed, plans need no approval, and a profile that takes promotions takes the build.
// Dashboards, and git tags that do not go through GitHub, are left out, and it says so.
//
// First it publishes without a fault. Then it publishes to new services, and one request fails.
// It shows what publish says, how much is there then, and that the same command, run again, leads
// to just what there is without a fault; it reads everything back. --list shows the names of all requests. --request REGEX chooses one of these, --fault
// NAME what happens to it; without them both are random, by --seed N, which it prints:
//
//	refused, reset-before, reset-within, stalled, lost, truncated    the connection
//	lost-502, 500, 503, 429-seconds, 429-date, 403-secondary         the service
//	redirected                                                       it leads to another host
//	kill-before, kill-after                                          the process ends
//
// The services keep all in memory: it takes about twice the size of the release.
//
// Exit status: 0 the second run ends as one without a fault does; 1 a failure, also of that one;
// 2 the command line is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/runfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/testing/faulttest"
)

const name = "rehearse"

func main() {
	if text := os.Getenv(child); text != "" {
		cli.Main(func(ctx context.Context, _ []string, _, stderr io.Writer) int { return publishChild(ctx, text, stderr) })
	}
	cli.Main(run)
}

type options struct {
	stage, production, list bool
	destinations, release   string
	fault                   faulttest.Fault
	request                 *regexp.Regexp
	seed                    uint64
	line                    string
	profile                 profile.Profile
	stdout                  io.Writer
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := options{stdout: stdout, line: destinations.Line(os.Getenv)}
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.BoolVar(&o.stage, "stage", false, "the line's profile stage")
	set.BoolVar(&o.production, "production", false, "the line's profile production")
	set.StringVar(&o.destinations, "destinations", "", "a profile of another file, `FILE:PROFILE`")
	set.StringVar(&o.release, "release", "", "the release's `directory` (default: what Bazel built)")
	set.BoolVar(&o.list, "list", false, "only show the names of the requests")
	fault := set.String("fault", "", "the `name` of what happens (default: random)")
	request := set.String("request", "", "a `regular expression` for the name of the request that fails (default: random)")
	set.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "choose what is random by this `number`")
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	if bad := o.check(set.Args(), *fault, *request); bad != "" {
		return cli.UsageError(stderr, name, "%s", bad)
	}
	if err := o.open(); err != nil {
		return cli.Fail(stderr, name, err)
	}
	if err := underTest(func(t *testing.T) error { return o.rehearse(ctx, t) }); err != nil {
		return cli.Fail(stderr, name, err)
	}
	return cli.OK
}

// check returns the error in the flags, or "".
func (o *options) check(args []string, fault, request string) string {
	named := 0
	for _, given := range []bool{o.stage, o.production, o.destinations != ""} {
		if given {
			named++
		}
	}
	var err error
	o.request, err = regexp.Compile(request)
	o.fault = faulttest.Fault(fault)
	switch {
	case len(args) > 0:
		return fmt.Sprintf("got argument %q, want flags only", args[0])
	case named != 1:
		return fmt.Sprintf("got %d of --stage, --production and --destinations, want one", named)
	case o.destinations != "" && !strings.Contains(o.destinations, ":"):
		return fmt.Sprintf("--destinations: got %q, want FILE:PROFILE", o.destinations)
	case err != nil:
		return fmt.Sprintf("--request: %v", err)
	case fault != "" && !slices.Contains(faulttest.All(), o.fault):
		return fmt.Sprintf("--fault: got %q, want one of %v", fault, faulttest.All())
	}
	return ""
}

// open reads the profile.
func (o *options) open() error {
	file, which := runfile.Path(os.Getenv("RELEASE_DESTINATIONS")), profile.Stage
	if o.production {
		which = profile.Production
	}
	if i := strings.LastIndexByte(o.destinations, ':'); i >= 0 {
		file, which = dirs.FromCaller(o.destinations[:i]), o.destinations[i+1:]
	}
	if file == "" {
		return hint.With(fmt.Errorf("line %q has no destinations", o.line), "write manifests/%s/destinations.yaml, or pass --destinations FILE:PROFILE", o.line)
	}
	p, err := destinations.All().Schema().Read(file, which)
	if err != nil {
		return err
	}
	o.profile = *p
	if o.release == "" {
		if o.release = runfile.Path(os.Getenv("RELEASE_DIR")); o.release == "" {
			return errors.New("no release: run tools/bazel run //release:rehearse, or pass --release DIRECTORY")
		}
		return nil
	}
	o.release = dirs.FromCaller(o.release)
	return nil
}

// choose returns the request that fails, and how.
func (o *options) choose(requests []string) (string, faulttest.Fault, error) {
	if len(requests) == 0 {
		err := fmt.Errorf("profile %q has only directories of this machine: there is no request that can fail", o.profile.Name)
		return "", "", hint.With(err, "rehearse with a profile that has services, such as --production")
	}
	matching := slices.DeleteFunc(slices.Clone(requests), func(r string) bool { return !o.request.MatchString(r) })
	if len(matching) == 0 {
		return "", "", hint.With(fmt.Errorf("--request: no request matches %q", o.request), "--list shows the names of all")
	}
	random := rand.New(rand.NewPCG(o.seed, 0))
	request := matching[random.IntN(len(matching))]
	faults := faulttest.All()
	if strings.HasPrefix(request, "git ") { // git has its own connections
		faults = slices.DeleteFunc(faults, func(f faulttest.Fault) bool { return f == faulttest.Refused })
	}
	fault := faults[random.IntN(len(faults))]
	if o.fault != "" {
		fault = o.fault
	}
	return request, fault, nil
}

// underTest runs f as a test: the services are those of the project's own tests. The test never
// ends, since package testing would end the process then.
func underTest(f func(t *testing.T) error) error {
	testing.Init()
	if _, ok := cli.ParseFlags(flag.CommandLine, nil, os.Stderr); !ok {
		return errors.New("the flags of package testing cannot be set")
	}
	result := make(chan error)
	go testing.Main(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: name, F: func(t *testing.T) {
		err := errors.New("a service of the world failed")
		t.Run(name, func(t *testing.T) { err = f(t) })
		result <- err
		select {}
	}}}, nil, nil)
	return <-result
}
