// Package lock is the resolved form of a manifest: exactly what a release is built from,
// and why. tools/resolve writes it; everything after it reads it.
package lock

import (
	"fmt"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// Schema is the format that this package reads and writes.
const Schema = "release-builder/lock/v1"

// Lock pins one release. Lists are sorted, so equal inputs give equal bytes.
type Lock struct {
	Schema string `json:"schema"`
	// Manifest is the digest of the manifest file that was resolved.
	Manifest digest.Digest `json:"manifest"`
	// Version is the release's version, as in the manifest.
	Version string `json:"version"`
	// Product names the directory release/<product> that says what is built.
	Product string `json:"product"`
	// Docker is the registry prefix in charts and profiles.
	Docker string `json:"docker,omitempty"`
	// Platforms are the archives' platforms, such as linux-amd64 or osx-arm64.
	Platforms []string `json:"platforms"`
	// Architectures are the platforms of images and packages, such as linux/arm64.
	Architectures []string `json:"architectures"`
	// Names is the template of the archives' names; empty for platform.DefaultNames.
	Names string `json:"names,omitempty"`
	// Outputs are the kinds of artifact to make; empty means all.
	Outputs []string `json:"outputs,omitempty"`
	// SkipSBOM means that the release has no bills of materials.
	SkipSBOM bool `json:"skip_sbom,omitempty"`
	// Licenses says which licences the release may contain; nil if they are not checked.
	Licenses *Licenses `json:"licenses,omitempty"`
	// Dashboards are ids at grafana.com by the name of the dashboard; 0 for one that is not
	// there yet.
	Dashboards map[string]int `json:"dashboards,omitempty"`
	// Time is the commit time of the primary dependency: every timestamp in
	// the release. UTC, whole seconds.
	Time time.Time `json:"time"`
	// Dependencies are sorted by name.
	Dependencies []Dependency `json:"dependencies"`
	// Images are the base images of the product's images, sorted by name.
	Images []Image `json:"images,omitempty"`
	// Files are sorted by name, then platform.
	Files []File `json:"files,omitempty"`
	// Toolchain says what builds the release.
	Toolchain Toolchain `json:"toolchain"`
}

// Licenses says which licences what a release contains may have.
type Licenses struct {
	// Allow are ids of the SPDX list, in the manifest's order. Empty means that all are allowed.
	Allow []string `json:"allow,omitempty"`
	// Exceptions are sorted by component.
	Exceptions []LicenseException `json:"exceptions,omitempty"`
}

// LicenseException is a component that a release may contain whatever its licence files say.
type LicenseException struct {
	// Component is a Go module path, the name of a dependency or file, or a package of a base
	// image such as deb/libc6. With "/..." at the end it means all components below.
	Component string `json:"component"`
	// License is the SPDX expression of what applies; empty if it is what the files say.
	License string `json:"license,omitempty"`
	// Why is the reason, one line.
	Why string `json:"why"`
}

// Exception returns the exception for the first of the names that has one.
func (l *Licenses) Exception(names ...string) (LicenseException, bool) {
	if l == nil {
		return LicenseException{}, false
	}
	for _, name := range names {
		for _, e := range l.Exceptions {
			prefix, all := strings.CutSuffix(e.Component, "...")
			if name == e.Component || all && strings.HasPrefix(name+"/", prefix) {
				return e, true
			}
		}
	}
	return LicenseException{}, false
}

// GoModule is one module of a module graph.
type GoModule struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	// Sum is the h1 sum of the module's content; empty if the build needs only its go.mod.
	Sum string `json:"sum,omitempty"`
	// GoModSum is the h1 sum of its go.mod.
	GoModSum string `json:"go_mod_sum,omitempty"`
	// Why says where the sums are from; empty if they are the source's own.
	Why string `json:"why,omitempty"`
}

// NotInGoSum is the Why of a module that the go.sum of its source lacks.
const NotInGoSum = "not in the source's go.sum"

// Toolchain has the versions of what the builds run with.
type Toolchain struct {
	Bazel   string   `json:"bazel"`
	Go      GoSDK    `json:"go"`
	RulesGo GoModule `json:"rules_go"`
	Gazelle GoModule `json:"gazelle"`
}

// GoSDK is a Go release: the modules golang.org/toolchain@v0.0.1-go<version>.<platform>.
type GoSDK struct {
	Version string `json:"version"`
	// Archives are by platform, such as linux_amd64.
	Archives map[string]Archive `json:"archives"`
}

// Archive is the module zip of one platform's SDK.
type Archive struct {
	Sum    string        `json:"sum"`
	SHA256 digest.Digest `json:"sha256"`
}

// Read reads and checks the named lock.
func Read(name string) (*Lock, error) {
	data, err := fileio.ReadLimited(name, jsonfile.MaxSize)
	if err != nil {
		return nil, fmt.Errorf("reading lock: %w", err)
	}
	return Parse(name, data)
}

// Parse checks a lock; the name is for errors.
func Parse(name string, data []byte) (*Lock, error) {
	l := new(Lock)
	if err := jsonfile.Unmarshal(data, l); err != nil {
		return nil, fmt.Errorf("reading lock: %s:%w", name, err)
	}
	if err := l.Check(); err != nil {
		return nil, fmt.Errorf("reading lock %q: %w", name, err)
	}
	if err := l.checkSeals(); err != nil {
		return nil, fmt.Errorf("reading lock %q: %w", name, err)
	}
	return l, nil
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
