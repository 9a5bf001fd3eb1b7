package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// A sizeWorkspace is a copy of the checkout with the generated line, a store, and a Bazel
// server. It has a disk cache of its own.
type sizeWorkspace struct {
	dir, root, base, store string
	environ                []string
	resolve                string // the programs
	publish, verify        string
	license                string  // the content of the source's file LICENSE
	actions                int     // of the last build
	peak                   float64 // memory of the last program but Bazel, in bytes, or 0
}

// newSizeWorkspace copies the checkout and the user's store, which is linked where that is
// possible: its files never change.
func newSizeWorkspace(ctx context.Context, dir string) (*sizeWorkspace, error) {
	w := &sizeWorkspace{dir: dir, root: filepath.Join(dir, "workspace"), base: filepath.Join(dir, "base"), store: filepath.Join(dir, "store")}
	w.environ = environ.User("RELEASE_STORE="+w.store, "RELEASE_DISK_CACHE="+filepath.Join(dir, "disk"))
	from, err := checkout(ctx)
	if err != nil {
		return nil, err
	}
	license, err := os.ReadFile(filepath.Join(from, "LICENSE"))
	if err != nil {
		return nil, err
	}
	w.license = string(license)
	for _, c := range []struct {
		to      *string
		command string
	}{{&w.resolve, "resolve"}, {&w.publish, "publish"}, {&w.verify, "verify"}} {
		if *c.to, err = goBuild(ctx, dir, "github.com/jasonwzm/release-builder/tools/"+c.command); err != nil {
			return nil, err
		}
	}
	if err := copyTree(ctx, w.root, from, notOfWorkspace); err != nil {
		return nil, fmt.Errorf("copying the checkout: %w", err)
	}
	users, err := store.DefaultDir(os.Getenv)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(users); errors.Is(err, fs.ErrNotExist) {
		return w, nil // Bazel and resolve fetch what is missing
	}
	if err := copyTree(ctx, w.store, users, func(string) bool { return false }); err != nil {
		return nil, fmt.Errorf("copying the store: %w", err)
	}
	return w, nil
}

// notOfWorkspace reports whether a path in the checkout is of git, Bazel or the developer.
func notOfWorkspace(rel string) bool {
	return rel == ".git" || rel == "user.bazelrc" || strings.HasPrefix(rel, "bazel-")
}

// copyTree makes to a copy of the regular files of a directory, except those that skip names.
func copyTree(ctx context.Context, to, from string, skip func(rel string) bool) error {
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		switch {
		case err != nil:
			return err
		case skip(rel) && d.IsDir():
			return fs.SkipDir
		case skip(rel):
			return nil
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		if os.Link(name, filepath.Join(to, rel)) == nil {
			return nil
		}
		info, err := d.Info()
		if err == nil {
			_, err = copyFile(filepath.Join(to, rel), name, info.Mode().Perm())
		}
		return err
	})
}

// write replaces the line, the product and the source.
func (w *sizeWorkspace) write(p sizeProduct) error {
	source := filepath.Join(w.dir, "source")
	for _, dir := range []string{source, filepath.Join(w.root, "release", sizeLine)} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return errors.Join(writeFiles(w.root, p.line()), writeFiles(source, p.source(w.license)))
}

// edit writes the files that differ between two products of one size.
func (w *sizeWorkspace) edit(p sizeProduct) error {
	manifest, edited := "manifests/size/manifest.yaml", sizeEdited
	return errors.Join(
		writeFiles(w.root, map[string]string{manifest: p.line()[manifest]}),
		writeFiles(filepath.Join(w.dir, "source"), map[string]string{edited: p.source(w.license)[edited]}))
}

