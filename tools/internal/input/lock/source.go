package lock

import (
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// Dependency is one pinned source. Exactly one of Module, Git and Local is set.
type Dependency struct {
	Name    string  `json:"name"`
	Primary bool    `json:"primary,omitempty"`
	Module  *Module `json:"module,omitempty"`
	Git     *Git    `json:"git,omitempty"`
	Local   *Local  `json:"local,omitempty"`
	// GoVersionEnabled makes publishing create the tag v<version> besides <version>.
	GoVersionEnabled bool `json:"go_version_enabled,omitempty"`
	// Exclude are patterns of the paths that the canonical tar leaves out.
	Exclude []string `json:"exclude,omitempty"`
	// Digest identifies the content: the h1 sum of a module (golang.org/x/mod/sumdb/dirhash.Hash1),
	// or else the "sha256:" digest of the canonical tar.
	Digest string `json:"digest"`
	// Size is the sum of the sizes of the source's files, in bytes.
	Size int64     `json:"size"`
	Time time.Time `json:"time"`
	// Why says what chose this revision, such as "version in manifest".
	Why string `json:"why"`
	// Unbuilt means that the product uses no Go package of the source as it is, without the
	// build tags of a variant. If it uses none of a variant either, GoRoots and GoModules are
	// empty, whatever the source has.
	Unbuilt bool `json:"unbuilt,omitempty"`
	// GoRoots are the directories that are built as Go modules, "." for the source's root
	// directory, sorted. It is empty if the source has no Go module to build.
	GoRoots []string `json:"go_roots,omitempty"`
	// GoTags are build tags by variant. Each variant is a repository of its own, whose
	// packages are built with these tags.
	GoTags map[string][]string `json:"go_tags,omitempty"`
	// GoModules are the modules that a build of the source's Go packages reads, sorted by
	// path, then version.
	GoModules []GoModule `json:"go_modules,omitempty"`
	// EntryDigest is the digest of the entry without it: see Seal.
	EntryDigest digest.Digest `json:"entry_digest,omitempty"`
}

// Module is a Go module from a module proxy.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// Git is a commit of a git repository.
type Git struct {
	// URL is the origin, as in the manifest, even if a mirror was used.
	URL string `json:"url"`
	// Ref is the branch or tag that pointed to the commit, such as refs/heads/master;
	// empty if the manifest names the commit itself.
	Ref string `json:"ref,omitempty"`
	// Commit is the full object name: 40 hexadecimal digits, 64 in a SHA-256 repository.
	Commit string `json:"commit"`
	// Object is the commit as git stores it. It proves that the tar is the tree of Commit.
	Object []byte `json:"object,omitempty"`
	// Versions are the versions that `go build` in a clone stamps into programs, by Go root;
	// "(devel)" if there is none.
	Versions map[string]string `json:"versions,omitempty"`
	// Submodules are the submodules' directories, which are empty in the tar, sorted by path.
	Submodules []Submodule `json:"submodules,omitempty"`
	// LFS are the paths of Git LFS pointers, sorted. Their files are not fetched.
	LFS []string `json:"lfs,omitempty"`
}

// Submodule is another repository's commit in a tree. It is never fetched.
type Submodule struct {
	Path   string `json:"path"`
	Commit string `json:"commit"`
}

// Local is a directory of this machine, relative to the manifest's directory or absolute.
type Local struct {
	Path string `json:"path"`
	// Commit is HEAD; empty if the directory is not in a git repository.
	Commit string `json:"commit,omitempty"`
	// Dirty means that the directory differed from Commit: the digest is of the directory's
	// files. Such a release is never published.
	Dirty bool `json:"dirty,omitempty"`
}

// Image is the base image of one of the product's images.
type Image struct {
	// Name is the name of the product's image.
	Name string `json:"name"`
	// Base is the reference in the manifest: HOST/REPOSITORY:TAG, or
	// oci-layout:PATH or docker-archive:PATH on this machine.
	Base string `json:"base"`
	// Digest is the digest of the index, or of the manifest if the base is a single image.
	Digest digest.Digest `json:"digest"`
	// Platforms are those of the lock's architectures, sorted.
	Platforms []ImagePlatform `json:"platforms"`
	// EntryDigest is the digest of the entry without it: see Seal.
	EntryDigest digest.Digest `json:"entry_digest,omitempty"`
}

// ImagePlatform is a base image for one platform.
type ImagePlatform struct {
	// Platform is one of the lock's architectures, such as linux/arm64.
	Platform string `json:"platform"`
	// Digest is the digest of the manifest.
	Digest digest.Digest `json:"digest"`
	// Size is the sum of the sizes of manifest, config and layers, in bytes.
	Size int64 `json:"size"`
}

// File is a file from the web.
type File struct {
	Name string `json:"name"`
	// Platform is the archives' platform, such as linux-amd64; empty if the file is for all.
	Platform string        `json:"platform,omitempty"`
	URL      string        `json:"url"`
	Digest   digest.Digest `json:"digest"`
	Size     int64         `json:"size"`
	// Why says what chose the URL, such as "url in manifest".
	Why string `json:"why"`
	// EntryDigest is the digest of the entry without it: see Seal.
	EntryDigest digest.Digest `json:"entry_digest,omitempty"`
}

// Origin says where a source comes from: a URL, the path of a module, or a directory.
func (d *Dependency) Origin() string {
	switch {
	case d.Git != nil:
		return d.Git.URL
	case d.Module != nil:
		return d.Module.Path
	}
	return d.Local.Path
}

// Revision is the source's commit or module version. It is empty for a directory that is not
// in a repository.
func (d *Dependency) Revision() string {
	switch {
	case d.Git != nil:
		return d.Git.Commit
	case d.Module != nil:
		return d.Module.Version
	}
	return d.Local.Commit
}

// Modules are the Go modules that a build of the source reads, including the source itself
// if it is one.
func (d *Dependency) Modules() []GoModule {
	if d.Module == nil {
		return d.GoModules
	}
	return append([]GoModule{{Path: d.Module.Path, Version: d.Module.Version, Sum: d.Digest}}, d.GoModules...)
}
