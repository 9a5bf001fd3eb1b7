// Package gomod runs the go command to download and verify modules and to list their
// packages. Modules come from a store, and over the network only if the store lacks them.
package gomod

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// Go runs a go command with a module cache of its own. So every module that it reads is
// verified again, and the cache shows which were read.
type Go struct {
	Command string       // path of the go command
	Store   *store.Store // where modules come from, and where new ones are kept
	Cache   string       // GOMODCACHE: a directory that only this Go uses
	Offline bool         // use no network
	// OwnSums makes a source whose go.sum is not complete an error, as it is for `go build`.
	OwnSums bool

	// Platforms are those for which packages are listed: the targets of a line. Nil for
	// ToolPlatforms.
	Platforms []platform.Platform

	// Progress is told how much of a step, such as "listing packages", is done, and of how
	// many; 0 means unknown. It is safe for concurrent use. Nil tells nobody.
	Progress func(step string, done, total int)
	// Log prints a line for each request to a module proxy that is repeated. It is safe for
	// concurrent use. It may be nil.
	Log func(format string, args ...any)

	network    *atomic.Bool            // whether the store lacked something; nil except during Listed
	downloaded *atomic.Int64           // modules, by all commands that list packages; may be nil
	platform   []string                // variables of one of them; nil for the machine's own
	added      map[module.Version]bool // modules that the go.sum of the source lacks
}

// Download fetches one module, by version or query, into the store, and returns its version.
// There is no go.sum, so the checksum database (GOSUMDB) verifies it.
func (g *Go) Download(ctx context.Context, path, query string) (version string, err error) {
	dir, err := os.MkdirTemp("", "gomod-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	arg := path + "@" + query
	out, err := g.run(ctx, dir, "mod", "download", "-json", arg)
	if err != nil {
		return "", advise(fmt.Errorf("downloading module %s: %w", arg, err))
	}
	var d struct{ Version string }
	if err := json.Unmarshal(out, &d); err != nil {
		return "", fmt.Errorf("downloading module %s: parsing the go command's answer: %w", arg, err)
	}
	return d.Version, nil
}

// NeedsNewerGo reports whether the error means that a module requires a later go command.
func NeedsNewerGo(err error) bool { return strings.Contains(err.Error(), "requires go >= ") }

// advise adds a hint to the go command's error about a source.
func advise(err error) error {
	for _, text := range []string{"missing go.sum entry", "updates to go.mod needed", "no required module provides package", "cannot find module providing package"} {
		if strings.Contains(err.Error(), text) {
			return hint.With(err, "the source's go.mod and go.sum must be complete: run go mod tidy there")
		}
	}
	if NeedsNewerGo(err) {
		return hint.With(err, "the pinned Go SDK is older than the source: pin a later one in release/sources/go_sdk.json")
	}
	return err
}

// run tries the store alone. If that fails and the network may be used, it tries again with
// the user's settings, and keeps what was downloaded.
func (g *Go) run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	return g.runIf(ctx, dir, args, func([]byte) error { return nil })
}

// runIf is run with a function that may reject the answer from the store alone.
func (g *Go) runIf(ctx context.Context, dir string, args []string, enough func(out []byte) error) ([]byte, error) {
	run := func(env []string) ([]byte, error) {
		out, err := g.exec(ctx, dir, env, args)
		if err == nil {
			err = enough(out)
		}
		return out, err
	}
	out, err := run(g.environ("GOPROXY="+g.Store.ProxyURL(), "GONOPROXY=none", "GOPRIVATE=", "GOSUMDB=off", "GOVCS=*:off"))
	if err == nil || g.Offline || ctx.Err() != nil {
		return out, err
	}
	if g.network != nil {
		g.network.Store(true)
	}
	user, err := environ.GoDownloads(ctx, g.Command)
	if err != nil {
		return nil, err
	}
	proxies := user["GOPROXY"]
	err = g.forwarded(proxies, func(goproxy string) (err error) {
		user["GOPROXY"] = g.Store.ProxyURL() + "," + goproxy
		out, err = run(g.environ(environ.List(user)...))
		return err
	})
	if out == nil {
		return nil, err
	}
	if _, statErr := os.Stat(g.downloads()); errors.Is(statErr, fs.ErrNotExist) {
		return out, err // nothing was downloaded
	}
	if _, err := g.Store.ImportModules(g.downloads()); err != nil {
		return nil, err
	}
	return out, err
}

// environ returns the environment of the go command. It writes only to its module cache and
// to the shared build cache.
func (g *Go) environ(settings ...string) []string {
	// A listing needs little memory: with 4 times the default's share for garbage it takes a sixth
	// less CPU.
	return environ.Go(slices.Concat(g.own(), g.platform, []string{"GOGC=400"}, settings)...)
}

func (g *Go) own() []string {
	return []string{"GOCACHE=" + g.buildCache(), "GOMODCACHE=" + g.Cache, "GOPATH=" + filepath.Join(g.Cache, "gopath")}
}

