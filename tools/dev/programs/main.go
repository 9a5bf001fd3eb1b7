// Programs builds well-known programs as releases, and compares them byte for byte with
// what `go install` builds from the same versions.
//
//	go run ./tools/dev/programs [-platforms linux-amd64,…] [-keep DIR] [NAME…]
//
// For each program it takes the steps of docs/tutorial.md, in a copy of this checkout:
// //release:init makes a line of the module, Bazel builds the release, //release:rebuild
// builds its programs again with the go command alone and compares, and //release:publish
// publishes it to the stage, twice. It prints a row for each program: the module, how many
// programs are identical, the seconds that each step took, and the first line of an error.
// Modules come from the user's module proxy. The exit status is 1 if a program fails or
// differs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

const name = "programs"

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	platforms := fs.String("platforms", "linux-amd64,osx-arm64,win-amd64", "build for these `PLATFORMS`")
	keep := fs.String("keep", "", "keep the copy of the checkout and Bazel's output in `DIR`")
	if status, ok := cli.ParseFlags(fs, args, stderr); !ok {
		return status
	}
	chosen, err := choose(fs.Args())
	if err != nil {
		return cli.UsageError(stderr, name, "%v", err)
	}
	if err := check(ctx, chosen, *platforms, *keep, stdout); err != nil {
		return cli.Fail(stderr, name, err)
	}
	return cli.OK
}

// choose returns the named programs, or all.
func choose(names []string) ([]program, error) {
	if len(names) == 0 {
		return table, nil
	}
	var chosen []program
	for _, n := range names {
		i := slices.IndexFunc(table, func(p program) bool { return p.name == n })
		if i < 0 {
			return nil, fmt.Errorf("program %q: want one of those in tools/dev/programs/table.go", n)
		}
		chosen = append(chosen, table[i])
	}
	return chosen, nil
}

func check(ctx context.Context, chosen []program, platforms, keep string, stdout io.Writer) (err error) {
	dir := keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "programs-*"); err != nil {
			return err
		}
	}
	w := &workspace{dir: filepath.Join(dir, "workspace"), base: filepath.Join(dir, "base"), cache: filepath.Join(dir, "gocache"),
		state: filepath.Join(dir, "state"), outcomes: filepath.Join(dir, "outcomes.json")}
	defer func() {
		w.stop()
		if keep == "" {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err := w.copy(ctx); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "| program | module | identical | init | build | go install | stage | |\n|---|---|---|---|---|---|---|---|\n")
	var different []error
	for _, p := range chosen {
		r := w.try(ctx, p, platforms)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Fprintf(stdout, "| %s | %s@%s | %d of %d | %s | %s |\n", p.name, p.module, p.version, r.identical, r.programs, strings.Join(r.seconds[:], " | "), r.problem)
		if r.problem != "" {
			different = append(different, fmt.Errorf("program %s: %d of %d are identical: %s", p.name, r.identical, r.programs, r.problem))
		}
	}
	return errors.Join(different...)
}

// workspace is a copy of the checkout, with a Bazel of its own.
type workspace struct{ dir, base, cache, state, outcomes string }

// copy copies the checkout's tracked files, as they are on disk.
func (w *workspace) copy(ctx context.Context) error {
	out, err := environ.Command(ctx, environ.User(), "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("finding the checkout: %w", err)
	}
	if err := os.RemoveAll(w.dir); err != nil {
		return err
	}
	root := filepath.Dir(strings.TrimSpace(string(out)))
	cmd := environ.Command(ctx, environ.User(), "git", "-C", root, "ls-files", "-z")
	files, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("listing the checkout: %w", err)
	}
	for file := range strings.SplitSeq(strings.TrimSuffix(string(files), "\x00"), "\x00") {
		if err := copyFile(filepath.Join(root, file), filepath.Join(w.dir, file)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, info.Mode().Perm()))
}

// result is the outcome for one program.
type result struct {
	programs, identical int       // on all platforms
	seconds             [4]string // to init, to build, to build again, and to publish
	problem             string
}

func (w *workspace) try(ctx context.Context, p program, platforms string) (r result) {
	if err := os.Remove(w.outcomes); err != nil && !errors.Is(err, os.ErrNotExist) {
		r.problem = err.Error()
		return r
	}
	publish := []string{"run", "//release:publish", "--", "--stage", "--state", w.state}
	steps := [][]string{
		{"run", "//release:init", "--", "--name", p.name, "--module", p.module + "@" + p.version, "--platforms", platforms},
		{"build", "//release:all"},
		{"run", "//release:rebuild", "--", "--go-cache", w.cache, "--json", w.outcomes},
		publish, publish,
	}
	var all string
	for i, args := range steps {
		start := time.Now()
		line := p.name
		if i == 0 {
			line = "toolbox" // the new one is not there yet
		}
		out, err := w.bazel(ctx, line, args...)
		all += out
		if i < len(r.seconds) {
			r.seconds[i] = fmt.Sprintf("%.0f s", time.Since(start).Seconds())
		}
		if err != nil {
			r.problem = reason(out)
			break
		}
	}
	r.read(p, w.outcomes, all)
	return r
}

// outcome is what //release:rebuild says of a program on a platform.
type outcome struct {
	Program   string `json:"program"`
	Identical bool   `json:"identical"`
	Text      string `json:"text"`
}

// read reads what came out of the steps: the outcomes, and what was printed.
func (r *result) read(p program, file, out string) {
	var outcomes []outcome
	if err := jsonfile.Read(file, &outcomes); err != nil && r.problem == "" {
		r.problem = err.Error()
	}
	found := false
	for _, o := range outcomes {
		r.programs++
		if o.Identical {
			r.identical++
		}
		found = found || strings.HasPrefix(o.Program, p.name+" ")
	}
	switch {
	case r.problem != "":
	case !found:
		r.problem = "the release has no program " + p.name
	case !strings.Contains(out, " to stage: 0 changes"):
		r.problem = "published again, the release has changes"
	}
}

func (w *workspace) bazel(ctx context.Context, line string, args ...string) (string, error) {
	args = append([]string{"--output_base=" + w.base, args[0], "--repo_env=RELEASE_LINE=" + line, "--color=no", "--curses=no"}, args[1:]...)
	cmd := environ.Command(ctx, environ.User(), filepath.Join(w.dir, "tools", "bazel"), args...)
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// reason returns the line of Bazel's output that has the error.
func reason(out string) string {
	var first string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		for _, mark := range []string{"init: error: ", "resolve: error: ", "publish: error: ", "rebuild: error: ", "fetch: error: ", "Error in fail: ", "compilepkg: "} {
			if _, after, ok := strings.Cut(line, mark); ok {
				return strings.ReplaceAll(after, "|", "/")
			}
		}
		if first == "" && strings.HasPrefix(line, "ERROR: ") {
			first = line
		}
	}
	return strings.ReplaceAll(first, "|", "/")
}

// stop ends the Bazel server, and makes the files that it fetched deletable.
func (w *workspace) stop() {
	ctx := context.Background()
	_, _ = w.bazel(ctx, "toolbox", "shutdown")
	_ = environ.Command(ctx, environ.Tool(), "chmod", "-R", "u+w", w.base).Run()
}
