package reproduce

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
)

// A World is what one build sees of the machine: directories, environment, user and host
// name.
type World struct {
	Name string // first or second
	// Dir is where the build runs, the workspace's clone. It does not exist yet.
	Dir string
	// Home, OutputBase and Temp are directories; Cache is the cache of tools/bazel.
	Home, OutputBase, Temp, Cache string
	// Sandboxes is where Bazel makes its sandboxes; empty: in OutputBase.
	Sandboxes string
	// Reorder creates files in reverse order.
	Reorder bool
	// Jobs is Bazel's --jobs.
	Jobs int
	// Remote is the --config with which Bazel uses another machine; empty: none.
	Remote string
	// Actions writes a log of what each action gave.
	Actions bool
	// Rebuild also builds the programs with the go command.
	Rebuild bool
	// Environ is the whole environment of a command.
	Environ []string
	view    view
	marks   map[string]Variation
}

// view is what a command enters before it starts: see Enter.
type view struct {
	// UID and GID are the user's ids in a user namespace; UID 0 means no namespace.
	UID int `json:"uid,omitempty"`
	GID int `json:"gid,omitempty"`
	// Host is the machine's name in a UTS namespace; empty is none.
	Host string `json:"host,omitempty"`
	// Mounts are files that replace others: path → file.
	Mounts map[string]string `json:"mounts,omitempty"`
	// Umask is the umask in octal; empty keeps it.
	Umask string `json:"umask,omitempty"`
	// CPUs are the CPUs that may be used; nil keeps them.
	CPUs []int `json:"cpus,omitempty"`
}

func (v view) namespaces() bool { return v.UID != 0 || v.Host != "" }

func (v view) empty() bool { return !v.namespaces() && v.Umask == "" && v.CPUs == nil }

// grace is the time that a command has to end after an interrupt.
const grace = 20 * time.Second

// Command returns a command that runs in the world, in its Dir. When ctx ends, it is
// interrupted, and after a grace period killed.
func (w *World) Command(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	cmd := environ.Command(ctx, w.Environ, name, args...)
	if !w.view.empty() {
		if err := w.view.wrap(cmd); err != nil {
			return nil, err
		}
	}
	cmd.Dir = w.Dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = grace
	return cmd, nil
}

// prepare makes the world's directories, except Dir.
func (w *World) prepare() error {
	for _, dir := range []string{w.Home, w.Temp, w.Cache, filepath.Dir(w.Dir), filepath.Dir(w.OutputBase), w.Sandboxes} {
		if dir == "" {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making the %s build's directories: %w", w.Name, err)
		}
	}
	return nil
}

// remove removes all of the world's directories.
func (w *World) remove() error {
	var first error
	for _, dir := range []string{w.Dir, w.Home, w.OutputBase, w.Temp, w.Cache, w.Sandboxes} {
		if dir == "" {
			continue
		}
		if err := removeAll(dir); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// removeAll is os.RemoveAll that also removes read-only directories, such as those of Bazel
// and the go command.
func removeAll(dir string) error {
	if err := os.RemoveAll(dir); err == nil {
		return nil
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// environment sets and removes variables.
type environment map[string]string

func newEnvironment(environ []string) environment {
	e := environment{}
	for _, s := range environ {
		if name, value, ok := strings.Cut(s, "="); ok && name != "" {
			e[name] = value
		}
	}
	return e
}

func (e environment) list() []string {
	var list []string
	for name, value := range e {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// ofCaller are variables that `bazel run` and `bazel test` set for this process, and paths
// that each world sets itself.
func ofCaller(name string) bool {
	for _, prefix := range []string{"BUILD_", "RUNFILES_", "TEST_", "JAVA_RUNFILES", "PYTHON_RUNFILES", "XDG_", "RELEASE_BAZEL_PROBE", "RELEASE_DIR", "RELEASE_DESTINATIONS", "RELEASE_GO", "RELEASE_LINE", "RELEASE_PROGRAMS"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "PWD", "OLDPWD", "TMPDIR", "SHLVL", "_":
		return true
	}
	return strings.HasPrefix(name, "LC_")
}

// defaultJobs is the default number of actions that run at a time.
func defaultJobs() int { return runtime.NumCPU() }
