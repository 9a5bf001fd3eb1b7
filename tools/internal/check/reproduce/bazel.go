package reproduce

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/check/execlog"
)

// Bazel builds a line in worlds.
type Bazel struct {
	// Line is the line to build.
	Line string
	// Store is the user's store, which has all inputs.
	Store string
	// Cache is the user's cache of tools/bazel, for the Bazel in it; empty: each world has
	// its own.
	Cache string
	// Disk is the user's disk cache, for worlds that use it.
	Disk string
	// Targets are what is built; empty means //release:all.
	Targets []string
	// Logs is the directory for Bazel's output.
	Logs string
	// Linef shows a line of progress.
	Linef func(format string, args ...any)

	// full means that the store has everything; it is known after the first build.
	full *bool
	// programs are those that the go command built.
	programs []Program
}

// Program is a program that the go command also built, from the store alone.
type Program struct {
	Program   string `json:"program"`   // its name and platform, such as age linux/amd64
	Identical bool   `json:"identical"` // to that of the release
	Text      string `json:"text"`
}

// The startup options end a server that is not shut down.
const idle = "--max_idle_secs=600"

// Prepare sets the environment of the world's commands: where everything is.
func (b *Bazel) Prepare(w *World) {
	e := newEnvironment(w.Environ)
	e["RELEASE_CACHE"] = b.Cache
	if b.Cache == "" {
		e["RELEASE_CACHE"] = w.Cache
	}
	if b.Store != "" {
		e["RELEASE_STORE"] = b.Store
	}
	if e["RELEASE_DISK_CACHE"] == "" && b.Disk != "" {
		e["RELEASE_DISK_CACHE"] = b.Disk
	}
	// Otherwise tools/bazel puts them in memory in all worlds.
	e["RELEASE_SANDBOX_BASE"] = "off"
	w.Environ = e.list()
}

// Build builds in the world, whose Dir is a clone, and copies the release to the directory
// out, which must not exist. It shuts down the server, even after an error.
func (b *Bazel) Build(ctx context.Context, w *World, out string) (err error) {
	log, err := os.Create(filepath.Join(b.Logs, w.Name+".log"))
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, b.shutdown(ctx, w, log), log.Close())
	}()
	if err := b.askStore(ctx, w, log); err != nil {
		return err
	}
	targets := b.Targets
	if len(targets) == 0 {
		targets = []string{"//release:all"}
	}
	start := time.Now()
	args := append([]string{"build"}, b.flags(w)...)
	if w.Actions {
		args = append(args, execlog.Flags(b.actionLog(w))...)
	}
	if err := b.run(ctx, w, log, append(args, targets...)...); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return b.failed(w, log.Name(), err)
	}
	b.Linef("%s build: done in %s", w.Name, time.Since(start).Round(time.Second))
	if err := copyRelease(filepath.Join(w.Dir, "bazel-bin", "release", "all"), out); err != nil {
		return fmt.Errorf("copying the %s release: %w", w.Name, err)
	}
	if w.Rebuild {
		return b.rebuild(ctx, w, log)
	}
	return nil
}

// actionLog returns the name of the file with what each action gave.
func (b *Bazel) actionLog(w *World) string { return filepath.Join(b.Logs, w.Name+".actions") }

// rebuild builds the programs of a world's release with the go command.
func (b *Bazel) rebuild(ctx context.Context, w *World, log *os.File) error {
	b.Linef("%s build: building the programs with the go command", w.Name)
	start, name := time.Now(), filepath.Join(w.Dir, "rebuild.json")
	args := append(append([]string{"run"}, b.flags(w)...), "//release:rebuild", "--", "--json", name)
	err := b.run(ctx, w, log, args...)
	if ctx.Err() != nil {
		return err
	}
	// It also fails if a program differs; then it has written the results.
	if readErr := jsonfile.Read(name, &b.programs); readErr != nil {
		return b.failed(w, log.Name(), cmp.Or(err, readErr))
	}
	b.Linef("%s build: the go command built the programs in %s", w.Name, time.Since(start).Round(time.Second))
	return nil
}

