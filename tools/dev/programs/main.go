// Programs builds well-known programs as releases, and compares them byte for byte with
// what `go install` builds from the same versions.
//
//	go run ./tools/dev/programs [-platforms linux-amd64,…] [-keep DIR] [NAME…]
//
// For each program it makes a line in a copy of this checkout: tools/resolve pins the
// module, Bazel builds the release, //release:rebuild builds the programs again with the
// go command alone, and compares. It prints a row for each program: the module, how many
// platforms are identical, the seconds that each step took, and the first line of an
// error. Modules come from the user's module proxy. The exit status is 1 if a program
// fails or differs.
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
)

const name = "programs"

func main() { cli.Main(run) }

// line is the name of the line.
const line = "programs"

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
	if err := check(ctx, chosen, strings.Split(*platforms, ","), *keep, stdout); err != nil {
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

func check(ctx context.Context, chosen []program, platforms []string, keep string, stdout io.Writer) (err error) {
	dir := keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "programs-*"); err != nil {
			return err
		}
	}
	w := &workspace{dir: filepath.Join(dir, "workspace"), base: filepath.Join(dir, "base"), cache: filepath.Join(dir, "gocache")}
	defer func() {
		w.stop()
		if keep == "" {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err := w.copy(ctx); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "| program | module | identical | resolve | build | go install | |\n|---|---|---|---|---|---|---|\n")
	var different []error
	for _, p := range chosen {
		r := w.try(ctx, p, platforms)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Fprintf(stdout, "| %s | %s@%s | %d of %d | %s | %s | %s | %s |\n", p.name, p.module, p.version, r.identical, len(platforms), r.seconds[0], r.seconds[1], r.seconds[2], r.problem)
		as := r.identical == len(platforms) && r.problem == ""
		if p.refused != "" {
			as = strings.Contains(r.problem, p.refused)
		}
		if !as {
			different = append(different, fmt.Errorf("program %s: %d of %d are identical: %s", p.name, r.identical, len(platforms), r.problem))
		}
	}
	return errors.Join(different...)
}

// workspace is a copy of the checkout, with a Bazel of its own.
type workspace struct{ dir, base, cache string }

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
	identical int
	seconds   [3]string // to resolve, to build, and to build again
	problem   string
}

func (w *workspace) try(ctx context.Context, p program, platforms []string) (r result) {
	if err := w.write(p, platforms); err != nil {
		r.problem = err.Error()
		return r
	}
	for i, args := range [][]string{{"run", "//tools/resolve"}, {"build", "//release:all"}, {"run", "//release:rebuild", "--", "--go-cache", w.cache}} {
		start := time.Now()
		out, err := w.bazel(ctx, args...)
		r.seconds[i] = fmt.Sprintf("%.0f s", time.Since(start).Seconds())
		r.identical = strings.Count(out, ": identical, sha256:")
		if err != nil {
			r.problem = reason(out)
			return r
		}
	}
	return r
}

func (w *workspace) bazel(ctx context.Context, args ...string) (string, error) {
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
		for _, mark := range []string{"resolve: error: ", "rebuild: error: ", "fetch: error: ", "Error in fail: ", "compilepkg: "} {
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
	_, _ = w.bazel(ctx, "shutdown")
	_ = environ.Command(ctx, environ.Tool(), "chmod", "-R", "u+w", w.base).Run()
}
