package workspacetest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Workspace is a copy of a workspace, with copies of what its owner has: a store, and a Bazel
// server that builds one line.
type Workspace struct {
	Dir   string // the workspace
	Store string
	Line  string // the line that is built
	// Environ is what Bazel gets, as NAME=value. No module proxy is in it, and no
	// configuration of git: all but the line's own sources is in the store.
	Environ []string
	// Timeout ends a Bazel command; 20 minutes by default.
	Timeout time.Duration

	t    testing.TB
	base string // Bazel's output base
}

// New copies the workspace that a variable names, as Find does, and the store of
// RELEASE_STORE. The server ends with the test.
func New(t testing.TB, variable, line string) *Workspace {
	t.Helper()
	scratch := t.TempDir()
	// Bazel would use TEST_TMPDIR, which belongs to the outer Bazel.
	environ := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "TEST_TMPDIR=") })
	w := &Workspace{
		Dir: filepath.Join(scratch, "workspace"), Store: filepath.Join(scratch, "store"), Line: line,
		Timeout: 20 * time.Minute, t: t, base: filepath.Join(scratch, "base"),
	}
	w.Environ = append(environ, "RELEASE_STORE="+w.Store, "GOPROXY=off", "GOSUMDB=off", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	Copy(t, Find(t, variable), w.Dir)
	CopyTree(t, os.Getenv("RELEASE_STORE"), w.Store, nil)
	t.Cleanup(w.stop)
	return w
}

// Bazel runs a Bazel command for the line and returns its output.
func (w *Workspace) Bazel(command string, args ...string) (string, error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), w.Timeout)
	defer cancel()
	args = append([]string{"--output_base=" + w.base, command, "--repo_env=RELEASE_LINE=" + w.Line, "--color=no", "--curses=no", "--noshow_progress"}, args...)
	cmd := exec.CommandContext(ctx, filepath.Join(w.Dir, "tools", "bazel"), args...)
	cmd.Dir, cmd.Env = w.Dir, w.Environ
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	w.t.Logf("bazel %s: %.1f s", command, time.Since(start).Seconds())
	return out.String(), err
}

// MustBazel is Bazel for a command that has to succeed.
func (w *Workspace) MustBazel(command string, args ...string) string {
	w.t.Helper()
	out, err := w.Bazel(command, args...)
	if err != nil {
		w.t.Fatalf("bazel %s %q: %v\n%s", command, args, err, out)
	}
	return out
}

// Write writes a file of the workspace, and its directory.
func (w *Workspace) Write(name, content string) {
	w.t.Helper()
	at := filepath.Join(w.Dir, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(content), 0o644)); err != nil {
		w.t.Fatal(err)
	}
}

// stop stops the Bazel server and makes the fetched files deletable.
func (w *Workspace) stop() {
	cmd := exec.Command(filepath.Join(w.Dir, "tools", "bazel"), "--output_base="+w.base, "shutdown")
	cmd.Dir, cmd.Env = w.Dir, w.Environ
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Logf("bazel shutdown: %v: %s", err, out)
	}
	if out, err := exec.Command("chmod", "-R", "u+w", w.base).CombinedOutput(); err != nil {
		w.t.Logf("chmod: %v: %s", err, out)
	}
}
