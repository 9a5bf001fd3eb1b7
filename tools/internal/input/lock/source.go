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
	// GoVersionEnabled asks publishing for the tag v<version> as well as <version>.
	GoVersionEnabled bool `json:"go_version_enabled,omitempty"`
	// Exclude are the patterns of the paths that the canonical tar leaves out.
	Exclude []string `json:"exclude,omitempty"`
	// Digest identifies the content: for a module its h1 sum (golang.org/x/mod/sumdb/dirhash.Hash1),
	// for the others the "sha256:" of the canonical tar.
	Digest string `json:"digest"`
	// Size is the sum of the sizes of the source's files, in bytes.
	Size int64     `json:"size"`
	Time time.Time `json:"time"`
	// Why says what chose this revision, as "version in manifest".
	Why string `json:"why"`
	// GoRoots are the directories that are vendored as Go modules of their own, "." for
	// the source's root, sorted. It is empty if the source has no Go module to build.
	GoRoots []string `json:"go_roots,omitempty"`
	// GoTags are build tags by variant: each is a repository of its own, whose
	// packages have the files that these tags choose.
	GoTags map[string][]string `json:"go_tags,omitempty"`
	// GoModules is every module that building the source's Go packages reads, sorted
	// by path, then version.
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
	// URL is the origin, as the manifest has it, whatever mirror stood in for it.
	URL string `json:"url"`
	// Ref is the branch or tag that pointed to the commit, as refs/heads/master;
	// empty where the commit was named by itself.
	Ref string `json:"ref,omitempty"`
	// Commit is the whole object name: 40 hexadecimal digits, 64 in a SHA-256 repository.
	Commit string `json:"commit"`
	// Object is the commit as git stores it: with the tar, it proves which commit that is of.
	Object []byte `json:"object,omitempty"`
	// Versions are those that `go build` in a clone stamps into programs, by Go root;
	// "(devel)" where it has none.
	Versions map[string]string `json:"versions,omitempty"`
	// Submodules are directories that the tar leaves empty, sorted by path.
	Submodules []Submodule `json:"submodules,omitempty"`
	// LFS are the paths of Git LFS pointers, sorted. They stay pointers.
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
	// Commit is what HEAD was; empty if the directory is in no git repository.
	Commit string `json:"commit,omitempty"`
	// Dirty says that the directory differed from Commit: the digest is of what
	// was in the directory. Such a release is never published.
	Dirty bool `json:"dirty,omitempty"`
}

// Image is what an image is based on.
type Image struct {
	// Name is the image's.
	Name string `json:"name"`
	// Base is the reference in the manifest: HOST/REPOSITORY:TAG, or
	// oci-layout:PATH or docker-archive:PATH of this machine.
	Base string `json:"base"`
	// Digest is that of the index, or of the manifest where the base is a single image.
	Digest digest.Digest `json:"digest"`
	// Platforms are those of the lock's architectures, sorted.
	Platforms []ImagePlatform `json:"platforms"`
	// EntryDigest is the digest of the entry without it: see Seal.
	EntryDigest digest.Digest `json:"entry_digest,omitempty"`
}

// ImagePlatform is a base image for one platform.
type ImagePlatform struct {
	// Platform is one of the lock's architectures, as linux/arm64.
	Platform string `json:"platform"`
	// Digest is that of the manifest.
	Digest digest.Digest `json:"digest"`
	// Size is the sum of the sizes of manifest, config and layers, in bytes.
	Size int64 `json:"size"`
}

// File is a file from the web, as it is.
type File struct {
	Name string `json:"name"`
	// Platform is that of archives, as linux-amd64; empty if the file is for all.
	Platform string        `json:"platform,omitempty"`
	URL      string        `json:"url"`
	Digest   digest.Digest `json:"digest"`
	Size     int64         `json:"size"`
	// Why says what chose the URL, as "url in manifest".
	Why string `json:"why"`
	// EntryDigest is the digest of the entry without it: see Seal.
	EntryDigest digest.Digest `json:"entry_digest,omitempty"`
}

// Origin is where a source is from: a URL, the path of a module, or a directory.
func (d *Dependency) Origin() string {
	switch {
	case d.Git != nil:
		return d.Git.URL
	case d.Module != nil:
		return d.Module.Path
	}
	return d.Local.Path
}

// Revision is which one of its origin a source is: a commit, or a module's version. It is
// empty for a directory that is in no repository.
func (d *Dependency) Revision() string {
	switch {
	case d.Git != nil:
		return d.Git.Commit
	case d.Module != nil:
		return d.Module.Version
	}
	return d.Local.Commit
}

// Modules are the Go modules that a build of the source reads, the source itself among
// them if it is one.
func (d *Dependency) Modules() []GoModule {
	if d.Module == nil {
		return d.GoModules
	}
	return append([]GoModule{{Path: d.Module.Path, Version: d.Module.Version, Sum: d.Digest}}, d.GoModules...)
}
