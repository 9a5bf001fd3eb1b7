package resolve

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// mirrors are local mirrors of Istio's repositories, and a server for everything else that a
// manifest names.
type mirrors struct {
	*gitWorld
	web *httptest.Server
}

func newMirrors(t *testing.T) *mirrors {
	m := &mirrors{gitWorld: newGitWorld(t)}
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "url."+m.server.URL("istio")+"/.insteadOf")
	t.Setenv("GIT_CONFIG_VALUE_0", "https://github.com/istio/")
	images := registry.New()
	m.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v2/") {
			images.ServeHTTP(w, r)
			return
		}
		fmt.Fprint(w, r.URL.Path)
	}))
	t.Cleanup(m.web.Close)
	return m
}

// commit makes a commit of a mirror. Its go.mod is as those of 2019 are today: go.sum lacks
// sums, and a module that only a test needs is gone.
func (m *mirrors) commit(repo, branch string, files map[string]string) string {
	all := map[string]gittest.File{
		"README.md":         {Content: repo},
		"go.mod":            {Content: "module istio.io/" + repo + "\n\ngo 1.13\n\nrequire (\n\texample.com/base v1.0.0\n\texample.com/nowhere v1.0.0\n)\n"},
		"go.sum":            {Content: ""},
		"pkg/a.go":          {Content: "package pkg\n\nimport _ \"example.com/base\"\n"},
		"test/integrate.go": {Content: "package test\n\nimport _ \"example.com/nowhere\"\n"},
	}
	for name, content := range files {
		all[name] = gittest.File{Content: content}
	}
	return m.server.Repo("istio/"+repo).Commit(branch, all, "change\n", commitTime)
}

// use writes a manifest of the workspace as the line's, with local addresses for those of pairs.
func (m *mirrors) use(name string, pairs ...string) {
	m.t.Helper()
	data, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		m.t.Fatal(err)
	}
	m.manifest(strings.NewReplacer(pairs...).Replace(string(data)))
}

// want checks the pins, name → "commit (why)", and that the lock has the public origins. Then
// it resolves again, which sends no request and changes nothing.
func (m *mirrors) want(want map[string]string) {
	m.t.Helper()
	l := m.lock()
	for _, d := range l.Dependencies {
		if d.Git == nil {
			continue
		}
		if got := d.Git.Commit + " (" + d.Why + ")"; want[d.Name] != got {
			m.t.Errorf("%s: got %s, want %s", d.Name, got, want[d.Name])
		}
		delete(want, d.Name)
		if d.Git.URL != "https://github.com/istio/"+d.Name {
			m.t.Errorf("%s: got %s, want the public origin", d.Name, d.Git.URL)
		}
	}
	if len(want) > 0 {
		m.t.Errorf("not in the lock: %q", want)
	}
	before := m.lockBytes()
	m.server.Reset()
	m.mustResolve()
	if !bytes.Equal(before, m.lockBytes()) || len(m.server.Log()) > 0 {
		m.t.Errorf("the second resolve: got %d requests and the lock\n%s\nwant none, and\n%s", len(m.server.Log()), m.lockBytes(), before)
	}
}

// deps returns an istio.deps. It has an entry that no manifest here has, and a tag.
func deps(entries ...string) string {
	text := `[{"_comment":"","name":"AGENTGATEWAY_IMAGE","repoName":"agentgateway","file":"","lastStableSHA":"v1.0.1"}`
	for i := 0; i < len(entries); i += 2 {
		text += fmt.Sprintf(`,{"_comment":"","name":"X_REPO_SHA","repoName":%q,"file":"","lastStableSHA":%q}`, entries[i], entries[i+1])
	}
	return text + "]\n"
}

// TestIstio2019 resolves the manifest of a release of 2019.
func TestIstio2019(t *testing.T) {
	m := newMirrors(t)
	cni, proxy, api := m.commit("cni", "release-1.4", nil), m.commit("proxy", "release-1.4", nil), m.commit("api", "master", nil)
	m.server.Repo("istio/cni").Tag("1.4.1", cni)
	operator := m.commit("operator", "master", nil)
	m.server.Repo("istio/operator").Tag("v1.2.3", operator)
	m.commit("api", "master", map[string]string{"later": "x"})
	istio := m.commit("istio", "release-1.4", map[string]string{
		"istio.deps": deps("proxy", proxy, "cni", "1.4.1"),
		"go.mod":     fmt.Sprintf("module istio.io/istio\n\ngo 1.13\n\nreplace istio.io/operator => istio.io/operator v1.2.3\n\nrequire (\n\texample.com/nowhere v1.0.0\n\tistio.io/api v0.0.0-20230101000000-%s\n\tistio.io/operator v0.0.0-20191105185459-fe8b96d79b3d\n)\n", api[:12]),
	})
	m.use("../../../../manifests/istio-1.4/manifest.yaml", "https://storage.googleapis.com", m.web.URL)

	m.mustResolve()
	for _, d := range m.lock().Dependencies {
		if !d.Unbuilt || len(d.GoModules) > 0 {
			t.Errorf("%s: got %d modules, want none: no product builds it", d.Name, len(d.GoModules))
		}
	}
	files := m.lock().Files
	path := "/istio-build/proxy/envoy-alpha-" + proxy + ".tar.gz"
	if len(files) != 1 || files[0].URL != m.web.URL+path || files[0].Digest != digest.FromBytes([]byte(path)) || files[0].Why != "proxyOverride in manifest, proxy@"+proxy[:12] {
		t.Errorf("got files %+v, want Envoy at the proxy's commit", files)
	}
	from := "istio@" + istio[:12]
	m.want(map[string]string{
		"istio":    istio + " (branch release-1.4 in manifest)",
		"cni":      cni + " (istio.deps of " + from + ")",
		"proxy":    proxy + " (istio.deps of " + from + ")",
		"operator": operator + " (go.mod of " + from + ")",
		"api":      api + " (go.mod of " + from + ")",
	})
}

