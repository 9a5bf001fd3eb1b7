package manifest

import (
	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

const (
	wantPlatform     = "a platform such as linux-amd64, osx-arm64 or win-amd64"
	wantArchitecture = "a Linux platform such as linux/amd64 or linux/arm/v7"
)

// Platforms returns the platforms of a release whose manifest names none.
func Platforms() []string {
	return []string{"linux-amd64", "linux-arm64", "linux-armv7", "osx-amd64", "osx-arm64", "win-amd64"}
}

// platform returns the canonical name of the platform n, or "".
func (p *parser) platform(n *yaml.Node, what string) string {
	if found, err := platform.Parse(n.Value); err == nil {
		return found.String()
	}
	if want := platform.Want(n.Value); want != "" {
		p.Errorf(n, "%s: got %s, want %s", what, strictyaml.Quote(n.Value), want)
		return ""
	}
	return p.Word(n, what, wantPlatform, platform.Names())
}

// architecture returns the platform of images and packages n, or "". 32-bit ARM has its
// variant, as in an image's index.
func (p *parser) architecture(n *yaml.Node, what string) string {
	name := p.Word(n, what, wantArchitecture, architectures)
	if name == "linux/arm" {
		return platform.Platform{GOOS: "linux", GOARCH: "arm"}.OCI()
	}
	return name
}

// architectures are the platforms that images and packages can have.
var architectures = func() []string {
	list := []string{"linux/arm"}
	for _, a := range platform.All() {
		if a.GOOS == "linux" {
			list = append(list, a.OCI())
		}
	}
	return list
}()

// names returns the template of the archives' names, or "" for the default.
func (p *parser) names(f *strictyaml.Fields) platform.Template {
	return platform.Template(p.Text(f, "names", strictyaml.Rule{
		Want: "a file name with fields such as " + string(platform.DefaultNames),
		Check: func(s string) string {
			t := platform.Template(s)
			name, err := t.Expand("name", "1", platform.Platform{GOOS: "linux", GOARCH: "amd64"})
			if err != nil {
				return err.Error()
			}
			if bad := rules.FileName(name); bad != "" {
				return bad
			}
			var all []platform.Platform
			for _, name := range p.m.Platforms {
				if a, err := platform.Parse(name); err == nil {
					all = append(all, a)
				}
			}
			if err := t.Check(all); err != nil {
				return err.Error()
			}
			return ""
		},
	}))
}