// buildCache returns the launcher's build cache for the go command, or a directory that only
// this Go uses if that is not writable.
func (g *Go) buildCache() string {
	if dir := dirs.Cache(os.Getenv); filepath.IsAbs(dir) {
		dir = filepath.Join(dir, "go-build")
		if err := os.MkdirAll(dir, 0o755); err == nil {
			if f, err := os.CreateTemp(dir, "writable-*"); err == nil {
				_ = errors.Join(f.Close(), os.Remove(f.Name()))
				return dir
			}
		}
	}
	return filepath.Join(g.Cache, "go-build")
}

func (g *Go) exec(ctx context.Context, dir string, env, args []string) ([]byte, error) {
	out, _, err := g.execBoth(ctx, dir, env, args)
	return out, err
}

func (g *Go) execBoth(ctx context.Context, dir string, env, args []string) (out, said []byte, err error) {
	var stdout, stderr bytes.Buffer
	cmd := environ.Command(ctx, env, g.Command, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	if g.Progress != nil {
		cmd.Stderr = &downloading{Go: g, to: &stderr}
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second // after an interrupt, and for the pipes on a busy machine
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		return nil, nil, fmt.Errorf("go %s: %w", strings.Join(args, " "), errors.New(complaint(stdout.Bytes(), stderr.String(), err)))
	}
	return stdout.Bytes(), stderr.Bytes(), nil
}

// downloading tells g.Progress of each module that the go command says it downloads.
type downloading struct {
	*Go
	to *bytes.Buffer
	n  int64 // of this command
}

func (d *downloading) Write(p []byte) (int, error) {
	n, err := d.to.Write(p)
	if count := int64(bytes.Count(d.to.Bytes(), []byte("go: downloading "))); count > d.n {
		all := count
		if d.downloaded != nil {
			all = d.downloaded.Add(count - d.n)
		}
		d.n = count
		d.Progress("downloading modules", int(all), 0)
	}
	return n, err
}

// complaint returns the go command's error message. `go mod download -json` prints it on
// stdout, others on stderr among their progress.
func complaint(stdout []byte, stderr string, err error) string {
	var answer struct{ Error string }
	if json.Unmarshal(stdout, &answer) == nil && answer.Error != "" {
		return environ.Said(answer.Error)
	}
	var lines []string
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, "go: downloading ") && strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return err.Error()
	}
	return environ.Said(strings.Join(lines, ""))
}

func (g *Go) downloads() string { return filepath.Join(g.Cache, "cache", "download") }

// Listed calls list, which lists packages, and returns Modules. If the store lacked something,
// it calls list again, with an empty module cache: when the go command cannot find a package,
// it reads the go.mod files of more modules than it needs, those that the store happens to have.
func (g *Go) Listed(list func() error) ([]lock.GoModule, error) {
	g.network = new(atomic.Bool)
	defer func() { g.network = nil }()
	if err := list(); err != nil {
		return nil, err
	}
	if g.network.Load() {
		if err := os.RemoveAll(g.Cache); err != nil {
			return nil, err
		}
		g.added = nil
		if err := list(); err != nil {
			return nil, err
		}
	}
	return g.Modules()
}

// Modules returns every module whose content or go.mod this Go has read, sorted
// by path, then version. Why is set for those that the source's go.sum lacks.
func (g *Go) Modules() ([]lock.GoModule, error) {
	found := map[module.Version]*lock.GoModule{}
	root := g.downloads()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == root {
			return fs.SkipAll // nothing was read
		}
		if err != nil || d.IsDir() || filepath.Base(filepath.Dir(path)) != "@v" {
			return err
		}
		m, err := versionOf(root, path)
		if err != nil {
			return err
		}
		entry := found[m]
		if entry == nil {
			entry = &lock.GoModule{Path: m.Path, Version: m.Version}
			if g.added[m] {
				entry.Why = lock.NotInGoSum
			}
		}
		switch filepath.Ext(path) {
		case ".mod":
			entry.GoModSum, err = goModSum(path)
		case ".zip":
			entry.Sum, err = hashed(path)
		default:
			return nil
		}
		found[m] = entry
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the modules read: %w", err)
	}
	list := make([]lock.GoModule, 0, len(found))
	for _, m := range found {
		list = append(list, *m)
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		return a.Path < b.Path || a.Path == b.Path && a.Version < b.Version
	})
	return list, nil
}

// hashed returns the sum that the go command computed when it downloaded a zip: the file .ziphash
// beside it (https://go.dev/ref/mod#module-cache).
func hashed(zip string) (string, error) {
	data, err := os.ReadFile(strings.TrimSuffix(zip, ".zip") + ".ziphash")
	if sum := strings.TrimSpace(string(data)); err == nil && strings.HasPrefix(sum, "h1:") {
		return sum, nil
	}
	return HashZip(zip)
}

// versionOf returns the module and version of a path ROOT/<module>/@v/<version>.EXT.
func versionOf(root, path string) (m module.Version, err error) {
	rel, err := filepath.Rel(root, filepath.Dir(filepath.Dir(path)))
	if err != nil {
		return m, err
	}
	if m.Path, err = module.UnescapePath(filepath.ToSlash(rel)); err != nil {
		return m, err
	}
	base := filepath.Base(path)
	m.Version, err = module.UnescapeVersion(strings.TrimSuffix(base, filepath.Ext(base)))
	return m, err
}

func goModSum(name string) (string, error) {
	return dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return os.Open(name) })
}