// today makes the mirrors for a manifest of today, and returns the wanted pins.
func (m *mirrors) today() map[string]string {
	pins := map[string]string{}
	for _, repo := range []string{"test-infra", "tools", "release-builder", "common-files", "enhancements"} {
		pins[repo] = m.commit(repo, "master", nil) + " (branch master in manifest)"
	}
	api, client, envoy, ztunnel := m.commit("api", "master", nil), m.commit("client-go", "master", nil), m.commit("envoy", "main", nil), m.commit("ztunnel", "master", nil)
	proxy := m.commit("proxy", "master", map[string]string{"WORKSPACE": "ENVOY_SHA = \"" + envoy + "\"\n"})
	istio := m.commit("istio", "master", map[string]string{
		"istio.deps": deps("proxy", proxy, "ztunnel", ztunnel),
		"go.mod":     fmt.Sprintf("module istio.io/istio\n\ngo 1.24\n\nrequire (\n\texample.com/base v1.0.0\n\texample.com/nowhere v1.0.0\n\tistio.io/api v1.31.0-rc.0.0.20230101000000-%s\n\tistio.io/client-go v1.31.0-rc.0.0.20230101000000-%s\n)\n", api[:12], client[:12]),
	})
	from := "istio@" + istio[:12]
	pins["istio"] = istio + " (branch master in manifest)"
	pins["api"], pins["client-go"] = api+" (go.mod of "+from+")", client+" (go.mod of "+from+")"
	pins["proxy"], pins["ztunnel"] = proxy+" (istio.deps of "+from+")", ztunnel+" (istio.deps of "+from+")"
	pins["envoy"] = envoy + " (WORKSPACE of proxy@" + proxy[:12] + ")"
	return pins
}

// TestIstioFromGit resolves the manifest of today's release from git. Only istio is built: of
// the others, no module is looked up.
func TestIstioFromGit(t *testing.T) {
	m := newMirrors(t)
	pins := m.today()
	host := strings.TrimPrefix(m.web.URL, "http://")
	for _, base := range []string{"base", "distroless", "iptables"} {
		m.pushBase(host + "/release/" + base + ":master-2026-04-09T19-02-13")
	}
	proxytest.Plant(t, m.dir, map[string]string{"release/istio/BUILD.bazel": `binaries({"pilot": "@istio_istio_control//pkg:go_default_library"})` + "\n"})
	m.use("../../../../manifests/istio-git/manifest.yaml", "registry.istio.io", host, "https://blob.istio.io", m.web.URL)
	m.mustResolve()
	if !strings.Contains(m.stderr.String(), "note: istio: its go.sum lacks sums of its modules (1): they are pinned as the module proxy has them") {
		t.Errorf("want a note about the sums that go.sum lacks: %s", m.stderr.String())
	}
	l := m.lock()
	for _, d := range l.Dependencies {
		// istio itself is built with the tags of a variant only.
		if d.Name == "istio" && len(d.GoModules) == 0 || d.Name != "istio" && len(d.GoModules) > 0 || !d.Unbuilt {
			t.Errorf("%s: got unbuilt %v and %d modules", d.Name, d.Unbuilt, len(d.GoModules))
		}
		for _, module := range d.GoModules {
			if module.Path != "example.com/base" || module.Why != lock.NotInGoSum {
				t.Errorf("%s: got %+v, want only example.com/base, %s", d.Name, module, lock.NotInGoSum)
			}
		}
	}
	if len(l.Images) != 3 || len(l.Files) != 2 {
		t.Errorf("got %d images and %d files, want 3 and 2", len(l.Images), len(l.Files))
	}
	m.want(pins)
}

// TestIstioCommit resolves the manifest that Istio's CI makes for each commit.
func TestIstioCommit(t *testing.T) {
	m := newMirrors(t)
	pins := m.today()
	for _, name := range []string{"common-files", "enhancements", "envoy"} {
		delete(pins, name)
	}
	builder, _, _ := strings.Cut(pins["release-builder"], " ")
	pins["release-builder"] = builder + " (sha in manifest)"
	m.use("testdata/istio-commit.yaml", "{builder}", builder)
	m.mustResolve()
	for _, note := range []string{
		"ignoreVulnerability is accepted but unused: base images are not scanned; vex.yaml says which vulnerabilities do not matter",
		"output scanner is accepted but unused: base images are not scanned",
		"directory is accepted but unused: outputs go to bazel-bin/release/all",
	} {
		if !strings.Contains(m.stderr.String(), note) {
			t.Errorf("want note %q: %s", note, m.stderr.String())
		}
	}
	m.want(pins)
}

// pushBase pushes an index for amd64 and arm64.
func (m *mirrors) pushBase(reference string) {
	m.t.Helper()
	var index v1.ImageIndex = empty.Index
	for _, arch := range []string{"amd64", "arm64"} {
		img, err := random.Image(1000, 1)
		if err != nil {
			m.t.Fatal(err)
		}
		config, err := img.ConfigFile()
		if err != nil {
			m.t.Fatal(err)
		}
		config.OS, config.Architecture = "linux", arch
		if img, err = mutate.ConfigFile(img, config); err != nil {
			m.t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	ref, err := name.ParseReference(reference)
	if err == nil {
		err = remote.WriteIndex(ref, index)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}
