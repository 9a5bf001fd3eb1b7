// Package manifest reads the file in which a person says what a release is:
// manifests/<line>/manifest.yaml. `tools/resolve` turns it into a lock.
//
// The file is YAML, in the strict form of package strictyaml. The keys:
//
//	version        the release's version: a file name and a tag name (required)
//	product        the directory release/<product> that says what is built
//	docker         the registry prefix that is written into charts and profiles
//	dockerOutput   tar or context
//	architectures  platforms of images and packages (default: linux/amd64)
//	platforms      platforms of the archives, such as linux-amd64 (default: Platforms)
//	names          a template of the archives' names (default: {name}-{version}-{platform})
//	outputs        kinds of artifact (default: all of Outputs)
//	proxyOverride  where to take the proxy's binary from, a URL
//	dashboards     dashboard name: its id at grafana.com
//	licenses       which licences may be linked, and exceptions from that
//	images         image name: its base
//	files          file name: where to take the file from
//	dependencies   name: source (required, in order)
//	directory      accepted and unused
//	skipGenerateBillOfMaterials
//
// An image has `base`: a registry reference such as HOST/REPOSITORY:TAG, oci-layout:PATH or
// docker-archive:PATH. A file has `url`, or `urls` by platform. `sha256`, of the same form, is
// the expected digest.
//
// The key licenses has `allow`, a list of SPDX ids, and `exceptions` by component, each with
// `license` and `why`.
//
// A dependency has one source: `git` with one of branch, tag, sha, auto, or with branch and
// sha; `module` with one of version, auto; or `localpath`. `from` beside auto names the
// dependency whose file auto reads. Any dependency may also have primary, goversionenabled,
// exclude, `gotags` (variant: build tags) and `gomodules` (directories that have a go.mod).
package manifest

