// Actions lists what the actions of a release read, by mnemonic, and fails if one of them
// depends on the client's machine. Such an action would not run on another machine, or its
// result in a cache would not be found, or not be the same.
//
//	go run ./tools/dev/actions [-line LINE] [-page FILE [-check]] [GRAPH]
//
// It asks Bazel for the actions of //release:all, which builds nothing, and prints a table: the
// program that the actions of each mnemonic start, their inputs, variables and flags. GRAPH is
// the output of an earlier `bazel aquery --output=jsonproto` of the same workspace.
//
//	-line   the line of the release (default: toolbox)
//	-page   write the table into this page, between the lines that say so
//	-check  write nothing; exit 1 if the page is stale
//
// These are findings, and the exit status is 1:
//
//   - a directory of this machine (the workspace, Bazel's output, the store, HOME), or any other
//     absolute path, in a command line, a file with arguments, a variable, or a file that Bazel
//     writes for an action;
//   - a variable that names a user or a host, or PATH: what has it has Bazel's default
//     environment, to which --action_env adds variables of the client that Bazel does not show;
//   - a program that is not an input, or that needs a loader of the machine that runs it;
//   - an input that is outside of the execution root, a directory, or a link out of the
//     repositories and the store;
//   - a requirement such as no-remote, no-sandbox or requires-network, a second execution
//     platform, or none.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/pages"
	"github.com/jasonwzm/release-builder/tools/internal/check/actiongraph"
)

const name = "actions"

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	line := fs.String("line", "toolbox", "the `LINE` of the release")
	page := fs.String("page", "", "write the table into this `FILE`")
	check := fs.Bool("check", false, "write nothing, exit 1 if the page is stale")
	if status, ok := cli.ParseFlags(fs, args, stderr); !ok {
		return status
	}
	if fs.NArg() > 1 || *check && *page == "" {
		return cli.UsageError(stderr, name, "want at most one GRAPH, and -check only with -page")
	}
	c, err := load(ctx, *line, fs.Arg(0), stderr)
	if err != nil {
		return cli.Fail(stderr, name, err)
	}
	c.check()
	err = c.errors()
	if *page == "" {
		fmt.Fprint(stdout, c.table())
	} else {
		err = errors.Join(err, pages.Update(pages.UpdateArgs{Page: *page, Command: "go run ./tools/dev/actions -page " + *page, Text: c.table(), Check: *check}))
	}
	if err != nil {
		return cli.Fail(stderr, name, err)
	}
	fmt.Fprintf(stderr, "%s: no action depends on this machine\n", name)
	return cli.OK
}

// load asks Bazel for the machine's directories and, unless file names it, for the graph.
func load(ctx context.Context, line, file string, stderr io.Writer) (*checker, error) {
	bazel := func(args ...string) ([]byte, error) {
		cmd := environ.Command(ctx, environ.User(), filepath.Join("tools", "bazel"), args...)
		cmd.Stderr = stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("running tools/bazel %s: %w", args[0], err)
		}
		return out, nil
	}
	selected := "--repo_env=RELEASE_LINE=" + line
	out, err := bazel("info", selected)
	if err != nil {
		return nil, err
	}
	m, err := thisMachine(string(out))
	if err != nil {
		return nil, err
	}
	var graph io.Reader
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		graph = f
	} else {
		out, err := bazel("aquery", selected, "deps(//release:all)", "--output=jsonproto", "--include_param_files", "--include_file_write_contents")
		if err != nil {
			return nil, err
		}
		graph = strings.NewReader(string(out))
	}
	g, err := actiongraph.Read(graph)
	if err != nil {
		return nil, err
	}
	return newChecker(g, m), nil
}

func newChecker(g *actiongraph.Graph, m machine) *checker {
	return &checker{graph: g, machine: m, producers: g.Producers(), inputs: map[int]input{}}
}

// thisMachine reads the output of bazel info, and adds the user's directories.
func thisMachine(info string) (machine, error) {
	at := map[string]string{}
	for line := range strings.Lines(info) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			at[key] = value
		}
	}
	for _, key := range []string{"workspace", "output_base", "repository_cache", "install_base"} {
		if !filepath.IsAbs(at[key]) {
			return machine{}, fmt.Errorf("bazel info: %s is %q, want a directory", key, at[key])
		}
	}
	m := machine{files: files{
		workspace: at["workspace"], external: filepath.Join(at["output_base"], "external"),
		store: at["repository_cache"], install: at["install_base"],
	}}
	m.dirs = []place{
		{"the workspace's directory", at["workspace"]}, {"Bazel's output base", at["output_base"]},
		{"the store's directory", at["repository_cache"]}, {"Bazel's installation", at["install_base"]},
	}
	if home, err := os.UserHomeDir(); err == nil && home != "/" {
		m.dirs = append(m.dirs, place{"the user's home", home})
	}
	return m, nil
}
