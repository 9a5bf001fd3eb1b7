package gitsource

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

const (
	defaultTimeout  = 60 * time.Second
	defaultAttempts = 3
	defaultBackoff  = time.Second
	defaultMaxFetch = 4 << 30
	maxOutput       = 64 << 20 // of one command, in bytes
	maxStderr       = 64 << 10 // only its end is kept
	// maxAlloc is the largest block of memory that git may allocate. Objects that it does
	// not stream, such as trees and deltas, have to fit in. A pack of some KB can claim that
	// an object has any number of GiB.
	maxAlloc = "96m"
	// maxData limits the memory of a process, in bytes, where the system can do that: a
	// server's list of refs may never end.
	maxData = 224 << 20
	// maxProgress limits git's progress output, in bytes: a server's own messages may never
	// end.
	maxProgress = 4 << 20
)

// git is the command, in a directory.
type git struct {
	command    string
	dir        string   // the working directory
	repository string   // --git-dir; empty if git finds it from dir
	access     []string // of environ.GitAccess; none if git asks no server
	stdin      io.Reader
}

// arguments are the first arguments of every run: git runs no program that a repository or
// its server names, and does nothing in the background.
func (g git) arguments(config []string, args []string) []string {
	var all []string
	if g.repository != "" {
		all = append(all, "--git-dir="+g.repository)
	}
	always := []string{
		"core.hooksPath=/dev/null", "core.fsmonitor=false", "gc.auto=0", "maintenance.auto=false", "core.bigFileThreshold=16m",
		"core.deltaBaseCacheLimit=32m",
	}
	for _, c := range slices.Concat(always, config) {
		all = append(all, "-c", c)
	}
	return append(all, args...)
}

// offline keeps git from fetching what a repository lacks.
func offline() []string { return []string{"protocol.allow=never"} }

func online(timeout time.Duration) []string {
	return []string{
		"protocol.allow=never", "protocol.http.allow=always", "protocol.https.allow=always", "protocol.ssh.allow=always", "protocol.file.allow=always",
		"protocol.version=2", "transfer.bundleURI=false",
		"fetch.recurseSubmodules=false", "fetch.writeCommitGraph=false", "fetch.fsckObjects=false", "fetch.unpackLimit=1",
		"fetch.prune=false", "fetch.pruneTags=false", "core.fsync=none",
		"http.lowSpeedLimit=1", fmt.Sprintf("http.lowSpeedTime=%d", max(1, int(timeout.Seconds()))),
	}
}

// start returns a process that ends when ctx ends, with all processes that it started.
func (g git) start(ctx context.Context, config []string, args ...string) *exec.Cmd {
	env := environ.Git(slices.Concat(g.access, []string{"GIT_ALLOC_LIMIT=" + maxAlloc, "GIT_CEILING_DIRECTORIES=" + filepath.Dir(g.dir)})...)
	cmd := environ.Command(ctx, env, g.command, g.arguments(config, args)...)
	cmd.Dir, cmd.Stdin = g.dir, g.stdin
	cmd.WaitDelay = time.Minute // the end of the group closes the pipes; a busy machine needs time to read them
	ownGroup(cmd)
	return cmd
}

// launch starts a process whose memory, with that of its children, is limited.
func launch(cmd *exec.Cmd) error {
	err := cmd.Start()
	if err == nil {
		limitData(cmd.Process.Pid, maxData)
	}
	return err
}

