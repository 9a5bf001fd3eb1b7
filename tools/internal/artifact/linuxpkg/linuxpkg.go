// Package linuxpkg writes packages for the package managers of Linux distributions. Their
// bytes depend only on the spec and the files that it names.
//
//	deb        Debian, Ubuntu          deb(5), with a data.tar.zst (dpkg 1.21.18, Ubuntu 18.04)
//	rpm        Fedora, RHEL, SUSE      RPM 4 file format, with a zstd payload (RPM 4.14)
//	apk        Alpine                  apk v2
//	archlinux  Arch Linux              alpm-package(7), .pkg.tar.zst
//
// nfpm writes the formats. This package decides what is in them: every time is that of the
// spec, the owner of everything is root, the modes on disk have no effect, and no field has
// the name of a host or a user. Packages are not signed; a signature covers their bytes.
//
// # What is added
//
//   - The licences. A deb has /usr/share/doc/NAME/copyright with all of them; the other
//     formats have /usr/share/licenses/NAME/.
//   - A changelog with one entry, for the version: /usr/share/doc/NAME/changelog.gz in a deb,
//     %changelog in an rpm. apk and archlinux have no changelogs.
//   - Manual pages are compressed, as distributions want them.
//   - The commands that distributions run for systemd units: see scripts.go.
package linuxpkg

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/arch"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// A Format is a format of packages.
type Format string

// The formats. A package manager installs a package of its format only.
const (
	Deb       Format = "deb"
	RPM       Format = "rpm"
	APK       Format = "apk"
	ArchLinux Format = "archlinux"
)

// The compression levels of zstd. Changing one of them, or the version of klauspost/compress
// in go.mod, changes every package. The formats that are not here have no setting: apk has
// the gzip of archives, archlinux has zstd at level 3.
const (
	compressionLevel = 3
	compression      = "zstd:3"
)

// A Spec describes one package of one format. Names, versions and architectures are those
// of the format.
type Spec struct {
	Format  Format `json:"format"`
	Name    string `json:"name"`
	Version string `json:"version"`
	// Release is the revision of the package, a number. A deb may have none.
	Release      string `json:"release,omitempty"`
	Architecture string `json:"architecture"`
	// SourceDateEpoch is the time of everything, in seconds since 1970.
	SourceDateEpoch int64 `json:"source_date_epoch"`

	Maintainer  string `json:"maintainer"` // as "Name <address>"
	Vendor      string `json:"vendor,omitempty"`
	Homepage    string `json:"homepage,omitempty"`
	Summary     string `json:"summary"` // one line
	Description string `json:"description,omitempty"`
	License     string `json:"license"` // an SPDX expression
	Section     string `json:"section,omitempty"`
	Priority    string `json:"priority,omitempty"`
	Group       string `json:"group,omitempty"`

	Depends    []string `json:"depends,omitempty"`
	Recommends []string `json:"recommends,omitempty"`
	Conflicts  []string `json:"conflicts,omitempty"`
	Provides   []string `json:"provides,omitempty"`
	Replaces   []string `json:"replaces,omitempty"`

	Files []File `json:"files"`
	// Copyright is a file that replaces the generated copyright of a deb.
	Copyright string `json:"copyright,omitempty"`
	// Licenses are what the programs are under. Path has no leading slash, such as
	// example.com/module@v1.0.0/LICENSE.
	Licenses []File  `json:"licenses,omitempty"`
	Scripts  Scripts `json:"scripts,omitzero"`
	Units    Units   `json:"units,omitzero"`
}

// A File is something to install. One of Source and Symlink is set, or none of them for an
// empty directory.
type File struct {
	Path    string `json:"path"`             // absolute
	Source  string `json:"source,omitempty"` // the name of a regular file
	Symlink string `json:"symlink,omitempty"`
	Mode    string `json:"mode,omitempty"` // "0644", the default, or "0755"
	// Kind is "config" for a file that its user edits, "doc", "license", or "man" for a
	// manual page, which is compressed. Empty means any other file.
	Kind string `json:"kind,omitempty"`
}

// Scripts are names of shell scripts that the package manager runs. It runs those of the
// installation at upgrades too; dpkg and rpm also those of the removal. Their arguments are
// those of the format.
type Scripts struct {
	PreInstall  string `json:"preinstall,omitempty"`
	PostInstall string `json:"postinstall,omitempty"`
	PreRemove   string `json:"preremove,omitempty"`
	PostRemove  string `json:"postremove,omitempty"`
}