func writeFiles(dir string, files map[string]string) error {
	for name, content := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(content), 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// lock resolves the line.
func (w *sizeWorkspace) lock(ctx context.Context) error {
	return w.run(ctx, 0, w.resolve, "--root", w.root, "--manifest", filepath.Join(w.root, "manifests", sizeLine, "manifest.yaml"), "--store", w.store)
}

var totalActions = regexp.MustCompile(`(\d+) total actions?`)

// build builds the release and counts the actions.
func (w *sizeWorkspace) build(ctx context.Context) error {
	out, err := w.bazel(ctx, "build", "//release:all")
	if err != nil {
		return err
	}
	found := totalActions.FindStringSubmatch(out)
	if found == nil {
		return fmt.Errorf("reading the number of actions from Bazel's output %q: there is none", out)
	}
	w.actions, err = strconv.Atoi(found[1])
	return err
}

// bazel runs a Bazel command and returns what it printed.
func (w *sizeWorkspace) bazel(ctx context.Context, args ...string) (string, error) {
	cmd := environ.Command(ctx, w.environ, filepath.Join(w.root, "tools", "bazel"), append([]string{"--output_base=" + w.base}, args...)...)
	cmd.Dir = w.root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("running bazel %q: %w\n%s", args, err, tail(string(out)))
	}
	return string(out), nil
}

// memory returns what the Bazel server's heap has after garbage collection, and the server's
// peak resident memory, in bytes. The second is 0 where the system does not tell.
func (w *sizeWorkspace) memory(ctx context.Context) (heap, peak float64, err error) {
	out, err := w.bazel(ctx, "info", "used-heap-size-after-gc", "server_pid")
	if err != nil {
		return 0, 0, err
	}
	pid := ""
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "used-heap-size-after-gc":
			heap, err = parseHeap(value)
		case "server_pid":
			pid = value
		}
	}
	if err != nil || heap == 0 || pid == "" {
		return 0, 0, errors.Join(err, fmt.Errorf("bazel info: got %q, want a heap size and a process", tail(out)))
	}
	return heap, peakMemory(pid), nil
}

// parseHeap parses a size as Bazel prints it, such as 66MB, where a MB has 1<<20 bytes.
func parseHeap(text string) (float64, error) {
	for i, unit := range []string{"KB", "MB", "GB"} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseFloat(number, 64)
			return n * float64(int64(1)<<(10*(i+1))), err
		}
	}
	return strconv.ParseFloat(strings.TrimSuffix(text, "B"), 64)
}

// publishStatus is the exit status of publish --plan with changes.
const publishStatus = 3

// plan plans the publication of the release to the stage, which is a directory.
func (w *sizeWorkspace) plan(ctx context.Context) error {
	return w.run(ctx, publishStatus, w.publish, "--stage", "--plan", "--state", w.state())
}

func (w *sizeWorkspace) stage(ctx context.Context) error {
	return w.run(ctx, 0, w.publish, "--stage", "--state", w.state())
}

// check verifies what is on the stage.
func (w *sizeWorkspace) check(ctx context.Context, version string) error {
	return w.run(ctx, 0, w.verify, "--stage", version, "--state", w.state())
}

func (w *sizeWorkspace) state() string { return filepath.Join(w.dir, "state") }

// run runs a program as bazel run would, and takes its peak memory.
func (w *sizeWorkspace) run(ctx context.Context, status int, program string, args ...string) error {
	cmd := environ.Command(ctx, append(w.environ, "RELEASE_LINE="+sizeLine,
		"RELEASE_DIR="+filepath.Join(w.root, "bazel-bin", "release", "all"),
		"RELEASE_DESTINATIONS="+filepath.Join(w.root, "manifests", sizeLine, "destinations.yaml")), program, args...)
	cmd.Dir = w.root
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	var err error
	w.peak, err = runPeak(cmd)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == status {
		err = nil
	} else if err == nil && status != 0 {
		err = fmt.Errorf("exit status: got 0, want %d", status)
	}
	if err != nil {
		return fmt.Errorf("running %s %q: %w\n%s", filepath.Base(program), args, err, tail(out.String()))
	}
	return nil
}

// stop stops the Bazel server.
func (w *sizeWorkspace) stop(ctx context.Context) error {
	_, err := w.bazel(ctx, "shutdown")
	return err
}

// close stops the server and makes what it wrote removable.
func (w *sizeWorkspace) close() error {
	err := w.stop(context.Background())
	// What Bazel fetched and built may be read-only.
	_ = environ.Command(context.Background(), environ.Tool(), "chmod", "-R", "u+w", w.base, w.store).Run()
	return err
}