// askStore finds out whether the store has everything, by a build that runs no actions.
func (b *Bazel) askStore(ctx context.Context, w *World, log io.Writer) error {
	if b.full != nil {
		return nil
	}
	b.Linef("%s build: checking whether the store has everything", w.Name)
	full := true
	b.full = &full
	err := b.run(ctx, w, log, append([]string{"build", "--nobuild"}, append(b.flags(w), "//release:all")...)...)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		full = false
		b.Linef("warning: the store does not have everything, or the workspace cannot be read; continuing with a network")
	}
	return nil
}

// Full reports whether builds ran with --config=airgap.
func (b *Bazel) Full() bool { return b.full != nil && *b.full }

func (b *Bazel) flags(w *World) []string {
	flags := []string{
		"--repo_env=RELEASE_LINE=" + b.Line, fmt.Sprintf("--jobs=%d", w.Jobs),
		"--color=no", "--curses=no", "--show_progress_rate_limit=5", "--symlink_prefix=bazel-",
	}
	if b.Full() {
		flags = append(flags, "--config=airgap")
	}
	if w.Remote != "" {
		flags = append(flags, "--config="+w.Remote)
	}
	if w.Sandboxes != "" {
		flags = append(flags, "--sandbox_base="+w.Sandboxes)
	}
	return flags
}

// run runs a Bazel command in the world, with the clone's own tools/bazel.
func (b *Bazel) run(ctx context.Context, w *World, log io.Writer, args ...string) error {
	cmd, err := b.command(ctx, w, args...)
	if err != nil {
		return err
	}
	p := &progressWriter{w: log, name: w.Name, linef: b.Linef, start: time.Now(), said: time.Now()}
	cmd.Stdout, cmd.Stderr = p, p
	fmt.Fprintf(log, "\n$ tools/bazel %s\n", strings.Join(args, " "))
	return cmd.Run()
}

func (b *Bazel) command(ctx context.Context, w *World, args ...string) (*exec.Cmd, error) {
	startup := []string{"--output_base=" + w.OutputBase, idle}
	return w.Command(ctx, filepath.Join(w.Dir, "tools", "bazel"), append(startup, args...)...)
}

// shutdown ends the server of the world, also after an interrupt.
func (b *Bazel) shutdown(ctx context.Context, w *World, log io.Writer) error {
	if _, err := os.Stat(filepath.Join(w.OutputBase, "server")); err != nil {
		return nil // none was started
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	cmd, err := b.command(ctx, w, "shutdown")
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("shutting down the server of the %s build: %w", w.Name, err)
	}
	return nil
}

// failed adds the end of Bazel's output to an error.
func (b *Bazel) failed(w *World, log string, err error) error {
	text, readErr := os.ReadFile(log)
	if readErr == nil {
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		for _, l := range lines[max(0, len(lines)-15):] {
			b.Linef("%s build: %s", w.Name, l)
		}
	}
	return hint.With(fmt.Errorf("running the %s build: %w", w.Name, err), "its whole output is in %s", log)
}

// progressWriter passes on Bazel's output, and now and then shows how far it is.
type progressWriter struct {
	w     io.Writer
	name  string
	linef func(format string, args ...any)
	start time.Time

	mu   sync.Mutex
	said time.Time
	line []byte
	last string
}

// actions matches Bazel's progress: [812 / 1,785] …
var actions = regexp.MustCompile(`^\[([0-9,]+) / ([0-9,]+)\]`)

// reading matches Bazel's progress before there are actions.
var reading = regexp.MustCompile(`^(Computing|Loading|Analyzing)\b`)

// every is the time between two lines of progress.
const every = 30 * time.Second

func (p *progressWriter) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, part := range bytes.SplitAfter(data, []byte("\n")) {
		p.line = append(p.line, part...)
		if !bytes.HasSuffix(p.line, []byte("\n")) {
			p.line = p.line[:min(len(p.line), 4096)]
			continue
		}
		if m := actions.FindSubmatch(p.line); m != nil {
			p.last = fmt.Sprintf("%s of %s actions", m[1], m[2])
		} else if reading.Match(p.line) {
			p.last = "reading sources and rules"
		}
		p.line = p.line[:0]
	}
	if now := time.Now(); p.last != "" && now.Sub(p.said) >= every {
		p.said = now
		p.linef("%s build: %s, %s so far", p.name, p.last, now.Sub(p.start).Round(time.Second))
	}
	return p.w.Write(data)
}
