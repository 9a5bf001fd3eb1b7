package registry

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// signed makes a release with an image, to whose index and first manifest
// something refers.
func signed(t *testing.T) *release.Tree {
	t.Helper()
	dir := releasetest.Make(t, releasetest.Args{Images: []string{"app"}})
	p, err := layout.FromPath(filepath.Join(dir, "images", "app"))
	if err != nil {
		t.Fatal(err)
	}
	top, err := p.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	m, err := top.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	index, err := top.ImageIndex(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	children, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	write := func(data []byte) v1.Descriptor {
		d := digest.FromBytes(data)
		if err := os.WriteFile(filepath.Join(dir, "images", "app", "blobs", "sha256", d.Hex()), data, 0o644); err != nil {
			t.Fatal(err)
		}
		return v1.Descriptor{Digest: v1.Hash{Algorithm: "sha256", Hex: d.Hex()}, Size: int64(len(data))}
	}
	for i, subject := range []v1.Descriptor{m.Manifests[0], children.Manifests[0], m.Manifests[0]} {
		config, layer := write([]byte("{}")), write([]byte(strings.Repeat("signature", i+1)))
		config.MediaType, layer.MediaType = "application/vnd.oci.empty.v1+json", "application/vnd.example.signature"
		raw, err := json.Marshal(map[string]any{
			"schemaVersion": 2, "mediaType": types.OCIManifestSchema1, "artifactType": "application/vnd.example.signature",
			"config": config, "layers": []v1.Descriptor{layer}, "subject": subject, "annotations": map[string]string{"number": string(rune('0' + i))},
		})
		if err != nil {
			t.Fatal(err)
		}
		desc := write(raw)
		desc.MediaType = types.OCIManifestSchema1
		if err := p.AppendDescriptor(desc); err != nil {
			t.Fatal(err)
		}
	}
	releasetest.Seal(t, dir)
	return releasetest.Open(t, dir)
}

// TestReferrers pushes what refers to an image, with and without the referrers API.
func TestReferrers(t *testing.T) {
	t.Parallel()
	tree := signed(t)
	for _, server := range servers[:3] {
		s := server.start(t)
		if s == nil {
			continue
		}
		r := &recorder{inner: s.Transport}
		d := open(t, Config{Hub: s.Host + "/x", Transport: r}, tree)
		publishAll(t, d)
		all, _ := r.take()
		tagged := strings.Contains(strings.Join(all, "\n"), "PUT /v2/x/app/manifests/sha256-")
		if want := server.name != "strict"; tagged != want {
			t.Errorf("%s: wrote the referrers tag: got %v, want %v", server.name, tagged, want)
		}
		e := d.(*destination).entries[0]
		for subject, want := range map[digest.Digest]int{e.root.digest: 2, e.root.children[0].digest: 1, e.root.children[1].digest: 0} {
			ref, err := name.NewDigest(s.Host + "/x/app@" + string(subject))
			if err != nil {
				t.Fatal(err)
			}
			list, err := remote.Referrers(ref, remote.WithTransport(s.Transport))
			if err != nil {
				t.Fatal(err)
			}
			m, err := list.IndexManifest()
			if err != nil || len(m.Manifests) != want {
				t.Errorf("%s: got %+v, %v, want %d", server.name, m, err, want)
			}
			for _, desc := range m.Manifests {
				if desc.ArtifactType != "application/vnd.example.signature" || desc.Annotations["number"] == "" {
					t.Errorf("%s: got %+v", server.name, desc)
				}
			}
		}
	}
	// A directory has the list as a tag too.
	dir := t.TempDir()
	d := open(t, Config{Hub: "file://" + filepath.ToSlash(dir)}, tree)
	publishAll(t, d)
	data, err := os.ReadFile(filepath.Join(dir, "app", "index.json"))
	if err != nil || strings.Count(string(data), `: "sha256-`) != 2 {
		t.Errorf("index.json: got %s, %v", data, err)
	}
}

// TestLayouts has releases with images that are not as they have to be.
func TestLayouts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alter func(dir string) error
		want  string
	}{
		{"no layout", func(dir string) error { return os.WriteFile(filepath.Join(dir, "index.json"), []byte("x"), 0o644) }, `reading "images/app/index.json": invalid character`},
		{"empty", func(dir string) error { return os.WriteFile(filepath.Join(dir, "index.json"), []byte("{}"), 0o644) }, `has no manifest without a subject`},
		{"a blob less", func(dir string) error {
			all, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
			if err != nil {
				return err
			}
			for _, name := range all {
				if err := os.Remove(name); err != nil {
					return err
				}
			}
			return nil
		}, `image "app": the release has no file "images/app/blobs/sha256/`},
		{"a blob of another name", func(dir string) error {
			all, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
			if err != nil {
				return err
			}
			for _, name := range all {
				if err := os.WriteFile(name, []byte("x"), 0o644); err != nil {
					return err
				}
			}
			return nil
		}, `image "app": sha256 of "images/app/blobs/sha256/[0-9a-f]+": got sha256:[0-9a-f]+, want sha256:[0-9a-f]+, as its name says`},
	} {
		dir := releasetest.Make(t, releasetest.Args{Images: []string{"app"}})
		if err := tt.alter(filepath.Join(dir, "images", "app")); err != nil {
			t.Fatal(err)
		}
		releasetest.Seal(t, dir)
		_, err := New(t.Context(), Config{Hub: "registry.example"}, releasetest.Open(t, dir))
		wantError(t, err, tt.want)
	}
	for _, tag := range []string{"a/b", "", strings.Repeat("x", 129)} {
		_, err := New(t.Context(), Config{Hub: "registry.example", Tags: stable(tag)}, images(t, "1.2.0"))
		wantError(t, err, `image "app": tag ".*": want letters`)
	}
}

