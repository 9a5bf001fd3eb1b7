package ociimage

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/klauspost/compress/zstd"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	ours "github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/imagetest"
)

var baseTime = v1.Time{Time: time.Date(2020, 2, 2, 0, 0, 0, 0, time.UTC)}

// testBase configures a base image. The zero value is a small Docker image for linux/arm64
// with three layers, each with a different compression.
type testBase struct {
	config   func(*v1.ConfigFile)
	manifest func(*v1.Manifest)
}

// write writes the base as a layout and returns the spec that names it.
func (b testBase) write(t *testing.T) *BaseSpec {
	t.Helper()
	tars := [][]byte{
		makeTar(t, tarEntry{name: "etc/"}, tarEntry{name: "etc/passwd", body: "root:x:0:0::/:/bin/sh\n"}),
		makeTar(t, tarEntry{name: "bin/sh", body: "shell"}),
		makeTar(t, tarEntry{name: "etc/.wh.passwd"}),
	}
	cf := &v1.ConfigFile{
		OS: "linux", Architecture: "arm64", Created: baseTime, RootFS: v1.RootFS{Type: "layers"},
		History: []v1.History{{Created: baseTime, CreatedBy: "ADD"}, {Created: baseTime, CreatedBy: "ENV", EmptyLayer: true}, {Created: baseTime, CreatedBy: "RUN"}, {Created: baseTime, CreatedBy: "RUN rm"}},
		Config: v1.Config{
			Entrypoint: []string{"/bin/sh"}, Cmd: []string{"-c"}, User: "base", WorkingDir: "/base", StopSignal: "SIGINT",
			Env: []string{"PATH=/bin", "HOME=/"}, Labels: map[string]string{"a": "base", "b": "base"},
			ExposedPorts: map[string]struct{}{"80/tcp": {}}, Volumes: map[string]struct{}{"/data": {}},
		},
	}
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.DockerManifestSchema2}
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	put := func(data []byte, mt types.MediaType) v1.Descriptor {
		h := ours.Hash(digest.FromBytes(data))
		if err := path.WriteBlob(h, readCloser(data)); err != nil {
			t.Fatal(err)
		}
		return v1.Descriptor{MediaType: mt, Size: int64(len(data)), Digest: h}
	}
	for i, l := range []struct {
		mediaType types.MediaType
		data      []byte
	}{{types.DockerLayer, gzipped(t, tars[0])}, {types.DockerUncompressedLayer, tars[1]}, {DockerLayerZStd, zstandard(t, tars[2])}} {
		cf.RootFS.DiffIDs = append(cf.RootFS.DiffIDs, ours.Hash(digest.FromBytes(tars[i])))
		m.Layers = append(m.Layers, put(l.data, l.mediaType))
	}
	if b.config != nil {
		b.config(cf)
	}
	m.Config = put(marshal(t, cf), types.DockerConfigJSON)
	if b.manifest != nil {
		b.manifest(&m)
	}
	return &BaseSpec{Layout: dir, Digest: digest.Digest(put(marshal(t, m), m.MediaType).Digest.String())}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t *testing.T, data []byte, opts ...zstd.EOption) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// baseSpec returns a spec for one platform on the base.
func baseSpec(t *testing.T, base *BaseSpec, config ConfigSpec) Spec {
	t.Helper()
	own := writeTestLayer(t, t.TempDir(), "own", archive.Entry{Path: "bin/app", Content: []byte("app"), Mode: 0o755})
	return Spec{Created: testTime, Platforms: []PlatformSpec{{OS: "linux", Architecture: "arm64", Base: base, Layers: []LayerSpec{own}, Config: config}}}
}

// TestBase builds on a base with Docker's media types: its bytes stay, its media types
// become OCI's, and its config is inherited.
func TestBase(t *testing.T) {
	base := testBase{}.write(t)
	baseLayers := readManifest(t, base).Layers
	spec := baseSpec(t, base, ConfigSpec{
		Entrypoint: []string{"/bin/app"}, Env: []string{"HOME=/app", "NEW=1"}, Labels: map[string]string{"b": "own"}, Ports: []string{"443"},
	})
	img := imagetest.Find(t, imagetest.Open(t, buildLayout(t, spec)), "linux/arm64")
	// All of validate works for gzip only: TestBaseReadByOthers.
	if err := validate.Image(img, validate.Fast); err != nil {
		t.Error(err)
	}
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Layers) != 4 {
		t.Fatalf("got %d layers, want 4", len(m.Layers))
	}
	for i, want := range []types.MediaType{types.OCILayer, types.OCIUncompressedLayer, types.OCILayerZStd, types.OCILayer} {
		if got := m.Layers[i].MediaType; got != want {
			t.Errorf("layer %d: got mediaType %q, want %q", i, got, want)
		}
		if i < 3 && (m.Layers[i].Digest != baseLayers[i].Digest || m.Layers[i].Size != baseLayers[i].Size) {
			t.Errorf("layer %d: got %s, want the base's %s", i, m.Layers[i].Digest, baseLayers[i].Digest)
		}
	}
	if m.MediaType != types.OCIManifestSchema1 || m.Config.MediaType != types.OCIConfigJSON {
		t.Errorf("got media types %q and %q, want OCI's", m.MediaType, m.Config.MediaType)
	}
	if got := m.Annotations["org.opencontainers.image.base.digest"]; got != string(base.Digest) {
		t.Errorf("base.digest: got %q, want %q", got, base.Digest)
	}
	cf, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	checkConfig(t, cf)
	want := []string{
		"drwxr-xr-x 0:0 0 2026-01-31T12:00:00Z bin",
		"-rwxr-xr-x 0:0 3 2026-01-31T12:00:00Z bin/app sha256:" + digest.FromBytes([]byte("app")).Short(),
		"-rwxr-xr-x 0:0 5 2026-01-31T12:00:00Z bin/sh sha256:" + digest.FromBytes([]byte("shell")).Short(),
		"drwxr-xr-x 0:0 0 2026-01-31T12:00:00Z etc",
	}
	if got := imagetest.Files(t, img); !slices.Equal(got, want) {
		t.Errorf("got files %q\nwant %q", got, want)
	}
}

