package standin_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/check/validate"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/workspacetest"
)

// breaker makes copies of a release and breaks them.
type breaker struct {
	from         string // the release
	own          []validate.Own
	version, hub string
	proxy        string // commit
}

func newBreaker(t *testing.T, s *standIn) *breaker {
	t.Helper()
	b := &breaker{version: s.manifest.Version, hub: s.manifest.Docker, proxy: s.proxy}
	var err error
	if b.from, err = filepath.EvalSymlinks(filepath.Join(s.Dir, "bazel-bin", "release", "all")); err != nil {
		t.Fatal(err)
	}
	if err := jsonfile.Read(filepath.Join(s.Dir, "bazel-bin", "release", "validate.checks.json"), &b.own); err != nil {
		t.Fatal(err)
	}
	return b
}

// validate returns what is found in a release.
func (b *breaker) validate(t *testing.T, dir string) (found []string) {
	t.Helper()
	start := func(ctx context.Context, program string, args, env []string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = append(os.Environ(), env...)
		return cmd.Output()
	}
	r, err := validate.Run(t.Context(), validate.Args{Dir: dir, Own: b.own, Run: start})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Checks {
		for _, f := range c.Findings {
			found = append(found, c.Name+": "+f.String())
		}
	}
	return found
}

// checkWhole checks that the release has what Envoy and ztunnel are for, and that nothing is
// wrong.
func (b *breaker) checkWhole(t *testing.T) {
	for _, name := range []string{"images/proxyv2/index.json", "images/proxyv2-distroless/index.json", "images/ztunnel/index.json", "deb/istio-sidecar.deb", "deb/istio-sidecar-arm64.deb", "rpm/istio-sidecar.rpm"} {
		if _, err := os.Stat(filepath.Join(b.from, name)); err != nil {
			t.Error(err)
		}
	}
	if found := b.validate(t, b.from); len(found) > 0 {
		t.Errorf("got findings\n%s", strings.Join(found, "\n"))
	}
}