// TestCharts publishes charts.
func TestCharts(t *testing.T) {
	t.Parallel()
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Version: "1.2.0+build.3", Charts: []string{"web", "db"}}))
	for _, server := range servers[:3] {
		s := server.start(t)
		if s == nil {
			continue
		}
		hub := s.Host + "/charts"
		c := Config{Hub: hub, Transport: s.Transport}
		d, err := NewCharts(t.Context(), c, tree)
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, plan(t, d), hub, "chart db absent", "chart web absent", "tag db:1.2.0_build.3 absent", "tag web:1.2.0_build.3 absent")
		publishAll(t, d)
		items := plan(t, d)
		wantStates(t, items, hub, "chart db equal", "chart web equal", "tag db:1.2.0_build.3 equal", "tag web:1.2.0_build.3 equal")
		wantError(t, d.Verify(t.Context(), items, true), "")
		// Another process finds the same.
		if d, err = NewCharts(t.Context(), c, tree); err != nil {
			t.Fatal(err)
		}
		wantStates(t, plan(t, d), hub, "chart db equal", "chart web equal", "tag db:1.2.0_build.3 equal", "tag web:1.2.0_build.3 equal")
		checkChart(t, hub+"/web:1.2.0_build.3")
		pull(t, s.Host)
		// The tag of a version never moves.
		other(t, s, hub+"/web:1.2.0_build.3", "1.0.0")
		c.Tags = []publish.Alias{{Name: "1.2.0+build.3", Rule: publish.Stable, Back: true}}
		if d, err = NewCharts(t.Context(), c, tree); err != nil {
			t.Fatal(err)
		}
		wantStates(t, plan(t, d), hub, "chart db equal", "chart web equal", "tag db:1.2.0_build.3 equal", "tag web:1.2.0_build.3 conflict")
	}
}

func checkChart(t *testing.T, at string) {
	t.Helper()
	ref, err := name.ParseReference(at)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if m.Config.MediaType != chartConfig || len(m.Layers) != 1 || m.Layers[0].MediaType != chartContent {
		t.Errorf("got %+v", m)
	}
	for k, want := range map[string]string{"title": "web", "version": "1.2.0+build.3", "description": "The chart web.", "created": "2024-02-29T12:00:00Z"} {
		if got := m.Annotations["org.opencontainers.image."+k]; got != want {
			t.Errorf("%s: got %q, want %q", k, got, want)
		}
	}
	raw, err := img.RawConfigFile()
	if want := `{"apiVersion":"v2","appVersion":"1.2.0+build.3","description":"The chart web.","name":"web","version":"1.2.0+build.3"}`; err != nil || string(raw) != want {
		t.Errorf("config: got %s, %v, want %s", raw, err, want)
	}
}

// pull has helm pull a chart, if that is installed.
func pull(t *testing.T, host string) {
	t.Helper()
	command, ok := readers.Look(t, "helm")
	if !ok {
		return
	}
	cmd := exec.Command(command, "pull", "--plain-http", "--version", "1.2.0+build.3", "oci://"+host+"/charts/web")
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"HOME=" + cmd.Dir}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("helm pull: got %v, %s", err, out)
	}
}

// TestNothing has a release without images.
func TestNothing(t *testing.T) {
	d := open(t, Config{Hub: "registry.example"}, releasetest.Open(t, releasetest.Make(t, releasetest.Args{})))
	items, err := d.Plan(t.Context())
	if err != nil || len(items) > 0 {
		t.Errorf("got %v, %v", items, err)
	}
	for _, phase := range []publish.Phase{publish.Upload, publish.Reveal} {
		wantError(t, d.Apply(t.Context(), phase, nil, nil), "")
	}
}

// TestSampleCharts publishes charts of a directory below helm/ to a path of their own.
func TestSampleCharts(t *testing.T) {
	t.Parallel()
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Charts: []string{"web", "samples/web"}}))
	d, err := NewCharts(t.Context(), Config{Hub: "file://" + filepath.ToSlash(t.TempDir()) + "/hub"}, tree)
	if err != nil {
		t.Fatal(err)
	}
	publishAll(t, d)
	items, err := d.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range items {
		if i.State != publish.Equal {
			t.Errorf("got %+v", i)
		}
		if _, ref, ok := strings.Cut(i.Name, "/hub/"); ok && i.Kind == "tag" {
			names = append(names, ref)
		}
	}
	if got, want := strings.Join(names, " "), "samples/web:1.2.0 web:1.2.0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