func checkConfig(t *testing.T, cf *v1.ConfigFile) {
	t.Helper()
	want := v1.Config{
		Entrypoint: []string{"/bin/app"}, User: "base", WorkingDir: "/base", StopSignal: "SIGINT",
		Env: []string{"PATH=/bin", "HOME=/app", "NEW=1"}, Labels: map[string]string{"a": "base", "b": "own"},
		ExposedPorts: map[string]struct{}{"80/tcp": {}, "443/tcp": {}}, Volumes: map[string]struct{}{"/data": {}},
	}
	if !reflect.DeepEqual(cf.Config, want) {
		t.Errorf("config: got %+v\nwant %+v", cf.Config, want)
	}
	if !cf.Created.Equal(testTime) {
		t.Errorf("created: got %s, want %s", cf.Created, testTime)
	}
	var history []string
	for _, h := range cf.History {
		history = append(history, h.Created.Format(time.DateOnly)+" "+h.CreatedBy)
	}
	if want := []string{"2020-02-02 ADD", "2020-02-02 ENV", "2020-02-02 RUN", "2020-02-02 RUN rm", "2026-01-31 " + CreatedBy}; !slices.Equal(history, want) {
		t.Errorf("history: got %q\nwant %q", history, want)
	}
}

func readManifest(t *testing.T, base *BaseSpec) v1.Manifest {
	t.Helper()
	data, err := os.ReadFile(ours.Path(base.Layout).Blob(base.Digest))
	if err != nil {
		t.Fatal(err)
	}
	var m v1.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestBaseHistory builds on bases with an incomplete history.
func TestBaseHistory(t *testing.T) {
	for _, tc := range []struct {
		name    string
		history []v1.History
		want    int
	}{{"none", nil, 4}, {"empty layers only", []v1.History{{EmptyLayer: true}}, 5}, {"one of three", []v1.History{{CreatedBy: "ADD"}}, 4}} {
		base := testBase{config: func(cf *v1.ConfigFile) { cf.History = tc.history }}.write(t)
		img := imagetest.Find(t, imagetest.Open(t, buildLayout(t, baseSpec(t, base, ConfigSpec{}))), "linux/arm64")
		cf, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		layers := 0
		for _, h := range cf.History {
			if !h.EmptyLayer {
				layers++
			}
		}
		if layers != 4 || len(cf.History) != tc.want {
			t.Errorf("%s: got history %+v, want %d entries, 4 of them layers", tc.name, cf.History, tc.want)
		}
	}
}

func TestBaseSameLayerTwice(t *testing.T) {
	twice := testBase{
		config:   func(cf *v1.ConfigFile) { cf.RootFS.DiffIDs = append(cf.RootFS.DiffIDs, cf.RootFS.DiffIDs[1]) },
		manifest: func(m *v1.Manifest) { m.Layers = append(m.Layers, m.Layers[1]) },
	}.write(t)
	img := imagetest.Find(t, imagetest.Open(t, buildLayout(t, baseSpec(t, twice, ConfigSpec{}))), "linux/arm64")
	if err := validate.Image(img, validate.Fast); err != nil {
		t.Error(err)
	}
}

// TestBaseRefused checks the errors for bases that cannot be used.
func TestBaseRefused(t *testing.T) {
	config := func(f func(*v1.ConfigFile)) testBase { return testBase{config: f} }
	manifest := func(f func(*v1.Manifest)) testBase { return testBase{manifest: f} }
	for _, tc := range []struct {
		name string
		base testBase
		err  string
	}{
		{"architecture", config(func(cf *v1.ConfigFile) { cf.Architecture = "amd64" }), `config is for platform "linux/amd64", want "linux/arm64/v8"`},
		{"variant", config(func(cf *v1.ConfigFile) { cf.Variant = "v9" }), `config is for platform "linux/arm64/v9", want "linux/arm64/v8"`},
		{"no platform", config(func(cf *v1.ConfigFile) { cf.OS = "" }), `os is missing`},
		{"trigger", config(func(cf *v1.ConfigFile) { cf.Config.OnBuild = []string{"RUN x"} }), `config has 1 ONBUILD instructions`},
		{"diff_ids", config(func(cf *v1.ConfigFile) { cf.RootFS.DiffIDs = cf.RootFS.DiffIDs[1:] }), `got 2 diff_ids, want 3: one for each layer`},
		{"another diff_id", config(func(cf *v1.ConfigFile) { cf.RootFS.DiffIDs[0] = ours.Hash(digest.FromBytes(nil)) }), `diffID: got sha256:[0-9a-f]+, want sha256:e3b0`},
		{"history", config(func(cf *v1.ConfigFile) { cf.History = make([]v1.History, 4) }), `config has history of 4 layers, want 3`},
		{"foreign layer", manifest(func(m *v1.Manifest) { m.Layers[0].MediaType = types.DockerForeignLayer }), `such a layer may not be distributed`},
		{"unknown layer", manifest(func(m *v1.Manifest) { m.Layers[0].MediaType = "text/plain" }), `mediaType is "text/plain", want an OCI or Docker layer`},
		{"artifact", manifest(func(m *v1.Manifest) { m.Config.MediaType = types.OCIEmptyJSON }), `mediaType of config is "application/vnd.oci.empty.v1\+json", want an image config`},
		{"index", manifest(func(m *v1.Manifest) { m.MediaType = types.OCIImageIndex }), `want an image manifest`},
		{"config digest", manifest(func(m *v1.Manifest) { m.Config.Digest = m.Layers[0].Digest }), `size: got \d+ bytes, want \d+`},
		{"layer missing", manifest(func(m *v1.Manifest) { m.Layers[0].Digest = ours.Hash(digest.FromBytes(nil)) }), `no such file`},
		{"one layer with two diff_ids", manifest(func(m *v1.Manifest) { m.Layers[1] = m.Layers[0] }), `has two diff_ids`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantError(t, build(t, baseSpec(t, tc.base.write(t), ConfigSpec{}), filepath.Join(t.TempDir(), "layout")), tc.err)
		})
	}
}

