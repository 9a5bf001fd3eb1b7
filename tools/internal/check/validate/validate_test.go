package validate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

const archiveName = "hello-1.2.0-linux-amd64.tar.gz"

// ownChecks are a product's checks, which the whole release passes.
func ownChecks() []Own {
	return []Own{
		{Name: "files", Contains: []string{"manifest.yaml"}},
		{Name: "readme", Artifacts: []string{"hello-*"}, Contains: []string{"README.md", "bin/hello"}},
		{Name: "hub", Artifacts: []string{"helm/web-*.tgz"}, Values: map[string]string{"web/values.yaml:replicas": "1", "web/Chart.yaml:name": ""}},
		{Name: "manifest", Artifacts: []string{"manifest.yaml"}, Values: map[string]string{":version": "1.2.0", ":dependencies.a": ""}},
		{Name: "says", Artifacts: []string{"hello-*.tar.gz"}, Program: "bin/hello", Args: []string{"--version"}, Output: "^hello, --version"},
		{Name: "command", Command: "/product/check", Output: "^/product/check, RELEASE_DIR"},
	}
}

// start stands for a started program. The real one is started by the tests of tools/validate.
func start(_ context.Context, program string, args, env []string) ([]byte, error) {
	if len(args) > 0 && args[0] == "fail" {
		return nil, errors.New("exit status 3")
	}
	if strings.HasPrefix(program, "/product/") {
		dir, _, _ := strings.Cut(env[1], "=")
		return []byte(program + ", " + dir), nil
	}
	if data, err := os.ReadFile(program); err != nil || !isProgram(data) {
		return nil, fmt.Errorf("it is no program: %w", err)
	}
	return []byte(filepath.Base(program) + ", " + strings.Join(args, " ")), nil
}

func findings(r *Report) []string {
	var lines []string
	for _, c := range r.Checks {
		for _, f := range c.Findings {
			lines = append(lines, c.Name+": "+f.String())
		}
	}
	return lines
}

