// Chart makes Helm charts and Grafana dashboards for Bazel actions, and edits YAML files.
//
//	chart package --spec SPEC.json --mtime SECONDS --out NAME-VERSION.tgz
//	chart yaml --file FILE.yaml --values VALUES.json --out OUT.yaml
//	chart dashboard --spec SPEC.json --out NAME.json
//
// The same input gives the same bytes. The order of files and values, the clock, the time
// zone, the umask, the user, the current directory and the number of CPUs have no effect.
// Nothing uses the network.
//
// # chart package
//
// Writes a chart's archive: NAME/Chart.yaml, then the other files by path, with mode 0644,
// without directories and without what .helmignore leaves out. SPEC.json:
//
//	{
//	  "name": "web",             the chart's, which Chart.yaml has to have
//	  "version": "1.2.3",        version in Chart.yaml; optional
//	  "appVersion": "1.2.3",     the same
//	  "files": [
//	    {"path": "Chart.yaml", "source": "charts/web/Chart.yaml"},
//	    {"path": ".", "source": "charts/web"}      a directory: all files in it
//	  ],
//	  "values": {"values.yaml:image.tag": "1.2.3"},
//	  "dependencies": ["base-1.2.3.tgz"]           archives for charts/
//	}
//
// A key of values is a file of the chart, a colon, and the path of a value: keys with dots
// between them, and positions in lists. A backslash keeps a dot in a key. The value keeps its
// quotes, and every other byte of the file stays.
//
// Chart.yaml has to name each dependency, with a version that matches. What it names has to
// be in charts/. With dependencies, Chart.lock is left out.
//
// # chart yaml
//
// Writes a YAML file with other values. VALUES.json is an object: {"spec.tag": "1.2.3"}.
//
// # chart dashboard
//
// Writes a dashboard in the form that grafana.com publishes, with __inputs and __requires.
// SPEC.json:
//
//	{
//	  "name": "mesh",                                  mesh.json or mesh.gen.json
//	  "version": "1.2.3",
//	  "sources": ["dashboards", "more/mesh.json"],     files and directories
//	  "datasources": {"Thanos": "prometheus"}          types by name; optional
//	}
//
// Exit status: 0 done, 1 an error, 2 the command line is wrong.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

func main() { cli.Main(run) }

const name = "chart"

const usage = `usage:
  chart package --spec SPEC.json --mtime SECONDS --out NAME-VERSION.tgz
  chart yaml --file FILE.yaml --values VALUES.json --out OUT.yaml
  chart dashboard --spec SPEC.json --out NAME.json
`

// A command is a verb with its flags, which are all required.
type command struct {
	flags []string
	run   func(ctx context.Context, flag func(name string) string) error
}

func commands() map[string]command {
	return map[string]command{
		"package":   {[]string{"spec", "mtime", "out"}, runPackage},
		"yaml":      {[]string{"file", "values", "out"}, runYAML},
		"dashboard": {[]string{"spec", "out"}, runDashboard},
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && slices.Contains([]string{"-h", "-help", "--help", "help"}, args[0]) {
		fmt.Fprint(stdout, usage)
		return cli.OK
	}
	if len(args) == 0 {
		return cli.UsageError(stderr, name, "command is missing")
	}
	c, ok := commands()[args[0]]
	if !ok {
		return cli.UsageError(stderr, name, "unknown command %q", args[0])
	}
	name := name + " " + args[0]
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	values := map[string]*string{}
	for _, f := range c.flags {
		values[f] = fs.String(f, "", strings.ToUpper(f)+" (required)")
	}
	if status, ok := cli.ParseFlags(fs, args[1:], stderr); !ok {
		return status
	}
	if fs.NArg() > 0 {
		return cli.UsageError(stderr, name, "unexpected argument %q", fs.Arg(0))
	}
	for _, f := range c.flags {
		if *values[f] == "" {
			return cli.UsageError(stderr, name, "flag -%s is missing", f)
		}
	}
	if err := c.run(ctx, func(name string) string { return *values[name] }); err != nil {
		return cli.Fail(stderr, name, err)
	}
	return cli.OK
}
