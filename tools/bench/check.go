package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
)

const (
	checkGoal    = 0.15 // seconds beyond the requests
	checkCommand = "github.com/jasonwzm/release-builder/tools/resolve"
	checkFiles   = 1_000 // of each repository
)

// checkBench has `resolve --check` look at a line that is locked and whose
// sources are in the store, against the requests that it has to make for that,
// all at the same time: what the branches point to now. The repositories are
// behind git http-backend on loopback.
type checkBench struct {
	root     string // of the checkout
	dir      string
	command  string   // the resolve command
	server   string   // URL
	branches []string // the repositories that the manifest names by a branch
	pinned   []string // those that the primary dependency's deps file names by a commit
}

func checkBenchmark(files int) Benchmark {
	return Benchmark{Name: "check", Run: func(ctx context.Context, e *Env) ([]Row, error) {
		b := &checkBench{
			dir:      e.Dir,
			branches: []string{"app", "api", "client", "tools", "docs", "proxy", "charts"},
			pinned:   []string{"data", "schema", "images"},
		}
		var err error
		if b.root, err = checkout(ctx); err != nil {
			return nil, err
		}
		e.Logf("building the resolve command and making the repositories")
		if b.command, err = goBuild(ctx, e.Dir, checkCommand); err != nil {
			return nil, err
		}
		stop, err := b.prepare(ctx, files)
		if err != nil {
			return nil, err
		}
		defer stop()
		e.Notef("line: %d git repositories of %d files, %d of them on branches; git http-backend on loopback", len(b.branches)+len(b.pinned), files, len(b.branches))
		times, err := e.Race(ctx,
			Contender{"resolve --check", func(ctx context.Context) error { return b.resolve(ctx, "--check") }},
			Contender{"git ls-remote", b.listRemotes})
		if err != nil {
			return nil, err
		}
		row := AtMost("resolve --check, warm, minus git ls-remote of each branch", seconds, beyond(times[0], times[1]), checkGoal)
		return []Row{row}, nil
	}}
}

// beyond returns by how much the values are above the others, round by round.
func beyond(ours, peer Sample) (all Sample) {
	for i := range ours {
		all = append(all, ours[i]-peer[i])
	}
	return all
}

// prepare makes and serves the repositories, writes the line's manifest and
// resolves it for the first time.
func (b *checkBench) prepare(ctx context.Context, files int) (stop func(), err error) {
	stop, err = b.serve(ctx)
	if err != nil {
		return nil, err
	}
	if err = b.repositories(ctx, files); err == nil {
		if err = b.manifest(); err == nil {
			err = b.resolve(ctx)
		}
	}
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

func (b *checkBench) repositories(ctx context.Context, files int) error {
	type dep struct {
		Name          string `json:"repoName"`
		File          string `json:"file"`
		LastStableSHA string `json:"lastStableSHA"`
	}
	var deps []dep
	for i, name := range slices.Concat(b.pinned, b.branches) { // each knows the commits of those before
		content, err := json.Marshal(deps)
		if err != nil {
			return err
		}
		repo := filepath.Join(b.dir, "repos", name)
		err = makeRepo(ctx, repo, func(w *bufio.Writer) {
			tree{files: files, seed: uint64(i)}.write(w)
			writeFile(w, name+".deps", content)
		})
		if err != nil {
			return err
		}
		commit, err := runIn(ctx, repo, nil, "git", "rev-parse", "main")
		if err != nil {
			return err
		}
		deps = append(deps, dep{name, "", commit})
	}
	return nil
}

func (b *checkBench) manifest() error {
	var text strings.Builder
	fmt.Fprintf(&text, "version: 1.0.0\nplatforms: [linux-amd64]\ndependencies:\n")
	for i, name := range b.branches {
		fmt.Fprintf(&text, "  %s: {git: %s, branch: main%s}\n", name, b.url(name), map[bool]string{true: ", primary: true"}[i == 0])
	}
	for _, name := range b.pinned {
		fmt.Fprintf(&text, "  %s: {git: %s, auto: deps}\n", name, b.url(name))
	}
	if err := os.MkdirAll(filepath.Dir(b.file()), 0o755); err != nil {
		return err
	}
	return os.WriteFile(b.file(), []byte(text.String()), 0o644)
}

func (b *checkBench) file() string           { return filepath.Join(b.dir, "line", "manifest.yaml") }
func (b *checkBench) url(name string) string { return b.server + "/" + name }

// resolve runs the command, which has to find the lock as it should be.
func (b *checkBench) resolve(ctx context.Context, flags ...string) error {
	args := append([]string{b.command, "--root", b.root, "--manifest", b.file(), "--store", filepath.Join(b.dir, "store")}, flags...)
	_, err := runIn(ctx, b.dir, nil, args...)
	return err
}

func (b *checkBench) listRemotes(ctx context.Context) error {
	errs := make([]error, len(b.branches))
	var group sync.WaitGroup
	for i, name := range b.branches {
		group.Go(func() {
			_, errs[i] = runIn(ctx, b.dir, nil, "git", "ls-remote", "--quiet", b.url(name), "refs/heads/main")
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// serve serves the repositories by git http-backend.
func (b *checkBench) serve(ctx context.Context) (stop func(), err error) {
	out, err := environ.Command(ctx, environ.Git(), "git", "--exec-path").Output()
	if err != nil {
		return nil, fmt.Errorf("running git --exec-path: %w", err)
	}
	root := filepath.Join(b.dir, "repos")
	backend := &cgi.Handler{
		Path:   filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"),
		Env:    environ.Git("GIT_PROJECT_ROOT="+root, "GIT_HTTP_EXPORT_ALL=1"),
		Stderr: io.Discard,
	}
	b.server, stop, err = listen(backend)
	return stop, err
}

// listen serves on loopback until stop is called.
func listen(h http.Handler) (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h}
	go server.Serve(listener) // ends with an error, always: that it was closed
	return "http://" + listener.Addr().String(), func() { server.Close() }, nil
}
