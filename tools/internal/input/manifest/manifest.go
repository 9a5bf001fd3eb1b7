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
//	platforms      platforms of the archives (default: all of Platforms)
//	outputs        kinds of artifact (default: all of Outputs)
//	proxyOverride  where to take the proxy's binary from, a URL
//	dashboards     dashboard name: its id at grafana.com
//	images         image name: its base
//	files          file name: where to take the file from
//	dependencies   name: source (required, in order)
//	directory      accepted and unused
//	skipGenerateBillOfMaterials
//
// An image has `base`: a registry reference as HOST/REPOSITORY:TAG,
// oci-layout:PATH or docker-archive:PATH. A file has `url`, or `urls` by
// platform; `sha256`, of the same form, says what must be there.
//
// A dependency has one source: `git` with one of branch, tag, sha, auto, or
// with branch and sha; `module` with one of version, auto; or `localpath`.
// Beside auto may stand `from`, the dependency whose file it reads. Beside any
// source may stand primary, goversionenabled, exclude, `gotags` (variant: build
// tags) and `gomodules` (directories that have a go.mod).
package manifest

import (
	"fmt"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

// MaxSize is the largest manifest, in bytes, that Parse accepts.
const MaxSize = strictyaml.MaxSize

// Auto is where a dependency's revision comes from if the manifest does not
// say it.
type Auto string

// The values of Auto; the zero value means that the manifest says the revision.
const (
	AutoDeps           Auto = "deps"            // istio.deps in the primary source
	AutoModules        Auto = "modules"         // go.mod of the primary source
	AutoProxyWorkspace Auto = "proxy_workspace" // WORKSPACE of the proxy source
)

// Manifest is one parsed manifest. It says nothing about where it was read,
// Notes aside: equal manifests mean the same release.
type Manifest struct {
	// Version is the release's version, as written: a valid file name, git
	// tag and registry tag.
	Version string
	// Product names the directory release/<product>; empty leaves it to the caller.
	Product string
	// Docker is the registry prefix for charts and profiles, as docker.io/istio. It may be empty.
	Docker string
	// DockerOutput is how images are written, "tar" or "context"; empty if unset.
	DockerOutput string
	// Architectures are the platforms of images and packages, as linux/amd64
	// or linux/arm/v7, in the order written. Never empty.
	Architectures []string
	// Platforms are the archives' platforms, out of Platforms, in the order written. Never empty.
	Platforms []string
	// Outputs are the kinds of artifact to make, out of Outputs, in the order written; empty means all.
	Outputs []string
	// ProxyOverride is an http, https or file URL; empty if unset. It makes the file ProxyFile.
	ProxyOverride string
	// Dashboards are positive grafana.com ids by dashboard name; nil if there are none.
	Dashboards map[string]int
	// SkipGenerateBillOfMaterials asks for a release without SBOMs.
	SkipGenerateBillOfMaterials bool
	// Images and Files are sorted by name.
	Images []Image
	Files  []File
	// Dependencies are in the order written. Never empty; exactly one is Primary.
	Dependencies []Dependency
	// Notes are what a person should hear about the file, one line each with file and line.
	Notes []string
}

// ProxyFile is the name of the file that ProxyOverride makes. No File has it then.
const ProxyFile = "envoy"

// Image is what an image of the product is based on.
type Image struct {
	// Name is a valid file name.
	Name string
	// Base is HOST/REPOSITORY[:TAG][@sha256:HEX], or oci-layout:PATH or
	// docker-archive:PATH with a path relative to the manifest's directory or absolute.
	Base string
}

// File is a file that the release takes as it is. Exactly one of URL and URLs is set.
type File struct {
	// Name is a valid file name.
	Name string
	// URL is an http, https or file URL; SHA256, 64 lower-case hexadecimal
	// digits, is what the file must have, if it is set.
	URL, SHA256 string
	// URLs and SHA256s are the same by platform, out of Platforms. No platform
	// of SHA256s is missing in URLs.
	URLs, SHA256s map[string]string
}

// Dependency is one source. Exactly one of Git, LocalPath and Module is set.
type Dependency struct {
	// Name is a valid file name. No two names of a manifest give one Repository.
	Name string
	// Primary marks the source that gives the release its time and that Auto
	// reads. The file's first dependency is primary where none says so.
	Primary bool

	// Git is what git clones from: an http, https, ssh or file URL,
	// user@host:path, or a path, relative to the manifest's directory or absolute.
	Git string
	// LocalPath is a directory of this machine, relative to the manifest's directory or absolute.
	LocalPath string
	// Module is a Go module path of the module proxy.
	Module string

	// Branch, Tag, SHA and Auto: exactly one is set with Git, or Branch and SHA:
	// a commit that has to be on the branch. SHA is 7 to 40, or 64, lower-case
	// hexadecimal digits.
	Branch, Tag, SHA string
	// Version is canonical, as v1.2.3. With Module, exactly one of Version and
	// Auto is set, and Auto is AutoModules.
	Version string
	// Auto is never set on the primary.
	Auto Auto
	// From names the other dependency whose file Auto reads; empty for what
	// AutoFrom says. It is set only with Auto.
	From string

	// GoVersionEnabled asks for the tag v<version> as well as <version>.
	GoVersionEnabled bool
	// Exclude are patterns of paths to leave out, slash-separated and relative
	// to the source's root, in the syntax of path.Match ("**" is left to the caller).
	Exclude []string
	// GoTags are Go build tags by variant, a name of a-z, 0-9 and "_": each is a
	// repository of its own. Nil if there are none; no variant is without tags.
	GoTags map[string][]string
	// GoModules are the directories whose go.mod is vendored and built, "." or
	// relative and slash-separated, in the order written; empty for the default.
	GoModules []string
}

// Platforms returns the platforms that archives can have, by their published names.
func Platforms() []string {
	return []string{"linux-amd64", "linux-arm64", "linux-armv7", "osx-amd64", "osx-arm64", "win-amd64"}
}

// Outputs returns the kinds of artifact that a manifest can ask for.
func Outputs() []string {
	return []string{"docker", "helm", "debian", "rpm", "archive", "grafana"}
}

// ValidVersion reports whether a manifest can have s as its version.
func ValidVersion(s string) bool { return rules.Version.Check(s) == "" }

// parser collects a manifest and what its keys make.
type parser struct {
	*strictyaml.Parser
	m       Manifest
	origins []*origin
}

// Parse parses a manifest. The name stands in errors and notes. The error
// joins one *strictyaml.Error for each thing that is wrong with the file, sorted by
// position. A file that is no plain YAML document has only those errors; they
// hide what is wrong with its content.
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

// Read parses the named file as Parse does.
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

// AutoFrom returns the name of the dependency whose file d.Auto reads: From,
// or else "proxy" for AutoProxyWorkspace, the primary for the others; empty
// without Auto. There may be no dependency "proxy".
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

// Repository returns the name of the dependency's external repository: its
// name with "_" for "-" and ".". That of a variant has "_" and its name after it.
func (d *Dependency) Repository() string { return repository(d.Name) }