func TestWhole(t *testing.T) {
	dir := whole(t, hello(t, helloSource))
	r, err := Run(t.Context(), Args{Dir: dir, Own: ownChecks(), Run: start, Secrets: map[string]string{"build.example.internal": "name of this machine"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := findings(r); len(got) > 0 || !r.OK() {
		t.Errorf("got findings:\n%s", strings.Join(got, "\n"))
	}
	counts := map[string]int{}
	for _, c := range r.Checks {
		counts[c.Name] = c.Checked
	}
	for _, name := range []string{Digests, Contents, Programs, Images, Charts, Leaks, Product} {
		if counts[name] == 0 {
			t.Errorf("check %s looked at nothing", name)
		}
	}
}

// TestBroken breaks a release in one way each.
func TestBroken(t *testing.T) {
	program := hello(t, helloSource)
	repack := func(files map[string]string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			all := map[string]string{"bin/hello*": string(program), "README.md": "hello"}
			maps.Copy(all, files)
			maps.DeleteFunc(all, func(_, content string) bool { return content == "" })
			packed := archiveOf(t, all)
			write(t, filepath.Join(dir, archiveName), []byte(packed))
			write(t, filepath.Join(dir, archiveName+".sha256"), []byte(digest.FromBytes([]byte(packed)).Hex()+"  "+archiveName+"\n"))
			seal(t, dir)
		}
	}
	replace := func(file, old, new string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			name := filepath.Join(dir, file)
			data := read(t, name)
			if !bytes.Contains(data, []byte(old)) {
				t.Fatalf("%s does not have %q", file, old)
			}
			write(t, name, bytes.ReplaceAll(data, []byte(old), []byte(new)))
			releasetest.Seal(t, dir)
		}
	}
	add := func(file, content string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, file), []byte(content))
			seal(t, dir)
		}
	}
	sum := func(b []byte) string { return digest.FromBytes(b).Hex() }
	for _, tt := range []struct {
		name  string
		broke func(t *testing.T, dir string)
		want  string // a part of a finding
	}{
		{"a byte of a file", func(t *testing.T, dir string) {
			name := filepath.Join(dir, archiveName)
			data := read(t, name)
			data[len(data)-1] ^= 1
			write(t, name, data)
		}, "digests: " + archiveName + ": sha256 of"},
		{"a checksum file", add(archiveName+".sha256", sum([]byte("x"))+"  "+archiveName+"\n"), "digests: " + archiveName + ".sha256: got"},
		{"a file that release.json lacks", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "extra"), []byte("x"))
			releasetest.Seal(t, dir)
		}, "digests: extra: release.json does not list it"},
		{"a digest in release.json", replace(release.DocumentFile, "sha256:", "sha256:0"[:7]+"00"), ""},
		{"a size in release.json", replace(release.DocumentFile, `"size": 5`, `"size": 1`), ""},
		{"the version in release.json", replace(release.DocumentFile, `"version": "1.2.0"`, `"version": "1.2.1"`), `digests: release.json: got version "1.2.1" of "demo"`},
		{"a subject that is not there", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, archiveName)); err != nil {
				t.Fatal(err)
			}
			seal(t, dir)
		}, `its subject "` + archiveName + `" is not in the release`},
		{"a truncated archive", func(t *testing.T, dir string) {
			data := read(t, filepath.Join(dir, archiveName))
			write(t, filepath.Join(dir, archiveName), data[:len(data)/2])
			seal(t, dir)
		}, "contents: " + archiveName + ": "},
		{"no program in the archive", repack(map[string]string{"bin/hello*": ""}), `product: the release: says: none of its artifacts has program "bin/hello"`},
		{"no README", repack(map[string]string{"README.md": ""}), `product: ` + archiveName + `: readme: it has no file "README.md"`},
		{"a program that is not executable", repack(map[string]string{"bin/hello*": "", "bin/hello": string(program)}), "bin/hello: its mode 0644 is not executable"},
		{"a program for another platform", repack(map[string]string{"bin/hello*": string(hello(t, helloSource, "GOARCH=arm64"))}), "bin/hello: it is for linux-arm64, want linux-amd64"},
		{"a program for another level", repack(map[string]string{"bin/hello*": string(hello(t, helloSource, "GOAMD64=v3"))}), "bin/hello: it is for linux-amd64v3, want linux-amd64"},
		{"a deb that is none", add("deb/hello_1.2.0_amd64.deb", "!<arch>\nnot one"), "packages: deb/hello_1.2.0_amd64.deb: "},
		{"a program without -trimpath", repack(map[string]string{"bin/hello*": string(untrimmed(t))}), "it was built without -trimpath"},
		{"a source path in a program", repack(map[string]string{"bin/hello*": string(untrimmed(t))}), "leaks: " + archiveName + ": bin/hello: it has the absolute path of a source file"},
		{"the name of the machine", repack(map[string]string{"README.md": "built on build.example.internal"}), `it has the name of this machine "build.example.internal"`},
		{"a private key", repack(map[string]string{"key.pem": "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIBE6bm9vbmVzaG91bGR1c2V0aGlz\n"}), "key.pem: it has what looks like a private key"},
		{"a token", repack(map[string]string{"config": "token = ghp_" + strings.Repeat("a1B2", 9)}), `config: it has what looks like a GitHub token, 40 bytes that begin with "ghp_"`},
		{"a build path", repack(map[string]string{"log": "/home/u/.cache/bazel/x/execroot/ws/bazel-out/k8-fastbuild/bin/a"}), "log: it has the build path"},
		{"another module than the lock's", pinModule("example.com/other", "v1.0.0"), `it is from module "example.com/hello", which the lock does not pin`},
		{"another version than the lock's", pinModule("example.com/hello", "v1.0.0"), `it is example.com/hello@(devel), the lock has v1.0.0`},
		{"a chart of another version", func(t *testing.T, dir string) {
			name := filepath.Join(dir, "helm", "web-1.2.0.tgz")
			write(t, name, []byte(archiveOf(t, map[string]string{"web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.1.0\nappVersion: 1.1.9\n", "web/values.yaml": "replicas: 1\n"})))
			seal(t, dir)
		}, `charts: helm/web-1.2.0.tgz: its appVersion is "1.1.9", want "1.2.0"`},
		{"a value in a chart", func(t *testing.T, dir string) {
			name := filepath.Join(dir, "helm", "web-1.2.0.tgz")
			write(t, name, []byte(archiveOf(t, map[string]string{"web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.2.0\n", "web/values.yaml": "replicas: 2\n"})))
			seal(t, dir)
		}, `product: helm/web-1.2.0.tgz: web/values.yaml: hub: replicas is "2", want "1"`},
		{"a chart that is none", add("helm/bad-1.2.0.tgz", archiveOf(t, map[string]string{"bad/values.yaml": "{}"})), "charts: helm/bad-1.2.0.tgz: chart has no file NAME/Chart.yaml"},
		{"an image without a platform of the lock", func(t *testing.T, dir string) {
			edit(t, dir, func(l *lock.Lock) { l.Architectures = append(l.Architectures, "linux/s390x") })
		}, "images: images/hello: it is not built for linux/s390x"},
		{"an image of another time", func(t *testing.T, dir string) {
			edit(t, dir, func(l *lock.Lock) { l.Time = l.Time.AddDate(0, 0, 1) })
		}, "images: images/hello: linux/amd64: it was created at"},
		{"provenance that lacks a file", add("provenance.intoto.json", `{"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1", "subject": []}`),
			`statements: provenance.intoto.json: no subject is artifact "` + archiveName + `"`},
		{"provenance that lacks a source", add("provenance.intoto.json", `{"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1"}`),
			`statements: provenance.intoto.json: no resolved dependency is dependency "a"`},
		{"another statement", add("provenance.intoto.json", `{"_type": "x"}`), `want SLSA provenance v1`},
		{"an SBOM that lacks a file", add("sbom/demo-1.2.0.spdx.json", `{"spdxVersion": "SPDX-2.3"}`), `statements: sbom/demo-1.2.0.spdx.json: it lacks artifact "` + archiveName + `"`},
		{"an SBOM that is none", add("sbom/demo-1.2.0.cdx.json", `{}`), `statements: sbom/demo-1.2.0.cdx.json: it is neither SPDX nor CycloneDX`},
		{"notices without a module", add("NOTICES", "nothing\n"), `statements: NOTICES: it lacks module example.com/hello`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := whole(t, program)
			tt.broke(t, dir)
			r, err := Run(t.Context(), Args{Dir: dir, Own: ownChecks(), Run: start, Secrets: map[string]string{"build.example.internal": "name of this machine"}})
			if tt.want == "" {
				if err == nil && r.OK() {
					t.Error("nothing was found")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := findings(r); !slices.ContainsFunc(got, func(f string) bool { return strings.Contains(f, tt.want) }) {
				t.Errorf("got findings\n%s\nwant %s", strings.Join(got, "\n"), tt.want)
			}
		})
	}
}

