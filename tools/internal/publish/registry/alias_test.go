package registry

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/aliastest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/registrytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// stable returns tags that follow the rule stable.
func stable(names ...string) []publish.Alias {
	var all []publish.Alias
	for _, name := range names {
		all = append(all, publish.Alias{Name: name, Rule: publish.Stable})
	}
	return all
}

// hubs are where the cases of aliases run: in a registry, and in a directory.
var hubs = []struct {
	name  string
	start func(t *testing.T) Config
}{
	{"registry", func(t *testing.T) Config {
		s := registrytest.Strict(t, nil)
		return Config{Hub: s.Host + "/x", Transport: s.Transport}
	}},
	{"directory", func(t *testing.T) Config { return Config{Hub: "file://" + t.TempDir()} }},
}

// TestAliasCases runs the cases of all destinations, for images and for charts.
func TestAliasCases(t *testing.T) {
	images := func(ctx context.Context, c Config, tree *release.Tree) (publish.Destination, error) {
		if tree != nil { // as a profile has them
			c.Tags = append(stable(tree.Version), c.Tags...)
		}
		return New(ctx, c, tree)
	}
	for _, kind := range []struct {
		name    string
		release releasetest.Args
		open    func(context.Context, Config, *release.Tree) (publish.Destination, error)
	}{
		{"images", releasetest.Args{Images: []string{"app", "proxy"}}, images},
		{"charts", releasetest.Args{Charts: []string{"app", "proxy"}}, NewCharts},
	} {
		for _, hub := range hubs {
			t.Run(kind.name+" in a "+hub.name, func(t *testing.T) {
				aliastest.Run(t, func(t *testing.T) aliastest.Place {
					c := hub.start(t)
					open := func(a publish.Alias, tree *release.Tree) publish.Destination {
						c.Tags = []publish.Alias{a}
						d, err := kind.open(t.Context(), c, tree)
						if err != nil {
							t.Fatal(err)
						}
						return d
					}
					p := pointers{t, open(publish.Alias{}, nil).(*destination)}
					return aliastest.Place{Release: kind.release, Open: open, Points: p.version, Do: p.do}
				})
			})
		}
	}
}

// pointers are the tags latest of the repositories app and proxy.
type pointers struct {
	t *testing.T
	d *destination
}

func (p pointers) session() session {
	s, err := p.d.hub.open(p.t.Context(), []string{"app", "proxy"}, true)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// version is what both tags point to.
func (p pointers) version() string {
	p.t.Helper()
	s := p.session()
	var versions []string
	for _, repo := range []string{"app", "proxy"} {
		d, err := s.head(p.t.Context(), repo, "latest")
		if err != nil {
			p.t.Fatal(err)
		}
		if d == "" {
			versions = append(versions, "")
			continue
		}
		c, err := candidate(p.t.Context(), s, repo, d, func(publish.Candidate) bool { return false })
		if err != nil {
			p.t.Fatal(err)
		}
		versions = append(versions, c.Version)
	}
	if versions[0] != versions[1] {
		p.t.Errorf("got %q, want the same of both", versions)
	}
	return versions[0]
}

func (p pointers) do(e aliastest.Event) {
	for _, repo := range []string{"app", "proxy"} {
		var err error
		h, local := p.d.hub.(*dirHub)
		switch {
		case e == aliastest.Unknown:
			raw := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
			n, _, bad := parseNode([]byte(raw), types.OCIImageIndex)
			if bad != nil {
				p.t.Fatal(bad)
			}
			_, err = p.session().putManifest(p.t.Context(), repo, "latest", n)
		case local:
			err = untag(h, repo)
		default:
			ref, bad := name.ParseReference(p.d.refName(repo, "latest"))
			if bad != nil {
				p.t.Fatal(bad)
			}
			err = remote.Delete(ref, remote.WithTransport(p.d.config.Transport))
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
}

// untag takes the tag latest out of a layout.
func untag(h *dirHub, repo string) error {
	index, err := h.layout(repo).Index()
	if err != nil {
		return err
	}
	index.Manifests = slices.DeleteFunc(index.Manifests, func(e layout.Entry) bool { return e.Tag == "latest" })
	data, err := jsonfile.Marshal(index)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(string(h.layout(repo)), "index.json"), data, 0o644)
}

// TestTagOrder has several aliases: each moves for all images before the next one.
func TestTagOrder(t *testing.T) {
	c := Config{Hub: "file://" + t.TempDir(), Tags: stable("latest", "1.2.0", "1.2")}
	var got []string
	for _, i := range plan(t, open(t, c, images(t, "1.2.0"))) {
		if i.Phase == publish.Reveal {
			got = append(got, strings.TrimPrefix(i.Name, c.Hub+"/"))
		}
	}
	want := []string{"app:1.2.0", "proxy:1.2.0", "app:latest", "proxy:latest", "app:1.2", "proxy:1.2"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestVerifyTag verifies the receipts of two releases, of which the second left the
// tag at the first, after something happened to it.
func TestVerifyTag(t *testing.T) {
	for _, tt := range []struct{ name, there, want string }{
		{"a later release", "1.3.0", ""},
		{"an older release", "1.1.0", `: got sha256:\w+, want sha256:\w+ or that of a later release: 1.1.0 is lower than 1.2.0`},
		{"a pre-release", "1.3.0-rc.1", `a later release: 1.3.0-rc.1 is a pre-release`},
		{"other content of the version", "other-1.2.0", `a later release: it has other content of the same version`},
		{"no version", "", `a later release: its target has no version`},
		{"the later release, in the config alone", "label-1.3.0", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := registrytest.Strict(t, nil)
			c := Config{Hub: s.Host + "/x", Transport: s.Transport, Tags: stable("latest")}
			receipts := map[string][]publish.Item{}
			for _, version := range []string{"1.2.0", "1.1.9"} {
				d := open(t, c, images(t, version))
				publishAll(t, d)
				receipts[version] = plan(t, d)
			}
			other(t, s, c.Hub+"/app:latest", tt.there)
			for version, items := range receipts {
				err := open(t, c, nil).Verify(t.Context(), items, false)
				wantError(t, err, tt.want)
				if err != nil && strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: got %v, want one difference", version, err)
				}
			}
		})
	}
}
