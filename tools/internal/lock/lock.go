// Package lock is the resolved form of a manifest: what exactly a release is
// built from, and why. `tools/resolve` writes it, everything after reads it.
package lock

import (
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/digest"
	"github.com/jasonwzm/release-builder/tools/internal/jsonfile"
)

// Schema is the format that this package reads and writes.
const Schema = "release-builder/lock/v1"

// Lock pins one release. Lists are sorted, so equal inputs give equal bytes.
type Lock struct {
	Schema string `json:"schema"`
	// Manifest is the digest of the manifest file that was resolved.
	Manifest digest.Digest `json:"manifest"`
	// Version is the release's version, as the manifest has it.
	Version string `json:"version"`
	// Product names the folder release/<product> that says what is built.
	Product string `json:"product"`
	// Docker is the registry prefix that is written into charts and profiles.
	Docker string `json:"docker,omitempty"`
	// Platforms are the archives' platforms, as linux-amd64 or osx-arm64.
	Platforms []string `json:"platforms"`
	// Architectures are the platforms of images and packages, as linux/arm64.
	Architectures []string `json:"architectures"`
	// Outputs are the kinds of artifact to make; empty means all.
	Outputs []string `json:"outputs,omitempty"`
	// Time is the commit time of the primary dependency: every timestamp in
	// the release. UTC, whole seconds.
	Time time.Time `json:"time"`
	// Dependencies are sorted by name.
	Dependencies []Dependency `json:"dependencies"`
	// Toolchain is what builds the release.
	Toolchain Toolchain `json:"toolchain"`
}

// Dependency is one pinned source. Exactly one of Module and Local is set.
type Dependency struct {
	Name    string  `json:"name"`
	Primary bool    `json:"primary,omitempty"`
	Module  *Module `json:"module,omitempty"`
	Local   *Local  `json:"local,omitempty"`
	// Digest identifies the content: for a module its h1 sum (golang.org/x/mod/sumdb/dirhash.Hash1),
	// for the others the "sha256:" of the canonical tar.
	Digest string `json:"digest"`
	// Size is the sum of the sizes of the source's files, in bytes.
	Size int64     `json:"size"`
	Time time.Time `json:"time"`
	// Why says what chose this revision, as "version in manifest".
	Why string `json:"why"`
	// GoModules is every module that building the source's Go packages reads, sorted
	// by path, then version. It is empty if the source is no Go module.
	GoModules []GoModule `json:"go_modules,omitempty"`
	// GoStd is every package of the standard library that the source and what it
	// vendors import on any platform, sorted: what has to be compiled for them.
	GoStd []string `json:"go_std,omitempty"`
}

// Module is a Go module from a module proxy.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// Local is a folder of this machine, relative to the manifest's folder or absolute.
type Local struct {
	Path string `json:"path"`
}

// GoModule is one module of a module graph.
type GoModule struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	// Sum is the h1 sum of the module's content; empty where the build needs no more than its go.mod.
	Sum string `json:"sum,omitempty"`
	// GoModSum is the h1 sum of its go.mod.
	GoModSum string `json:"go_mod_sum,omitempty"`
}

// Toolchain is what the builds run with.
type Toolchain struct {
	Bazel   string   `json:"bazel"`
	Go      GoSDK    `json:"go"`
	RulesGo GoModule `json:"rules_go"`
	Gazelle GoModule `json:"gazelle"`
}

// GoSDK is a Go release, as modules golang.org/toolchain@v0.0.1-go<version>.<platform>.
type GoSDK struct {
	Version string `json:"version"`
	// Archives are by platform, as linux_amd64.
	Archives map[string]Archive `json:"archives"`
}

// Archive is the module zip of one platform's SDK.
type Archive struct {
	Sum    string        `json:"sum"`
	SHA256 digest.Digest `json:"sha256"`
}

// Read reads and checks the named lock.
func Read(name string) (*Lock, error) {
	l := new(Lock)
	if err := jsonfile.Read(name, l); err != nil {
		return nil, fmt.Errorf("reading lock: %w", err)
	}
	if err := l.Check(); err != nil {
		return nil, fmt.Errorf("reading lock %q: %w", name, err)
	}
	return l, nil
}

// Check reports everything in l that cannot stand in a lock.
func (l *Lock) Check() error {
	if l.Schema != Schema {
		return fmt.Errorf("schema: got %q, want %q", l.Schema, Schema)
	}
	var errs []error
	if _, err := digest.Parse(string(l.Manifest)); err != nil {
		errs = append(errs, fmt.Errorf("manifest: %w", err))
	}
	if !sort.SliceIsSorted(l.Dependencies, func(i, j int) bool { return l.Dependencies[i].Name < l.Dependencies[j].Name }) {
		errs = append(errs, errors.New("dependencies: not sorted by name"))
	}
	primaries := 0
	for i, d := range l.Dependencies {
		if d.Primary {
			primaries++
		}
		if i > 0 && d.Name == l.Dependencies[i-1].Name {
			errs = append(errs, fmt.Errorf("dependency %q stands twice", d.Name))
		}
		if (d.Module == nil) == (d.Local == nil) {
			errs = append(errs, fmt.Errorf("dependency %q: want exactly one of module and local", d.Name))
		}
		if d.Digest == "" {
			errs = append(errs, fmt.Errorf("dependency %q: no digest", d.Name))
		}
	}
	if primaries != 1 {
		errs = append(errs, fmt.Errorf("dependencies: %d are primary, want 1", primaries))
	}
	return errors.Join(errs...)
}

// Find returns the named dependency.
func (l *Lock) Find(name string) (*Dependency, bool) {
	for i := range l.Dependencies {
		if l.Dependencies[i].Name == name {
			return &l.Dependencies[i], true
		}
	}
	return nil, false
}
