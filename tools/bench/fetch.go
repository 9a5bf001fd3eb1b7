package main

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/fill"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

const (
	fetchGoal = 1.2 // of the time that go mod download takes
	fetchLine = "toolbox"
)

// fetchBench fetches all modules of a line's lock into an empty store. The peer downloads the
// same modules into an empty cache with the go command. Both use a proxy on loopback, so that
// the network does not matter.
type fetchBench struct {
	dir     string
	line    string // the line's directory
	pinned  *lock.Lock
	modules []string // those whose content is fetched, as PATH@VERSION
	proxy   string   // URL
}

func fetchBenchmark() Benchmark {
	return Benchmark{Name: "fetch", Run: func(ctx context.Context, e *Env) ([]Row, error) {
		root, err := checkout(ctx)
		if err != nil {
			return nil, err
		}
		return runFetchBench(ctx, e, filepath.Join(root, "manifests", fetchLine))
	}}
}

func runFetchBench(ctx context.Context, e *Env, line string) ([]Row, error) {
	name := filepath.Join(line, "lock.json")
	l, err := lock.Read(name)
	if err != nil {
		return nil, err
	}
	b := &fetchBench{dir: e.Dir, line: line, pinned: l, modules: contents(l)}
	if len(b.modules) == 0 {
		return nil, fmt.Errorf("lock %q names no modules", name)
	}
	e.Logf("filling the proxy")
	// A store has the form of a proxy: fill ours from the user's proxy.
	full := filepath.Join(e.Dir, "full")
	if err := b.fetch(ctx, full); err != nil {
		return nil, err
	}
	proxyTree := filepath.Join(full, "goproxy")
	size, err := zipBytes(proxyTree)
	if err != nil {
		return nil, err
	}
	e.Notef("line %q: %d modules, zips of %.1f MiB in all, from a proxy on loopback", filepath.Base(line), len(b.modules), float64(size)/(1<<20))
	var stop func()
	if b.proxy, stop, err = listen(http.FileServer(http.Dir(proxyTree))); err != nil {
		return nil, err
	}
	defer stop()
	for name, value := range map[string]string{"GOPROXY": b.proxy, "GONOPROXY": "none", "GOPRIVATE": "", "GOSUMDB": "off"} {
		defer setenv(name, value)()
	}
	times, err := e.Race(ctx,
		Contender{"filling a store", func(ctx context.Context) error { return b.cold(ctx, "store-*", b.fetch) }},
		Contender{"go mod download", func(ctx context.Context) error { return b.cold(ctx, "cache-*", b.download) }})
	if err != nil {
		return nil, err
	}
	return []Row{AtMostTimes("the line's modules, cold, against go mod download", times[0], times[1], fetchGoal)}, nil
}

// contents returns the modules whose content a lock needs, without duplicates.
func contents(l *lock.Lock) []string {
	var all []string
	for i := range l.Dependencies {
		for _, m := range l.Dependencies[i].Modules() {
			if m.Sum != "" {
				all = append(all, m.Path+"@"+m.Version)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// cold calls run with an empty directory. The directory is deleted after the benchmark, so
// that deleting does not count.
func (b *fetchBench) cold(ctx context.Context, pattern string, run func(ctx context.Context, dir string) error) error {
	dir, err := os.MkdirTemp(b.dir, pattern)
	if err != nil {
		return err
	}
	return run(ctx, dir)
}

// fetch fills a store from the proxy, if there is one.
func (b *fetchBench) fetch(ctx context.Context, dir string) error {
	s, err := store.Open(dir)
	if err != nil {
		return err
	}
	f := fill.Filler{Store: s, GoCommand: "go", Dir: b.line}
	return f.Lock(ctx, b.pinned)
}

// download downloads the modules with the go command, in a directory outside of any module.
func (b *fetchBench) download(ctx context.Context, cache string) error {
	settings := []string{"GOMODCACHE=" + cache, "GOFLAGS=-modcacherw", "GOWORK=off"}
	return b.run(ctx, settings, cache, "go", append([]string{"mod", "download"}, b.modules...)...)
}

// run runs a command in a directory, with its settings and the common ones.
func (b *fetchBench) run(ctx context.Context, settings []string, dir, command string, args ...string) error {
	settings = append(settings, "GOTOOLCHAIN=local")
	cmd := environ.Command(ctx, environ.User(settings...), command, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running %q: %w\n%s", filepath.Base(cmd.Path), err, tail(string(out)))
	}
	return nil
}

// setenv sets an environment variable, and returns a function that restores it.
func setenv(name, value string) func() {
	old, had := os.LookupEnv(name)
	_ = os.Setenv(name, value)
	return func() {
		if had {
			_ = os.Setenv(name, old)
		} else {
			_ = os.Unsetenv(name)
		}
	}
}

// zipBytes returns the sum of the sizes of the zips below dir.
func zipBytes(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".zip") {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}

// listen serves on loopback until stop is called.
func listen(h http.Handler) (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h}
	go server.Serve(listener) // always ends with an error: closed
	return "http://" + listener.Addr().String(), func() { server.Close() }, nil
}