// TestPage: the page is made from the SBOM, so that the SBOM cannot have it; the provenance has it.
func TestPage(t *testing.T) {
	dir := whole(t, hello(t, helloSource))
	for name, data := range map[string]string{
		"index.html": "<!DOCTYPE html>", "notes.md": "notes", "sbom/demo-1.2.0.spdx.json": `{"spdxVersion": "SPDX-2.3"}`,
		"provenance.intoto.json": `{"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1"}`,
	} {
		write(t, filepath.Join(dir, name), []byte(data))
	}
	seal(t, dir)
	r, err := Run(t.Context(), Args{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(findings(r), "\n")
	for _, page := range []string{"index.html", "notes.md"} {
		if strings.Contains(got, fmt.Sprintf("it lacks artifact %q", page)) || !strings.Contains(got, fmt.Sprintf("no subject is artifact %q", page)) {
			t.Errorf("got\n%s\nwant %s in the provenance alone", got, page)
		}
	}
}

// untrimmed returns a program with the paths of its sources.
func untrimmed(t *testing.T) []byte { return hello(t, helloSource, "GOFLAGS=") }

// edit changes the lock of a release.
func edit(t *testing.T, dir string, change func(*lock.Lock)) {
	t.Helper()
	l, err := lock.Read(filepath.Join(dir, release.LockFile))
	if err != nil {
		t.Fatal(err)
	}
	change(l)
	l.Seal()
	if err := jsonfile.Write(filepath.Join(dir, release.LockFile), l); err != nil {
		t.Fatal(err)
	}
	seal(t, dir)
}

func pinModule(path, version string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		edit(t, dir, func(l *lock.Lock) {
			d := &l.Dependencies[0]
			d.Local, d.Digest = nil, "h1:"+strings.Repeat("A", 43)+"="
			d.Module = &lock.Module{Path: path, Version: version}
		})
	}
}

// TestOwn breaks a product's own checks.
func TestOwn(t *testing.T) {
	dir := whole(t, hello(t, helloSource))
	for _, tt := range []struct {
		own  Own
		want string
	}{
		{Own{Name: "c", Contains: []string{"none"}}, `product: the release: c: it has no file "none"`},
		{Own{Name: "c", Artifacts: []string{"none-*"}}, `product: the release: c: no artifact matches "none-*"`},
		{Own{Name: "c", Artifacts: []string{"hello-*.tar.gz"}, Program: "bin/hello", Output: "^goodbye"}, `bin/hello: c: "hello" printed "hello, ", want "^goodbye"`},
		{Own{Name: "c", Artifacts: []string{"hello-*.tar.gz"}, Program: "bin/hello", Args: []string{"fail"}}, `bin/hello: c: running "hello fail": exit status 3`},
		{Own{Name: "c", Command: "/product/check", Output: "("}, "c: error parsing regexp"},
		{Own{Name: "c", Artifacts: []string{"images/hello"}, User: "1:1"}, `images/hello: linux/amd64: c: its user is "", want "1:1"`},
		{Own{Name: "c", Artifacts: []string{"images/hello"}, Entrypoint: []string{"/x"}}, `its entrypoint is [], want ["/x"]`},
		{Own{Name: "c", Artifacts: []string{"images/hello"}, Env: []string{"A=b"}}, `its environment lacks "A=b"`},
		{Own{Name: "c", Artifacts: []string{"images/hello"}, Labels: map[string]string{"a": "b"}}, `its label a is "", want "b"`},
		{Own{Name: "c", Artifacts: []string{"helm/web-*"}, Values: map[string]string{"web/values.yaml:global.hub": "x"}}, `web/values.yaml: c: it has no "global.hub"`},
		{Own{Name: "c", Artifacts: []string{"manifest.yaml"}, Values: map[string]string{":dependencies": "x"}}, `manifest.yaml: c: dependencies is no scalar, want "x"`},
		{Own{Name: "c", Artifacts: []string{"hello-*.sha256"}, Contains: []string{"x"}}, archiveName + `.sha256: c: it has no file "x"`},
		{Own{Name: "c", Artifacts: []string{"helm/web-*"}, Values: map[string]string{"web/none.yaml:a": "x"}}, `helm/web-1.2.0.tgz: c: it has no file "web/none.yaml"`},
		{Own{Name: "c", Artifacts: []string{archiveName}, Values: map[string]string{"bin/hello:a": "x"}}, "bin/hello: c: reading it as YAML: bin/hello:1: byte 0x89 is not UTF-8"},
	} {
		r, err := Run(t.Context(), Args{Dir: dir, Own: []Own{tt.own}, Run: start})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(findings(r), "\n"); !strings.Contains(got, tt.want) {
			t.Errorf("got findings\n%s\nwant %s", got, tt.want)
		}
	}
}

func TestAllow(t *testing.T) {
	dir := whole(t, hello(t, helloSource))
	secrets := map[string]string{"hello": "secret"}
	r, err := Run(t.Context(), Args{Dir: dir, Secrets: secrets})
	if err != nil || r.OK() {
		t.Fatalf("got %v, %v, want findings", r, err)
	}
	own := []Own{{Name: "allowed", Allow: map[string]string{"hello-*/bin/h*": "a test", "**/data": "a test", "README.md": "a test", "images/**": "a test", "**": "a test"}}}
	r, err = Run(t.Context(), Args{Dir: dir, Secrets: secrets, Own: own})
	if err != nil || !r.OK() {
		t.Errorf("got %v, %v, want no findings", findings(r), err)
	}
}

// TestCannot is about releases that cannot be checked at all.
func TestCannot(t *testing.T) {
	dir := releasetest.Make(t, releasetest.Args{})
	if _, err := Run(t.Context(), Args{Dir: dir}); err == nil || !strings.Contains(err.Error(), "the release has no release.json") {
		t.Errorf("a release without release.json: got %v", err)
	}
	if _, err := Run(t.Context(), Args{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), release.Checksums) {
		t.Errorf("an empty directory: got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Args{Dir: whole(t, hello(t, helloSource))}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}
