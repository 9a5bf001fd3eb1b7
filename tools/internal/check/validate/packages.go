package validate

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/apk"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/deb"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/rpm"
)

// packageReaders return the name, the version and the architecture in a package's metadata.
var packageReaders = map[string]func(io.Reader) (name, version, arch string, err error){
	"apk": func(r io.Reader) (string, string, string, error) {
		p, err := apk.Read(r)
		if err != nil {
			return "", "", "", err
		}
		return p.Name, p.Version, p.Arch, nil
	},
	"deb": func(r io.Reader) (string, string, string, error) {
		p, err := deb.Read(r)
		return p.Get("Package"), p.Get("Version"), p.Get("Architecture"), err
	},
	"rpm": func(r io.Reader) (string, string, string, error) {
		p, err := rpm.Read(r)
		if err != nil {
			return "", "", "", err
		}
		return p.Name, p.Version, p.Arch, nil
	},
}

// separators are what the formats of packages write differently in versions.
var separators = regexp.MustCompile(`[^0-9A-Za-z]+`)

// linuxPackage checks the metadata of a package.
func (c *checker) linuxPackage(a release.Artifact, data []byte) {
	read := packageReaders[a.Kind]
	if read == nil {
		return
	}
	c.checked(Packages, 1)
	name, version, arch, err := read(bytes.NewReader(data))
	if err != nil {
		c.find(Packages, a.Path, "", "%v", err)
		return
	}
	want := separators.ReplaceAllString(strings.TrimPrefix(c.tree.Version, "v"), "")
	if got := separators.ReplaceAllString(version, ""); !strings.HasPrefix(got, want) {
		c.find(Packages, a.Path, "", "its version is %q, want one for %q", version, c.tree.Version)
	}
	if name == "" || arch == "" {
		c.find(Packages, a.Path, "", "its metadata lacks a name or an architecture: got %q and %q", name, arch)
	}
	if base := path.Base(a.Path); !strings.HasPrefix(base, name) {
		c.find(Packages, a.Path, "", "%s", fmt.Sprintf("its metadata has the name %q", name))
	}
}
