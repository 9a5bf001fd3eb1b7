// Package istio_test reads a slice of Istio's release as its users do: the archive for one
// platform and the charts. Its programs come from the archive itself, and helm is another
// project's.
package istio_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/archivetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// slice is what Bazel built: the archive and the charts, by their names.
func slice(t *testing.T) map[string]string {
	t.Helper()
	if os.Getenv("ISTIO_SLICE") == "" {
		t.Skip("tools/bazel test //tools/test/istio:all builds what this test reads")
	}
	files := map[string]string{}
	for location := range strings.FieldsSeq(os.Getenv("ISTIO_SLICE")) {
		name, err := runfiles.Rlocation(location)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = name
	}
	return files
}

// unpacked is the archive, unpacked.
type unpacked struct {
	dir           string // its top
	version, hub  string // of manifest.yaml
	names         []string
	executables   []string
	slice         map[string]string
	istioctl      string
	archivePrefix string
}

func unpack(t *testing.T) *unpacked {
	t.Helper()
	u := &unpacked{slice: slice(t)}
	for name, file := range u.slice {
		if stem, ok := strings.CutSuffix(name, "-linux-amd64.tar.gz"); ok {
			u.archivePrefix = stem + "/"
			u.dir = filepath.Join(t.TempDir(), stem)
			u.extract(t, file)
		}
	}
	if u.dir == "" {
		t.Fatalf("no archive in %q", slices.Sorted(maps.Keys(u.slice)))
	}
	data, err := os.ReadFile(filepath.Join(u.dir, "manifest.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Parse("manifest.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	u.version, u.hub, u.istioctl = m.Version, m.Docker, filepath.Join(u.dir, "bin", "istioctl")
	return u
}

func (u *unpacked) extract(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name, ok := strings.CutPrefix(h.Name, u.archivePrefix)
		if !ok || !filepath.IsLocal(h.Name) {
			t.Fatalf("%q is not below %q", h.Name, u.archivePrefix)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		u.names = append(u.names, name)
		if h.Mode&0o111 != 0 {
			u.executables = append(u.executables, name)
		}
		to := filepath.Join(u.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, fs.FileMode(h.Mode)&0o777); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a program in the archive's directory, with a home of its own, and returns what it
// prints.
func (u *unpacked) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = u.dir
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "KUBECONFIG="+os.DevNull)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(program), strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out) + stderr.String()
}

// TestLayout compares the archive with the layout of Istio's releases.
func TestLayout(t *testing.T) {
	u := unpack(t)
	single := []string{"LICENSE", "README.md", "manifest.yaml", "bin/istioctl", "tools/_istioctl", "tools/istioctl.bash"}
	sample := regexp.MustCompile(`(\.(yaml|md|sh|txt|pem|conf|tpl|json)|/Makefile)$`)
	certs := regexp.MustCompile(`^tools/certs/(README\.md|Makefile[^/]*|common\.mk)$`)
	count := map[string]int{}
	for _, name := range u.names {
		top, _, _ := strings.Cut(name, "/")
		switch {
		case slices.Contains(single, name), certs.MatchString(name), top == "samples" && sample.MatchString(name),
			strings.HasPrefix(name, "manifests/charts/"), strings.HasPrefix(name, "manifests/profiles/"):
			count[path.Dir(name)]++
		default:
			t.Errorf("%s is not in the layout", name)
		}
		if want := name == "bin/istioctl" || top == "samples" && path.Ext(name) == ".sh"; slices.Contains(u.executables, name) != want {
			t.Errorf("%s: executable: got %v, want %v", name, !want, want)
		}
	}
	for _, name := range append(single, "samples/bookinfo/platform/kube/bookinfo.yaml", "samples/addons/prometheus.yaml",
		"samples/certs/ca-cert.pem", "samples/helloworld/gen-helloworld.sh", "tools/certs/Makefile.selfsigned.mk",
		"manifests/charts/istio-control/istio-discovery/values.yaml", "manifests/charts/gateways/istio-ingress/Chart.yaml", "manifests/profiles/ambient.yaml") {
		if !slices.Contains(u.names, name) {
			t.Errorf("the archive lacks %s", name)
		}
	}
	lines, err := archivetest.ListFile(u.slice[strings.TrimSuffix(u.archivePrefix, "/")+"-linux-amd64.tar.gz"])
	if err != nil || len(lines) < len(u.names) {
		t.Errorf("listing the archive: got %d lines, %v, want at least %d", len(lines), err, len(u.names))
	}
	t.Logf("%d files: %v", len(u.names), count)
}

// TestStamped checks the hub and the tag in what the archive brings.
func TestStamped(t *testing.T) {
	u := unpack(t)
	hub, tag, version := regexp.MustCompile(`(?m)^ *hub: *"?([^"\s#]*)`), regexp.MustCompile(`(?m)^ *tag: *"?([^"\s#]*)`), regexp.MustCompile(`(?m)^(?:appV|v)ersion: *"?([^"\s]*)`)
	stamped := 0
	for _, name := range u.names {
		if !strings.HasPrefix(name, "manifests/") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(u.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		switch path.Base(name) {
		case "Chart.yaml":
			for _, m := range version.FindAllStringSubmatch(string(data), -1) {
				if m[1] != u.version {
					t.Errorf("%s: got version %q, want %q", name, m[1], u.version)
				}
				stamped++
			}
		case "values.yaml", "default.yaml":
			for _, m := range hub.FindAllStringSubmatch(string(data), -1) {
				if m[1] != "" && m[1] != u.hub {
					t.Errorf("%s: got hub %q, want %q", name, m[1], u.hub)
				}
				stamped++
			}
			for _, m := range tag.FindAllStringSubmatch(string(data), -1) {
				if m[1] != "" && m[1] != u.version {
					t.Errorf("%s: got tag %q, want %q", name, m[1], u.version)
				}
				stamped++
			}
		}
	}
	if stamped < 30 {
		t.Errorf("got %d versions, hubs and tags, want at least 30", stamped)
	}
}

// TestIstioctl runs the program for what it is released for.
func TestIstioctl(t *testing.T) {
	readers.Require(t, "linux/amd64", runtime.GOOS == "linux" && runtime.GOARCH == "amd64")
	u := unpack(t)
	var got struct {
		ClientVersion struct{ Version, Revision, Status, Tag string }
	}
	out := u.run(t, u.istioctl, "version", "--remote=false", "-o", "json")
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	v := got.ClientVersion
	if v.Version != u.version || v.Tag != u.version || v.Status != "Clean" || !regexp.MustCompile(`^[0-9a-f]{12,40}$`).MatchString(v.Revision) {
		t.Errorf("version: got %s", out)
	}

	generated := u.run(t, u.istioctl, "manifest", "generate", "--manifests", filepath.Join(u.dir, "manifests"))
	embedded := u.run(t, u.istioctl, "manifest", "generate", "--set", "hub="+u.hub, "--set", "tag="+u.version)
	for what, text := range map[string]string{"the archive's manifests": generated, "its own": embedded} {
		if image := u.hub + "/pilot:" + u.version; !strings.Contains(text, image) || strings.Count(text, "\nkind: ") < 30 {
			t.Errorf("manifest generate from %s: got %d objects, want 30 and image %s", what, strings.Count(text, "\nkind: "), image)
		}
	}
	if out := u.run(t, u.istioctl, "analyze", "--use-kube=false", "samples/bookinfo/networking/bookinfo-gateway.yaml", "samples/bookinfo/platform/kube/bookinfo.yaml"); !strings.Contains(out, "No validation issues found") {
		t.Errorf("analyze: got %s", out)
	}
}

// TestHelm renders every chart, and installs nothing.
func TestHelm(t *testing.T) {
	helm := readers.Find(t, "helm")
	u := unpack(t)
	image := regexp.MustCompile(`image: "?([^"\s]+)`)
	for chart, images := range map[string][]string{
		"base": nil, "cni": {"install-cni"}, "gateway": nil, "istiod": {"pilot"}, "ztunnel": {"ztunnel"},
		"ambient": {"install-cni", "pilot", "ztunnel"},
	} {
		archive := u.slice[chart+"-"+u.version+".tgz"]
		if archive == "" {
			t.Errorf("no chart %s in %q", chart, slices.Sorted(maps.Keys(u.slice)))
			continue
		}
		if got := u.run(t, helm, "show", "chart", archive); !strings.Contains(got, "\nversion: "+u.version+"\n") || !strings.Contains(got, "appVersion: "+u.version+"\n") {
			t.Errorf("%s: got %s, want version and appVersion %s", chart, got, u.version)
		}
		var found []string
		for _, m := range image.FindAllStringSubmatch(u.run(t, helm, "template", "r", archive, "--namespace", "istio-system", "--kube-version", "1.32.0"), -1) {
			if strings.Contains(m[1], "/") { // others are in templates for injection
				found = append(found, m[1])
			}
		}
		slices.Sort(found)
		var want []string
		for _, name := range images {
			if chart == "ambient" {
				name += ":" + u.version + "-distroless" // its values.yaml says so
			} else {
				name += ":" + u.version
			}
			want = append(want, u.hub+"/"+name)
		}
		if found = slices.Compact(found); !slices.Equal(found, want) {
			t.Errorf("%s: got images %q, want %q", chart, found, want)
		}
	}
}
