package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/lock"
	"github.com/jasonwzm/release-builder/tools/internal/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/resolve"
	"github.com/jasonwzm/release-builder/tools/internal/store"
)

// args wires the resolvers to the store and to the pinned go command.
func (o *options) args(m *manifest.Manifest, old *lock.Lock) (resolve.Args, func(), error) {
	dir := o.store
	if dir == "" {
		var err error
		if dir, err = store.DefaultDir(os.Getenv); err != nil {
			return resolve.Args{}, nil, err
		}
	}
	s, err := store.Open(dir)
	if err != nil {
		return resolve.Args{}, nil, err
	}
	toolchain, err := o.toolchain()
	if err != nil {
		return resolve.Args{}, nil, err
	}
	folderTime, err := sourceDateEpoch(os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return resolve.Args{}, nil, err
	}
	scratch, err := os.MkdirTemp("", "resolve-*")
	if err != nil {
		return resolve.Args{}, nil, err
	}
	n := 0
	newGo := func() (*gomod.Go, func()) {
		n++
		dir := filepath.Join(scratch, strconv.Itoa(n))
		return &gomod.Go{Command: o.goCmd, Store: s, Cache: filepath.Join(dir, "modcache")}, func() { os.RemoveAll(dir) }
	}
	same := old != nil && reflect.DeepEqual(old.Toolchain, toolchain)
	modules := &resolve.Modules{Go: newGo, Store: s, Previous: old, SameToolchain: same}
	folders := &resolve.Folders{Go: newGo, Store: s, Base: filepath.Dir(o.manifest), Time: folderTime}
	return resolve.Args{
		Manifest:  m,
		Product:   filepath.Base(filepath.Dir(o.manifest)),
		Toolchain: toolchain,
		Previous:  old,
		Resolvers: resolve.Resolvers{
			Module: modules,
			Local:  folders,
			OpenPrimary: func(d *lock.Dependency) (*resolve.Primary, error) {
				if d.Module != nil {
					return modules.OpenModule(d)
				}
				return folders.OpenFolder(d)
			},
		},
	}, func() { os.RemoveAll(scratch) }, nil
}

// toolchain reads what the workspace builds with.
func (o *options) toolchain() (lock.Toolchain, error) {
	var t lock.Toolchain
	if err := jsonfile.Read(filepath.Join(o.root, "release", "sources", "go_sdk.json"), &t.Go); err != nil {
		return t, fmt.Errorf("reading the Go SDK's pins: %w", err)
	}
	version, err := os.ReadFile(filepath.Join(o.root, ".bazelversion"))
	if err != nil {
		return t, err
	}
	t.Bazel = strings.TrimSpace(string(version))
	goMod, goSum := filepath.Join(o.root, "go.mod"), filepath.Join(o.root, "go.sum")
	if t.RulesGo, err = gomod.Required(goMod, goSum, "github.com/bazelbuild/rules_go"); err != nil {
		return t, err
	}
	t.Gazelle, err = gomod.Required(goMod, goSum, "github.com/bazelbuild/bazel-gazelle")
	return t, err
}

// sourceDateEpoch parses SOURCE_DATE_EPOCH
// (https://reproducible-builds.org/specs/source-date-epoch/). Unset, it is the
// earliest time that a zip archive can hold.
func sourceDateEpoch(s string) (time.Time, error) {
	if s == "" {
		return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), nil
	}
	seconds, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("parsing SOURCE_DATE_EPOCH %q: want seconds since 1970", s)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
