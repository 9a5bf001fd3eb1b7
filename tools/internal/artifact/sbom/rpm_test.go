package sbom

import (
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
)

const fedora = "ID=fedora\nVERSION_ID=42\nPRETTY_NAME=\"Fedora\"\n"

// TestRPM reads databases that rpm made, in images whose layers replace, remove and move them.
func TestRPM(t *testing.T) {
	pkg := func(names ...string) []packagetest.Package {
		var all []packagetest.Package
		for _, name := range names {
			all = append(all, packagetest.Package{Name: name, Version: "1.2.0"})
		}
		return all
	}
	two, _ := packagetest.Installed(t, "", pkg("bash", "curl"))
	three, _ := packagetest.Installed(t, "", pkg("bash", "curl", "zsh"))
	one, _ := packagetest.Installed(t, "", pkg("bash", "curl"), "curl")
	const db, sysimage = "var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite"
	for _, tt := range []struct {
		name   string
		layers [][]string
		want   []string
		err    string
	}{
		{"one layer", [][]string{{db, two, "etc/os-release", fedora}}, []string{"OS fedora", "Package bash", "Package curl"}, ""},
		{"installed above", [][]string{{db, two}, {db, three}}, []string{"Package bash", "Package curl", "Package zsh"}, ""},
		{"removed above", [][]string{{db, two}, {db, one}}, []string{"Package bash"}, ""},
		{"database removed", [][]string{{db, two}, {"var/lib/.wh.rpm", ""}}, nil, ""},
		{"directory opaque", [][]string{{db, two}, {"var/lib/rpm/.wh..wh..opq", "", db, one}}, []string{"Package bash"}, ""},
		{"moved", [][]string{{db, two}, {"var/lib/rpm/.wh.rpmdb.sqlite", "", sysimage, three}}, []string{"Package bash", "Package curl", "Package zsh"}, ""},
		{"an empty log", [][]string{{db, two, db + "-wal", ""}}, []string{"Package bash", "Package curl"}, ""},
		{"a log that is gone", [][]string{{db, two, db + "-wal", "x"}, {db, one, "var/lib/rpm/.wh.rpmdb.sqlite-wal", ""}}, []string{"Package bash"}, ""},
		{"a log", [][]string{{db, two}, {db + "-wal", "x"}}, nil, `reading image "images/tool": "var/lib/rpm/rpmdb.sqlite-wal": it has changes of packages`},
		{"cut", [][]string{{db, two[:len(two)/2]}}, nil, `"var/lib/rpm/rpmdb.sqlite": reading a database of rpm: SQLite`},
		{"elsewhere", [][]string{{"usr/share/doc/rpm/Packages", "Packages are …"}}, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var layers []v1.Layer
			for _, pairs := range tt.layers {
				layers = append(layers, tarOf(t, pairs...))
			}
			inv, err := imageOf(t, layers...)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %s", err, tt.err)
				}
				return
			}
			check(t, err)
			if got := names(t, inv); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRPMPURL(t *testing.T) {
	p := osPackage{format: "rpm", name: "bash", version: "1:5.2.26-3.fc42", arch: "x86_64", source: "bash-5.2.26-3.fc42.src.rpm"}
	for id, want := range map[string]string{
		"fedora":        "pkg:rpm/fedora/bash@5.2.26-3.fc42?arch=x86_64&distro=fedora-42&epoch=1&upstream=bash-5.2.26-3.fc42.src.rpm",
		"rhel":          "pkg:rpm/redhat/bash@5.2.26-3.fc42?arch=x86_64&distro=rhel-42&epoch=1&upstream=bash-5.2.26-3.fc42.src.rpm",
		"opensuse-leap": "pkg:rpm/opensuse/bash@5.2.26-3.fc42?arch=x86_64&distro=opensuse-leap-42&epoch=1&upstream=bash-5.2.26-3.fc42.src.rpm",
	} {
		if got := osPURL(p, osRelease{id: id, version: "42"}); got != want {
			t.Errorf("%s: got %s, want %s", id, got, want)
		}
	}
}