// Units are the systemd units that the package's scripts look after.
type Units struct {
	Names []string `json:"names,omitempty"` // such as tool.service
	// Enable says whether installing the package enables the units, as the distribution
	// has it.
	Enable bool `json:"enable,omitempty"`
}

// ReadSpec reads a JSON file with a Spec.
func ReadSpec(name string) (*Spec, error) {
	var s Spec
	if err := jsonfile.Read(name, &s); err != nil {
		return nil, fmt.Errorf("reading spec: %w", err)
	}
	return &s, nil
}

// Write writes the package to w.
func Write(ctx context.Context, w io.Writer, s *Spec) error {
	if err := s.check(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "linuxpkg-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p := &builder{Spec: s, dir: dir, time: time.Unix(s.SourceDateEpoch, 0).UTC(), sources: map[string]string{}}
	info, err := p.info()
	if err != nil {
		return fmt.Errorf("building %s package %q: %w", s.Format, s.Name, err)
	}
	w = fileio.Writer(ctx, w)
	switch s.Format {
	case Deb:
		err = p.writeDeb(ctx, w, info)
	case RPM:
		err = p.writeRPM(ctx, w, info)
	case APK:
		err = p.writeAPK(ctx, w, info)
	case ArchLinux:
		err = arch.Default.Package(info, w)
	}
	if err != nil {
		return fmt.Errorf("writing %s package %q: %w", s.Format, s.Name, err)
	}
	return nil
}

// A builder builds one package.
type builder struct {
	*Spec
	dir   string    // of generated files
	time  time.Time // of everything
	count int       // of generated files
	// sources are the files whose contents nfpm does not write, by their paths in the package.
	sources map[string]string
}

// fill returns what writes the contents of the files.
func (b *builder) fill(ctx context.Context) *fill {
	return &fill{ctx: ctx, sources: b.sources, buf: make([]byte, copyBlock)}
}

// generate writes a file that is not an input, and returns its name. nfpm copies its time.
func (b *builder) generate(content []byte) (string, error) {
	b.count++
	name := filepath.Join(b.dir, fmt.Sprint(b.count))
	if err := os.WriteFile(name, content, 0o600); err != nil {
		return "", err
	}
	return name, os.Chtimes(name, b.time, b.time)
}

// info returns what nfpm reads.
func (b *builder) info() (*nfpm.Info, error) {
	info := &nfpm.Info{
		Name:            b.Name,
		Arch:            b.Architecture,
		Platform:        "linux",
		Version:         b.Version,
		Release:         b.Release,
		Section:         b.Section,
		Priority:        b.Priority,
		Maintainer:      b.Maintainer,
		Vendor:          b.Vendor,
		Homepage:        b.Homepage,
		License:         b.License,
		Description:     b.Summary,
		DisableGlobbing: true,
		MTime:           b.time,
	}
	info.Depends, info.Recommends, info.Conflicts, info.Provides, info.Replaces = b.Depends, b.Recommends, b.Conflicts, b.Provides, b.Replaces
	var err error
	switch b.Format {
	case Deb:
		info.Deb.Arch, info.Deb.Compression = b.Architecture, compression
		info.Description = joinLines(b.Summary, b.Description)
	case RPM:
		info.RPM = nfpm.RPM{Arch: b.Architecture, BuildHost: "localhost", Compression: compression, Group: b.Group, Summary: b.Summary}
		if b.Description != "" {
			info.Description = b.Description
		}
		info.Changelog, err = b.changelogYAML()
	case APK:
		info.APK.Arch = b.Architecture
		// apk has no conflicts: a package depends on the absence of another.
		for _, c := range b.Conflicts {
			info.Depends = append(info.Depends[:len(info.Depends):len(info.Depends)], "!"+c)
		}
	case ArchLinux:
		info.ArchLinux.Arch, info.ArchLinux.Packager = b.Architecture, b.Maintainer
	}
	if err != nil {
		return nil, err
	}
	if info.Contents, err = b.contents(); err != nil {
		return nil, err
	}
	return info, b.addScripts(info)
}

func joinLines(a, b string) string {
	if b == "" {
		return a
	}
	return a + "\n" + b
}
