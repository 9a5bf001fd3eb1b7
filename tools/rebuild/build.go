package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// builder builds programs with the go command.
type builder struct {
	goCmd string
	store *store.Store
	lock  *lock.Lock
	dir   string // for its modules and what it builds; removed at the end
	cache string // GOCACHE

	clones map[string]*clone // by name of the lock's entry
}

// check builds a program and compares it with the release's.
func (b *builder) check(ctx context.Context, p goinfo.Program, copies []*found) (string, error) {
	switch len(copies) {
	case 0:
		return "", fmt.Errorf("the release has no program %q of package %s", keyOf(p).file, p.Package)
	case 1:
	default:
		return "", fmt.Errorf("the release has %d different copies: in %q and in %q", len(copies), copies[0].where, copies[1].where)
	}
	c := copies[0]
	name, err := b.build(ctx, p, c.info)
	if err != nil {
		return "", err
	}
	d, _, err := digest.FromFile(name)
	if err != nil {
		return "", err
	}
	what := fmt.Sprintf("%s@%s", p.Package, version(c.info))
	if d == c.digest {
		return fmt.Sprintf("%s, %s: identical, %s, in %s", p, what, d, strings.Join(c.where, ", ")), os.Remove(name)
	}
	how, err := difference(c.file, name)
	if err != nil {
		return "", err
	}
	return "", fmt.Errorf("%s in %s: got %s, want %s as the go command builds it: %s", what, strings.Join(c.where, ", "), c.digest, d, how)
}

// inLock checks that a program's main module is one that the lock pins.
func (b *builder) inLock(m debug.Module) error {
	for _, d := range b.lock.Dependencies {
		if d.Module != nil && d.Module.Path == m.Path && d.Module.Version == m.Version && d.Digest == m.Sum {
			return nil
		}
	}
	return fmt.Errorf("it is of module %s@%s, %q, which the lock does not have", m.Path, m.Version, m.Sum)
}

// build returns the program that the go command builds.
func (b *builder) build(ctx context.Context, p goinfo.Program, info *debug.BuildInfo) (string, error) {
	c, root, err := b.cloned(ctx, info)
	if err == nil {
		return b.buildIn(ctx, p, c, root)
	}
	if !errors.Is(err, errNotGit) {
		return "", err
	}
	if err := b.inLock(info.Main); err != nil {
		return "", err
	}
	return b.install(ctx, p, info)
}

// install builds a program of a module as anybody with a go command would.
func (b *builder) install(ctx context.Context, p goinfo.Program, info *debug.BuildInfo) (string, error) {
	flags, err := p.Flags()
	if err != nil {
		return "", err
	}
	proxy, err := b.versions(info.Main)
	if err != nil {
		return "", err
	}
	gopath, err := os.MkdirTemp(b.dir, "gopath-*")
	if err != nil {
		return "", err
	}
	env := append(b.settings(p), "GOPATH="+gopath, "GOPROXY="+b.store.ProxyURL()+","+proxy)
	args := append([]string{"install"}, flags...)
	if err := b.run(ctx, b.dir, env, append(args, p.Package+"@"+info.Main.Version)); err != nil {
		return "", err
	}
	return only(filepath.Join(gopath, "bin"))
}

// settings returns what the go command gets in addition to environ.Go.
func (b *builder) settings(p goinfo.Program) []string {
	return append(p.Platform().Env(),
		// All directories of the go command are here.
		"GOCACHE="+b.cache, "GOMODCACHE="+filepath.Join(b.dir, "modules"), "GOTMPDIR="+b.dir,
		// No network: the store has everything, and the build information has the sums.
		"GOSUMDB=off", "GOVCS=*:off",
	)
}

func (b *builder) run(ctx context.Context, dir string, env, args []string) error {
	var out bytes.Buffer
	cmd := environ.Command(ctx, environ.GoInRepository(env...), b.goCmd, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	if err := cmd.Run(); err != nil {
		err = fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, environ.Said(out.String()))
		return hint.With(err, "build the release with tools/bazel build //release:all first: that fetches everything into the store")
	}
	return nil
}

// versions makes a module proxy that lists a version of a module, and says that it is the latest,
// for a module without tags: the go command asks for both, and a store has neither.
func (b *builder) versions(m debug.Module) (string, error) {
	path, err := module.EscapePath(m.Path)
	if err != nil {
		return "", err
	}
	s, err := store.Open(filepath.Join(b.dir, "versions"))
	if err != nil {
		return "", err
	}
	dir := filepath.Join(s.Dir(), "goproxy", filepath.FromSlash(path))
	return s.ProxyURL(), errors.Join(
		os.MkdirAll(filepath.Join(dir, "@v"), 0o755),
		os.WriteFile(filepath.Join(dir, "@v", "list"), []byte(m.Version+"\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "@latest"), fmt.Appendf(nil, "{%q: %q}\n", "Version", m.Version), 0o644),
	)
}

// only returns the one file below a directory.
func only(dir string) (string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if len(files) != 1 {
		return "", errors.New("the go command built no program, or several")
	}
	return files[0], nil
}