// checkBroken breaks the release in one way each: those that the checks of istio/release-builder
// look for, by their names, and others.
func (b *breaker) checkBroken(t *testing.T) {
	archive, standalone := "istio-"+b.version+"-linux-amd64.tar.gz", "istioctl-"+b.version+"-linux-amd64.tar.gz"
	top, other := "istio-"+b.version+"/", strings.Replace(b.version, "1.31", "1.30", 1)
	for _, tt := range []struct {
		name  string
		broke func(t *testing.T, dir string)
		want  string // a part of a finding
	}{
		{"IstioctlArchive", edit(archive, top+"bin/istioctl", b.version, other), "product: " + archive + ": " + top + "bin/istioctl: archive: "},
		{"IstioctlStandalone", edit(standalone, "istioctl", b.version, other), "product: " + standalone + ": istioctl: istioctl-version: "},
		{"TestDocker", remove("images/pilot"), `product: the release: pilot-config: no artifact matches "images/pilot"`},
		{"TestDocker, one architecture", image("images/pilot", "arm64", nil), "images: images/pilot: it is not built for linux/arm64"},
		{"HelmVersionsIstio", edit(archive, top+"manifests/charts/istio-control/istio-discovery/values.yaml", "tag: "+b.version, "tag: latest"), `archive: _internal_defaults_do_not_set.global.tag is "latest", want "` + b.version + `"`},
		{"HelmChartVersions", edit("helm/istiod-"+b.version+".tgz", "istiod/Chart.yaml", "version: "+b.version, "version: "+other), "charts: helm/istiod-" + b.version + ".tgz: "},
		{"IstioctlProfiles", edit(archive, top+"manifests/profiles/default.yaml", "hub: "+b.hub, "hub: example.com/x"), `archive: spec.hub is "example.com/x", want "` + b.hub + `"`},
		{"Manifest", replace("manifest.yaml", "  api:", "  other:"), `product: manifest.yaml: dependencies: it has no "dependencies.api"`},
		{"Licenses", remove("licenses/client-go.tar.gz"), `product: the release: files: it has no file "licenses/client-go.tar.gz"`},
		{"Grafana", remove("grafana/istio-mesh-dashboard.json"), `files: it has no file "grafana/istio-mesh-dashboard.json"`},
		{"CompletionFiles", edit(archive, top+"tools/_istioctl", "", ""), `archive: it has no file "` + top + `tools/_istioctl"`},
		{"ProxyVersion", image("images/proxyv2", "amd64", func(c *v1.ConfigFile) {
			for i, e := range c.Config.Env {
				c.Config.Env[i] = strings.ReplaceAll(e, b.proxy, strings.Repeat("0", 40))
			}
		}), `proxyv2-config: its environment lacks "ISTIO_META_ISTIO_PROXY_SHA=` + b.proxy},
		{"Debian", remove("deb/istioctl.deb"), `files: it has no file "deb/istioctl.deb"`},
		{"Rpm", remove("rpm/istio-sidecar.rpm"), `files: it has no file "rpm/istio-sidecar.rpm"`},
		{"a checksum", replace(archive+".sha256", "a", "b"), "digests: " + archive + ".sha256: "},
		{"the SBOM", forget("sbom/istio-"+b.version+".spdx.json", standalone), "statements: sbom/istio-" + b.version + `.spdx.json: it lacks artifact "` + standalone + `"`},
		{"the provenance", forget("provenance.intoto.json", standalone), `statements: provenance.intoto.json: no subject is artifact "` + standalone + `"`},
		{"a program of another platform", func(t *testing.T, dir string) {
			copyFile(t, filepath.Join(dir, "istioctl-"+b.version+"-linux-arm64.tar.gz"), filepath.Join(dir, standalone))
		}, "programs: " + standalone + ": istioctl: it is for linux-arm64, want linux-amd64"},
		{"a user", image("images/istioctl", "arm64", func(c *v1.ConfigFile) { c.Config.User = "0:0" }), `istioctl-config: its user is "0:0", want "1000:1000"`},
		{"the sources", remove("sources.tar.gz"), `files: it has no file "sources.tar.gz"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "release")
			workspacetest.CopyTree(t, b.from, dir, nil)
			tt.broke(t, dir)
			seal(t, dir)
			if found := b.validate(t, dir); !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, tt.want) }) {
				t.Errorf("got findings\n%s\nwant %s", strings.Join(found, "\n"), tt.want)
			}
		})
	}
}

// seal writes release.json and SHA256SUMS anew, so that only what is broken is found.
func seal(t *testing.T, dir string) {
	t.Helper()
	name := filepath.Join(dir, release.DocumentFile)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	d, err := release.ParseDocument(data)
	if err != nil {
		t.Fatal(err)
	}
	d.Artifacts = slices.DeleteFunc(d.Artifacts, func(a release.Artifact) bool {
		_, err := os.Stat(filepath.Join(dir, a.Path))
		return err != nil
	})
	for i := range d.Artifacts {
		a := &d.Artifacts[i]
		at := filepath.Join(dir, a.Path)
		if a.Kind == "image" {
			manifest := only(t, at)
			a.Digest, a.Size = digest.Digest(manifest.Digest.String()), manifest.Size
		} else if a.Digest, a.Size, err = digest.FromFile(at); err != nil {
			t.Fatal(err)
		}
	}
	if err := jsonfile.Write(name, d); err != nil {
		t.Fatal(err)
	}
	releasetest.Seal(t, dir)
}

// only returns the descriptor of an image's layout.
func only(t *testing.T, dir string) v1.Descriptor {
	t.Helper()
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil || len(m.Manifests) != 1 {
		t.Fatalf("%s: got %v, %v, want one manifest", dir, m, err)
	}
	return m.Manifests[0]
}

// put replaces a file that may be read-only.
func put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := errors.Join(os.Remove(name), os.WriteFile(name, data, 0o644)); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	put(t, to, data)
}

func remove(name string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func replace(name, old, new string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Contains(data, []byte(old)) {
			t.Fatalf("%s does not have %q: %v", name, old, err)
		}
		put(t, filepath.Join(dir, name), bytes.ReplaceAll(data, []byte(old), []byte(new)))
	}
}

// forget replaces the digest of a file in a statement.
func forget(statement, name string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		d, _, err := digest.FromFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		replace(statement, d.Hex(), strings.Repeat("0", 64))(t, dir)
	}
}

// edit replaces text in a file of a tar.gz. Without text it removes the file.
func edit(name, member, old, new string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		in, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		out := gzip.NewWriter(&b)
		r, w := tar.NewReader(in), tar.NewWriter(out)
		done := false
		for {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if h.Name == member {
				done = bytes.Contains(content, []byte(old))
				if old == "" {
					continue
				}
				content = bytes.ReplaceAll(content, []byte(old), []byte(new))
				h.Size = int64(len(content))
			}
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(content); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.Close(), out.Close()); err != nil || !done {
			t.Fatalf("%s: %s does not have %q: %v", name, member, old, err)
		}
		put(t, filepath.Join(dir, name), b.Bytes())
		sum := filepath.Join(dir, name+".sha256")
		if _, err := os.Stat(sum); err == nil {
			put(t, sum, []byte(digest.FromBytes(b.Bytes()).Hex()+"  "+filepath.Base(name)+"\n"))
		}
	}
}

// image changes the config of an image for one architecture, or removes that one.
func image(name, architecture string, change func(*v1.ConfigFile)) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		dir = filepath.Join(dir, name)
		old := only(t, dir)
		p, err := layout.FromPath(dir)
		if err != nil {
			t.Fatal(err)
		}
		index, err := p.ImageIndex()
		if err == nil {
			index, err = index.ImageIndex(old.Digest)
		}
		if err != nil {
			t.Fatal(err)
		}
		all, err := partial.FindManifests(index, func(d v1.Descriptor) bool { return d.Platform != nil && d.Platform.Architecture == architecture })
		if err != nil || len(all) != 1 {
			t.Fatalf("%s: got %v, %v, want one for %s", name, all, err, architecture)
		}
		changed := mutate.RemoveManifests(index, match.Digests(all[0].Digest))
		if change != nil {
			changed = mutate.AppendManifests(changed, mutate.IndexAddendum{Add: configured(t, index, all[0], change), Descriptor: v1.Descriptor{Platform: all[0].Platform, Annotations: all[0].Annotations}})
		}
		if err := p.ReplaceIndex(changed, match.Digests(old.Digest), layout.WithAnnotations(old.Annotations)); err != nil {
			t.Fatal(err)
		}
	}
}

// configured returns an image of an index with another config.
func configured(t *testing.T, index v1.ImageIndex, desc v1.Descriptor, change func(*v1.ConfigFile)) v1.Image {
	t.Helper()
	i, err := index.Image(desc.Digest)
	if err != nil {
		t.Fatal(err)
	}
	config, err := i.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	change(config)
	if i, err = mutate.ConfigFile(i, config); err != nil {
		t.Fatal(err)
	}
	return i
}
