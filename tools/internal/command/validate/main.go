// Package validate has the command validate: see tools/validate.
package validate

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/runfile"
	"github.com/jasonwzm/release-builder/tools/internal/check/validate"
)

// Run runs the command.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("validate", flag.ContinueOnError)
	dir := set.String("release", "", "the release's `directory`; default: the one that Bazel builds")
	asJSON := set.Bool("json", false, "print JSON")
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	switch built := os.Getenv("RELEASE_DIR"); {
	case set.NArg() > 0:
		return cli.UsageError(stderr, "validate", "got argument %q, want flags only", set.Arg(0))
	case *dir != "":
		*dir = dirs.FromCaller(*dir)
	case built == "":
		return cli.UsageError(stderr, "validate", "--release is missing: pass a directory; with Bazel, //release:validate takes the one that it builds")
	default:
		*dir = runfile.Path(built)
	}
	own, err := checks(os.Getenv("RELEASE_CHECKS"))
	if err != nil {
		return cli.Fail(stderr, "validate", err)
	}
	report, err := validate.Run(ctx, validate.Args{Dir: *dir, Own: own, Secrets: secrets(os.Getenv, os.Hostname), Run: start})
	if err == nil {
		err = write(stdout, report, *asJSON)
	}
	if err != nil {
		return cli.Fail(stderr, "validate", err)
	}
	if !report.OK() {
		return cli.Failure
	}
	return cli.OK
}

// checks reads the product's own checks, a runfile. Commands are runfiles, too.
func checks(file string) ([]validate.Own, error) {
	if file == "" {
		return nil, nil
	}
	var own []validate.Own
	if err := jsonfile.Read(runfile.Path(file), &own); err != nil {
		return nil, err
	}
	for i := range own {
		if own[i].Command != "" {
			own[i].Command = runfile.Path(own[i].Command)
		}
	}
	return own, nil
}

// start runs a program for a check, for a minute at most.
func start(ctx context.Context, program string, args, env []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := environ.Command(ctx, append([]string{"LANG=C", "TZ=UTC"}, env...), program, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, environ.Said(stderr.String()))
	}
	return stdout.Bytes(), nil
}

func write(w io.Writer, r *validate.Report, asJSON bool) error {
	if asJSON {
		data, err := jsonfile.Marshal(r)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
	var b bytes.Buffer
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "CHECK\tCHECKED\tFINDINGS\n")
	for _, c := range r.Checks {
		fmt.Fprintf(table, "%s\t%d\t%d\n", c.Name, c.Checked, len(c.Findings))
	}
	table.Flush()
	for _, c := range r.Checks {
		for _, f := range c.Findings {
			fmt.Fprintf(&b, "%s: %s\n", c.Name, cli.Line(f.String()))
		}
	}
	showAllow(&b, r)
	_, err := w.Write(b.Bytes())
	return err
}

// showAllow says how a product allows what is no secret, if something looks like one.
func showAllow(w io.Writer, r *validate.Report) {
	paths := map[string]bool{}
	for _, c := range r.Checks {
		for _, f := range c.Findings {
			if strings.HasPrefix(f.Problem, validate.Secret) {
				paths[path.Join(f.Artifact, f.Member)] = true
			}
		}
	}
	if len(paths) == 0 {
		return
	}
	fmt.Fprintf(w, "hint: if that is no secret but an example, allow it in release/%s/BUILD.bazel, above release(), with check from @%[1]s//:rules.bzl:\n\n", r.Product)
	fmt.Fprintf(w, "    check(\n        name = \"examples\",\n        allow = {\n")
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		fmt.Fprintf(w, "            %q: \"why it is none\",\n", p)
	}
	fmt.Fprintf(w, "        },\n    )\n")
}