func launchAndWait(cmd *exec.Cmd) error {
	if err := launch(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// local runs git without the network and returns its output.
func (g git) local(ctx context.Context, args ...string) ([]byte, error) {
	cmd := g.start(ctx, offline(), args...)
	stdout, stderr := &limited{max: maxOutput}, &tail{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := launchAndWait(cmd); err != nil {
		return nil, cmp.Or(ctx.Err(), stdout.err, explain(err, stderr.String()))
	}
	return stdout.Bytes(), nil
}

// network runs a git command that talks to a server, until the server sends nothing for
// too long.
func (c *Client) network(ctx context.Context, g git, w Want, args ...string) ([]byte, error) {
	return c.exchange(ctx, g, func(err error, _, stderr string) error { return explain(err, w.hide(stderr)) }, args...)
}

// exchange is network with another function to explain git's output if it fails.
func (c *Client) exchange(ctx context.Context, g git, explain func(err error, stdout, stderr string) error, args ...string) ([]byte, error) {
	timeout := cmp.Or(c.Timeout, defaultTimeout)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var err error
	if g.access, err = environ.GitAccess(ctx, g.command); err != nil {
		return nil, err
	}
	if c.Token != "" {
		g.access = environ.GitToken(g.access, c.TokenFor, c.Token)
		plain := explain
		explain = func(err error, stdout, stderr string) error {
			return plain(err, strings.ReplaceAll(stdout, c.Token, "xxxxx"), strings.ReplaceAll(stderr, c.Token, "xxxxx"))
		}
	}
	cmd := g.start(ctx, online(timeout), args...)
	stdout, stderr := &limited{max: maxOutput}, &tail{progress: c.Progress}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := launch(cmd); err != nil {
		return nil, err
	}
	counts := func() (out, progress int64) { return stdout.count.Load(), stderr.count.Load() }
	go watch(ctx, cancel, timeout, cmp.Or(c.MaxFetch, defaultMaxFetch), g.dir, counts)
	if err := cmd.Wait(); err != nil {
		if cause := cmp.Or(context.Cause(ctx), stdout.err); cause != nil {
			return nil, cause
		}
		return nil, explain(err, stdout.String(), stderr.String())
	}
	if size := sizeOf(g.dir); size > cmp.Or(c.MaxFetch, defaultMaxFetch) {
		return nil, tooLarge(size, cmp.Or(c.MaxFetch, defaultMaxFetch))
	}
	return stdout.Bytes(), nil
}

// watch ends a run that makes no progress or fills the disk.
func watch(ctx context.Context, cancel context.CancelCauseFunc, timeout time.Duration, maxSize int64, dir string, said func() (out, progress int64)) {
	tick := time.NewTicker(max(10*time.Millisecond, min(timeout/10, 500*time.Millisecond)))
	defer tick.Stop()
	var seen int64
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			size := sizeOf(dir)
			if size > maxSize {
				cancel(tooLarge(size, maxSize))
				return
			}
			out, progress := said()
			if progress > maxProgress {
				cancel(fmt.Errorf("%w: it sent more than %d bytes of progress messages", ErrGarbage, maxProgress))
				return
			}
			if total := size + out + progress; total != seen {
				seen, last = total, now
			} else if now.Sub(last) >= timeout {
				err := &gitError{kind: ErrSilent, text: "", retry: true, err: fmt.Errorf("nothing arrived for %v", timeout)}
				cancel(hint.With(err, "try again later"))
				return
			}
		}
	}
}

func tooLarge(got, want int64) error {
	return hint.With(fmt.Errorf("%w: got %d bytes, want at most %d", ErrTooLarge, got, want), "raise the limit if the repository is what you expect")
}

// sizeOf returns the sum of the sizes of the files below dir, in bytes.
func sizeOf(dir string) (size int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // files come and go
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	return size
}

// retry calls f again if that may help, after a growing pause with jitter.
func (c *Client) retry(ctx context.Context, f func() error) error {
	r := web.Retry{Attempts: cmp.Or(c.Attempts, defaultAttempts), Pause: cmp.Or(c.Backoff, defaultBackoff)}
	r.May = func(err error) (time.Duration, bool) { return 0, temporary(err) }
	if c.Log != nil {
		r.Log = func(format string, args ...any) { c.Log(fmt.Sprintf(format, args...)) }
	}
	return r.Do(ctx, func(int) error { return f() })
}

// limited is a buffer with a maximum size.
type limited struct {
	bytes.Buffer
	max   int
	count atomic.Int64
	err   error
}

func (l *limited) Write(p []byte) (int, error) {
	l.count.Add(int64(len(p)))
	if l.Len()+len(p) > l.max {
		l.err = fmt.Errorf("git printed more than %d bytes", l.max)
		return 0, l.err
	}
	return l.Buffer.Write(p)
}