import (
	"fmt"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

// MaxSize is the largest manifest, in bytes, that Parse accepts.
const MaxSize = strictyaml.MaxSize

// Auto is where a dependency's revision comes from if it is not in the manifest.
type Auto string

// The values of Auto. The zero value means that the revision is in the manifest.
const (
	AutoDeps           Auto = "deps"            // istio.deps in the primary source
	AutoModules        Auto = "modules"         // go.mod of the primary source
	AutoProxyWorkspace Auto = "proxy_workspace" // WORKSPACE of the proxy source
)

// Manifest is a parsed manifest. Apart from Notes, it does not depend on where the file is:
// equal manifests mean the same release.
type Manifest struct {
	// Version is the release's version, as written: a valid file name, git tag and registry
	// tag.
	Version string
	// Product names the directory release/<product>. If it is empty, the caller chooses.
	Product string
	// Docker is the registry prefix for charts and profiles, such as docker.io/istio. It may
	// be empty.
	Docker string
	// DockerOutput is how images are written, "tar" or "context"; empty if unset.
	DockerOutput string
	// Architectures are the platforms of images and packages, such as linux/amd64 or
	// linux/arm/v7, in the order written. Never empty.
	Architectures []string
	// Platforms are the archives' platforms, by the names of package platform, in the order
	// written. Never empty.
	Platforms []string
	// Names makes the archives' names; empty for platform.DefaultNames.
	Names platform.Template
	// Outputs are the kinds of artifact to make, each one of Outputs(), in the order written.
	// Empty means all.
	Outputs []string
	// RefuseMissingSums makes it an error that the go.sum of a source is not complete.
	RefuseMissingSums bool
	// ProxyOverride is an http, https or file URL; empty if unset. It adds the file ProxyFile.
	ProxyOverride string
	// Dashboards are grafana.com ids by dashboard name, 0 for one that is not there yet; nil if there
	// are none.
	Dashboards map[string]int
	// Licenses says what may be linked. Nil means that the licences are not checked.
	Licenses *lock.Licenses
	// SkipGenerateBillOfMaterials asks for a release without SBOMs.
	SkipGenerateBillOfMaterials bool
	// Images and Files are sorted by name.
	Images []Image
	Files  []File
	// Dependencies are in the order written. Never empty; exactly one is Primary.
	Dependencies []Dependency
	// Notes are messages about the file for its author, each a line with file and line number.
	Notes []string
}

// ProxyFile is the name of the file that ProxyOverride adds. No other file can have it then.
const ProxyFile = "envoy"

// Image is the base of an image of the product.
type Image struct {
	// Name is a valid file name.
	Name string
	// Base is HOST/REPOSITORY[:TAG][@sha256:HEX], oci-layout:PATH or docker-archive:PATH. The
	// path is absolute or relative to the manifest's directory.
	Base string
}

// File is a file that the release contains unchanged. Exactly one of URL and URLs is set.
type File struct {
	// Name is a valid file name.
	Name string
	// URL is an http, https or file URL. SHA256 is the expected digest, 64 lower-case
	// hexadecimal digits; empty if unset.
	URL, SHA256 string
	// URLs and SHA256s are the same by platform, named as Platforms are. URLs has every
	// platform of SHA256s.
	URLs, SHA256s map[string]string
}

// Dependency is one source. Exactly one of Git, LocalPath and Module is set.
type Dependency struct {
	// Name is a valid file name. No two names of a manifest have the same Repository.
	Name string
	// Primary marks the source that gives the release its time and that Auto reads. It is the
	// first dependency if no other is marked.
	Primary bool

	// Git is the URL to clone: an http, https, ssh or file URL, user@host:path, or a path,
	// absolute or relative to the manifest's directory.
	Git string
	// LocalPath is a directory on this machine, absolute or relative to the manifest's
	// directory.
	LocalPath string
	// Module is the path of a Go module.
	Module string

	// With Git, exactly one of Branch, Tag, SHA and Auto is set, or Branch and SHA: a commit
	// that must be on the branch. SHA is 7 to 40, or 64, lower-case hexadecimal digits.
	Branch, Tag, SHA string
	// Version is canonical, such as v1.2.3. With Module, exactly one of Version and Auto is
	// set, and Auto is AutoModules.
	Version string
	// Auto is never set on the primary.
	Auto Auto
	// From names the other dependency whose file Auto reads. It is set only with Auto. If it
	// is empty, see AutoFrom.
	From string

	// GoVersionEnabled asks for the tag v<version> in addition to <version>.
	GoVersionEnabled bool
	// Exclude are patterns of paths to leave out, slash-separated and relative to the source's
	// root directory, in the syntax of path.Match. The caller implements "**".
	Exclude []string
	// GoTags are Go build tags by variant, a name of a-z, 0-9 and "_". Each variant is a
	// repository of its own and has at least one tag. Nil if there are none.
	GoTags map[string][]string
	// GoModules are the directories whose go.mod is vendored and built, "." or relative and
	// slash-separated, in the order written. Nil means the default, and an empty list that
	// nothing of the source is built.
	GoModules []string
}

// Outputs returns the kinds of artifact that a manifest can ask for.
func Outputs() []string {
	return []string{
		"docker", "helm", "debian", "rpm", "archive", "grafana",
		"apk", "archlinux", "licenses", "packagemanagers", "page", "provenance", "sbom", "sources", "vex",
	}
}

// ValidVersion reports whether s is a valid version of a manifest.
func ValidVersion(s string) bool { return rules.Version.Check(s) == "" }

// parser collects a manifest and the repositories of its keys.
type parser struct {
	*strictyaml.Parser
	m       Manifest
	origins []*origin
}

// Parse parses a manifest. Errors and notes begin with the name. The error joins a
// *strictyaml.Error for each problem, sorted by position. If the file is not a plain YAML
// document, its content is not checked.
func Parse(name string, data []byte) (*Manifest, error) {
	p := &parser{Parser: strictyaml.New(name, wantRoot)}
	if root := p.Load(data); root != nil {
		p.manifest(root)
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return &p.m, nil
}

// Read reads the named file and parses it, as Parse does.
func Read(file string) (*Manifest, error) {
	data, err := fileio.ReadLimited(file, MaxSize)
	if err != nil {
		return nil, fmt.Errorf("reading manifest: %w", err)
	}
	return Parse(file, data)
}

// Primary returns the primary dependency, or nil if m has none.
func (m *Manifest) Primary() *Dependency {
	i := slices.IndexFunc(m.Dependencies, func(d Dependency) bool { return d.Primary })
	if i < 0 {
		return nil
	}
	return &m.Dependencies[i]
}

// Find returns the named dependency.
func (m *Manifest) Find(name string) (*Dependency, bool) {
	i := slices.IndexFunc(m.Dependencies, func(d Dependency) bool { return d.Name == name })
	if i < 0 {
		return nil, false
	}
	return &m.Dependencies[i], true
}

// AutoFrom returns the name of the dependency whose file d.Auto reads: From if it is set,
// otherwise "proxy" for AutoProxyWorkspace and the primary for the others; empty without Auto.
// The manifest may have no dependency "proxy".
func (m *Manifest) AutoFrom(d *Dependency) string {
	switch {
	case d.Auto == "" || d.From != "":
		return d.From
	case d.Auto == AutoProxyWorkspace:
		return "proxy"
	}
	if p := m.Primary(); p != nil {
		return p.Name
	}
	return ""
}

// Repository returns the name of the dependency's external repository: its name with "_" for
// "-" and ".". A variant's repository has "_" and the variant's name appended.
func (d *Dependency) Repository() string { return lock.Repository(d.Name) }
