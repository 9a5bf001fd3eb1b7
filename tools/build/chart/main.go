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
	"io"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, _, stderr io.Writer) int {
	spec := cli.Required("spec", "JSON `file` that says what to write", nil)
	out := cli.Required("out", "`file` to write", nil)
	return cli.RunVerb(ctx, "chart", map[string]cli.Verb{
		"dashboard": {Flags: []cli.Flag{spec, out}, Run: runDashboard},
		"package":   {Flags: []cli.Flag{spec, cli.Required("mtime", "time of all files, in `seconds` since 1970", cli.CheckSeconds), out}, Run: runPackage},
		"yaml":      {Flags: []cli.Flag{cli.Required("file", "YAML `file`", nil), cli.Required("values", "JSON `file` with the values", nil), out}, Run: runYAML},
	}, args, stderr)
}