// TestBaseAltered flips a byte of each blob of a base.
func TestBaseAltered(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(testBase{}.write(t).Layout, "blobs", "sha256", "*"))
	if err != nil || len(names) != 5 {
		t.Fatalf("got blobs %q, %v, want 5", names, err)
	}
	for _, name := range names {
		base := testBase{}.write(t)
		name = filepath.Join(base.Layout, "blobs", "sha256", filepath.Base(name))
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		wantError(t, build(t, baseSpec(t, base, ConfigSpec{}), filepath.Join(t.TempDir(), "layout")), `digest: got sha256:[0-9a-f]+, want sha256:`+filepath.Base(name))
	}
}

func TestInherit(t *testing.T) {
	base := v1.Config{Entrypoint: []string{"sh"}, Cmd: []string{"-c"}, User: "base", WorkingDir: "/base", Env: []string{"A=1", "AB=2", "C"}}
	for _, tc := range []struct {
		name string
		own  v1.Config
		want v1.Config
	}{
		{"nothing", v1.Config{}, base},
		{"entrypoint", v1.Config{Entrypoint: []string{"app"}}, v1.Config{Entrypoint: []string{"app"}, User: "base", WorkingDir: "/base", Env: base.Env}},
		{"cmd", v1.Config{Cmd: []string{"x"}}, v1.Config{Entrypoint: []string{"sh"}, Cmd: []string{"x"}, User: "base", WorkingDir: "/base", Env: base.Env}},
		{"both", v1.Config{Entrypoint: []string{"app"}, Cmd: []string{"x"}, User: "own", WorkingDir: "/own"}, v1.Config{Entrypoint: []string{"app"}, Cmd: []string{"x"}, User: "own", WorkingDir: "/own", Env: base.Env}},
		{"env", v1.Config{Env: []string{"D=4", "C=3", "A=0"}}, v1.Config{Entrypoint: []string{"sh"}, Cmd: []string{"-c"}, User: "base", WorkingDir: "/base", Env: []string{"A=0", "AB=2", "C=3", "D=4"}}},
	} {
		if got := inherit(base, tc.own); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %+v\nwant %+v", tc.name, got, tc.want)
		}
	}
}

// TestBaseReadByOthers validates an image by go-containerregistry, on a base that it made.
func TestBaseReadByOthers(t *testing.T) {
	base, err := random.Image(1024, 3)
	if err != nil {
		t.Fatal(err)
	}
	cf, err := base.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cf.OS, cf.Architecture = "linux", "arm64"
	if base, err = mutate.ConfigFile(base, cf); err != nil {
		t.Fatal(err)
	}
	path, err := layout.Write(t.TempDir(), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(base); err != nil {
		t.Fatal(err)
	}
	h, err := base.Digest()
	if err != nil {
		t.Fatal(err)
	}
	spec := baseSpec(t, &BaseSpec{Layout: string(path), Digest: digest.Digest(h.String())}, ConfigSpec{})
	theirs, err := layout.ImageIndexFromPath(buildLayout(t, spec))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(theirs); err != nil {
		t.Error(err)
	}
}
