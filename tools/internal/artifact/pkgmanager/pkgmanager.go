// Package pkgmanager writes what package managers read to install the programs of a release:
// plain text from names, URLs and digests. The same input gives the same bytes.
//
//	homebrew  a formula                         https://docs.brew.sh/Formula-Cookbook
//	scoop     a manifest of an app              https://github.com/ScoopInstaller/Scoop/wiki/App-Manifests
//	winget    version, installer, locale        https://learn.microsoft.com/windows/package-manager/package/manifest
//	aur       PKGBUILD and .SRCINFO             PKGBUILD(5)
//	nix       a function of a derivation        https://nixos.org/manual/nixpkgs/stable
//	krew      a plugin of kubectl               https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest
//	script    install.sh, which checks the digest of what it downloads, for POSIX shells
package pkgmanager

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// A Package is what is installed.
type Package struct {
	Name     string   `json:"name"` // such as age: the package's, the formula's, the app's
	Version  string   `json:"version"`
	Managers []string `json:"managers"` // of Managers()

	Description string `json:"description"` // one line
	Homepage    string `json:"homepage"`
	License     string `json:"license"` // an SPDX expression
	// Publisher is the first part of the identifier at winget, such as FiloSottile.
	Publisher string `json:"publisher"`
	// Maintainer is the maintainer at the AUR, as Name <address>.
	Maintainer string `json:"maintainer"`
	// URL is the archives' URL, with {version} and {file}.
	URL string `json:"url"`
	// Test are the arguments with which the first program prints its version; may be empty.
	Test []string `json:"test"`

	Archives []Archive `json:"archives"`
}

// An Archive is what is downloaded for a platform.
type Archive struct {
	Path   string        `json:"path"` // its file name
	OS     string        `json:"os"`   // GOOS
	Arch   string        `json:"arch"` // GOARCH
	Digest digest.Digest `json:"-"`
	// Source is the file, to be hashed.
	Source string `json:"source"`
	// Directory is the directory in it that has everything, or empty.
	Directory string `json:"directory"`
	// Programs are paths of programs in it, below Directory.
	Programs []string `json:"programs"`
}

// A manager returns files by path.
type manager func(*Package) (map[string]string, error)

var managers = map[string]manager{
	"aur": aur, "homebrew": homebrew, "krew": krew, "nix": nix, "scoop": scoop, "script": script, "winget": winget,
}

// Managers returns the names of the package managers, sorted.
func Managers() []string { return slices.Sorted(maps.Keys(managers)) }

var (
	namePattern    = regexp.MustCompile(`^[a-z][a-z0-9._-]*$`)
	versionPattern = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+_~-]*$`)
	linePattern    = regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`)
)

// Write returns the files for the package managers of p, by path: MANAGER/… .
func Write(p *Package) (map[string][]byte, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("package %q: %w", p.Name, err)
	}
	slices.SortFunc(p.Archives, func(a, b Archive) int { return strings.Compare(a.Path, b.Path) })
	files := map[string][]byte{}
	for _, name := range p.Managers {
		written, err := managers[name](p)
		if err != nil {
			return nil, fmt.Errorf("package %q for %s: %w", p.Name, name, err)
		}
		for file, content := range written {
			files[path.Join(name, file)] = []byte(content)
		}
	}
	return files, nil
}

func (p *Package) check() error {
	for _, m := range p.Managers {
		if managers[m] == nil {
			return fmt.Errorf("got package manager %q, want one of %s", m, strings.Join(Managers(), ", "))
		}
	}
	for _, f := range []struct {
		name, value string
		form        *regexp.Regexp
	}{
		{"name", p.Name, namePattern}, {"version", p.Version, versionPattern}, {"description", p.Description, linePattern},
		{"license", p.License, linePattern}, {"publisher", p.Publisher, linePattern}, {"maintainer", p.Maintainer, linePattern},
	} {
		if !f.form.MatchString(f.value) {
			return fmt.Errorf("%s: got %q, want the form %s", f.name, f.value, f.form)
		}
	}
	for name, value := range map[string]string{"homepage": p.Homepage, "url": p.URL} {
		if u, err := url.Parse(value); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.ContainsAny(value, "'\"\\$` ") {
			return fmt.Errorf("%s: got %q, want a URL", name, value)
		}
	}
	if !strings.Contains(p.URL, "{file}") {
		return fmt.Errorf("url: got %q, want it to have {file}", p.URL)
	}
	if len(p.Archives) == 0 {
		return errors.New("it has no archives")
	}
	seen := map[string]string{}
	for _, a := range p.Archives {
		at := a.OS + "/" + a.Arch
		if other, ok := seen[at]; ok {
			return fmt.Errorf("two archives for %s: %q and %q", at, other, a.Path)
		}
		seen[at] = a.Path
		if len(a.Programs) == 0 || a.Digest == "" {
			return fmt.Errorf("archive %q has no programs or no digest", a.Path)
		}
	}
	return nil
}

// url returns where an archive is downloaded.
func (p *Package) url(a Archive) string {
	return strings.NewReplacer("{version}", p.Version, "{file}", a.Path).Replace(p.URL)
}

// find returns the archive of a platform, or nil.
func (p *Package) find(os, arch string) *Archive {
	for i, a := range p.Archives {
		if a.OS == os && a.Arch == arch {
			return &p.Archives[i]
		}
	}
	return nil
}

// need returns the archives of an operating system. No archive is an error.
func (p *Package) need(os string) ([]Archive, error) {
	var found []Archive
	for _, a := range p.Archives {
		if a.OS == os {
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no archive is for %s", os)
	}
	return found, nil
}

// command returns the name that a user types for a program.
func command(program string) string { return strings.TrimSuffix(path.Base(program), ".exe") }
