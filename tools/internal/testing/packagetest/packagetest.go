// Package packagetest makes Linux packages, and releases that have them, for tests.
package packagetest

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/apk" // registers the format, like those below
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// A Package describes a package.
type Package struct {
	// Format is deb, rpm or apk.
	Format string
	// Name defaults to demo, Version to 1.2.0, Arch, as Go names it, to amd64.
	Name, Version, Arch string
	// Text is in the package's file /usr/share/NAME/text.
	Text    string
	Depends []string
}

func (p Package) withDefaults() Package {
	p.Name, p.Version, p.Arch = cmp.Or(p.Name, "demo"), cmp.Or(p.Version, "1.2.0"), cmp.Or(p.Arch, "amd64")
	return p
}

// Path returns the path of a package in a release.
func (p Package) Path() string {
	p = p.withDefaults()
	return p.Format + "/" + p.Name + "-" + p.Version + "-" + p.Arch + "." + p.Format
}

// Make makes a package. Equal arguments give equal bytes.
func Make(tb testing.TB, p Package) string {
	tb.Helper()
	p = p.withDefaults()
	text := filepath.Join(tb.TempDir(), "text")
	check(tb, os.WriteFile(text, []byte(cmp.Or(p.Text, p.Name+" "+p.Version)), 0o644))
	time := releasetest.Time
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: p.Name, Arch: p.Arch, Platform: "linux", Version: p.Version, Maintainer: "Demo <demo@example.com>", Description: "A demo\nwith two lines", Homepage: "https://example.com/?a&b",
		License: "Apache-2.0", Section: "utils", Priority: "optional", MTime: time,
		Overridables: nfpm.Overridables{
			Depends: p.Depends,
			Contents: files.Contents{{
				Source: text, Destination: "/usr/share/" + p.Name + "/text", FileInfo: &files.ContentFileInfo{MTime: time, Mode: 0o644, Owner: "root", Group: "root"},
			}},
			RPM: nfpm.RPM{BuildHost: "localhost", Summary: "A demo", Group: "Unspecified"},
		},
	})
	if p.Format == "apk" { // a field of its .PKGINFO is one line
		info.Description = "A demo"
	}
	check(tb, nfpm.PrepareForPackager(info, p.Format))
	packager, err := nfpm.Get(p.Format)
	check(tb, err)
	var b bytes.Buffer
	check(tb, packager.Package(info, &b))
	return b.String()
}

// Release makes a release with packages, and the release.json that lists them.
func Release(tb testing.TB, a releasetest.Args, packages ...Package) string {
	tb.Helper()
	a.Version = cmp.Or(a.Version, "1.2.0")
	all := map[string]string{}
	doc := &release.Document{Schema: release.DocumentSchema, Product: "demo", Version: a.Version}
	for _, p := range packages {
		p.Version = cmp.Or(p.Version, a.Version)
		data := Make(tb, p)
		all[p.Path()] = data
		doc.Artifacts = append(doc.Artifacts, release.Artifact{
			Path: p.Path(), Kind: p.Format, MediaType: "application/octet-stream", Size: int64(len(data)), Digest: digest.FromBytes([]byte(data)),
		})
	}
	slices.SortFunc(doc.Artifacts, func(a, b release.Artifact) int { return strings.Compare(a.Path, b.Path) })
	data, err := jsonfile.Marshal(doc)
	check(tb, err)
	all[release.DocumentFile] = string(data)
	for path, content := range a.Files {
		all[path] = content
	}
	a.Files = all
	return releasetest.Make(tb, a)
}

// Later returns a time some days after that of other releases.
func Later(days int) time.Time { return releasetest.Time.Add(time.Duration(days) * 24 * time.Hour) }

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
