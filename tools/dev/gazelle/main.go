// Gazelle updates generated files of this repository:
//
//	tools/imports.go   every package of another module that a Go file here imports, and
//	                   the tools of go.mod
//	BUILD.bazel        the Go rules, by the gazelle command that go.mod pins
//
// Usage:
//
//	tools/bazel run //:gazelle                write them
//	tools/bazel run //:gazelle -- --check     write nothing; exit 1 if one is stale
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("gazelle", flag.ContinueOnError)
	check := fs.Bool("check", false, "write nothing, exit 1 if a file is stale")
	command := fs.String("command", "", "the gazelle `command`; set by the BUILD file")
	root := fs.String("root", os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "the repository's root `directory`")
	if status, ok := cli.ParseFlags(fs, args, stderr); !ok {
		return status
	}
	if *root == "" || *command == "" {
		return cli.UsageError(stderr, "gazelle", "run it as tools/bazel run //:gazelle")
	}
	abs, err := runfiles.Rlocation(*command)
	if err != nil {
		if abs, err = filepath.Abs(*command); err != nil {
			return cli.Fail(stderr, "gazelle", err)
		}
	}
	err = errors.Join(updateImports(*root, *check), runGazelle(ctx, abs, *root, *check, stdout))
	if err != nil {
		return cli.Fail(stderr, "gazelle", hint.With(err, "tools/bazel run //:gazelle"))
	}
	return cli.OK
}

// updateImports writes tools/imports.go. With check it returns an error if it is stale.
func updateImports(root string, check bool) error {
	want, err := importsFile(root)
	if err != nil {
		return err
	}
	name := filepath.Join(root, importsName)
	got, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if bytes.Equal(got, want) {
		return nil
	}
	if check {
		return fmt.Errorf("%s is stale: it does not list the packages that Go files import", importsName)
	}
	return fileio.WriteFile(name, want, 0o644)
}

// runGazelle runs gazelle on the repository. With check it prints what gazelle would change.
func runGazelle(ctx context.Context, command, root string, check bool, stdout io.Writer) error {
	args := []string{"-repo_root=" + root, "-build_file_name=BUILD.bazel", "-lang=go"}
	if check {
		args = append(args, "-mode=diff")
	}
	var diff, stderr bytes.Buffer
	cmd := environ.Command(ctx, environ.Tool(), command, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, &diff, &stderr
	err := cmd.Run()
	shown := diff.Len() > 0
	if _, err := diff.WriteTo(stdout); err != nil {
		return err
	}
	said := environ.Said(stderr.String())
	// The exit status is also 1 for an error; then there may be no difference.
	if check && shown && cmd.ProcessState.ExitCode() == 1 {
		return errors.New(strings.TrimSuffix("BUILD files are stale: the difference is above; "+said, "; "))
	}
	if err != nil {
		return fmt.Errorf("running gazelle: %w: %s", err, said)
	}
	return unresolved(stderr.String())
}

// noModule matches gazelle's message about an import whose rule it does not know. It is no error
// to gazelle. Packages of the standard library, whose paths begin without a dot, need no rule.
var noModule = regexp.MustCompile(`finding module path for import ([^ :/]+\.[^ :]+)`)

// unresolved returns an error for each import without a rule.
func unresolved(said string) error {
	var errs []error
	seen := map[string]bool{}
	for _, m := range noModule.FindAllStringSubmatch(said, -1) {
		if !seen[m[1]] {
			errs = append(errs, fmt.Errorf("import %q has no rule: add its first elements to gazelle:resolve_regexp in BUILD.bazel", m[1]))
		}
		seen[m[1]] = true
	}
	return errors.Join(errs...)
}
