package helmchart

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/yamledit"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/testing/archivetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// web is a chart with the values of Istio's charts.
func web() map[string]string {
	return map[string]string{
		"Chart.yaml": "apiVersion: v2\n# This version is never shipped.\nversion: 0.0.0\nname: web\ndescription: A web server\nicon: https://web.example/icon.png\nappVersion: \"0.0.0\"\n",
		"values.yaml": `# Values.
_internal_defaults_do_not_set:
  # Where the images are.
  global:
    hub: gcr.io/testing   # replaced
    tag: latest
  hub: ""
`,
		".helmignore":              "# What is not shipped.\n*.orig\n/OWNERS\nci/\n",
		"OWNERS":                   "nobody\n",
		"README.md":                "# Web\n",
		"CHANGELOG.md":             "sorts before Chart.yaml\n",
		"ci/test.yaml":             "a: b\n",
		"files/profile.yaml.orig":  "a: b\n",
		"files/profile.yaml":       "a: b\n",
		"templates/.hidden.yaml":   "a: b\n",
		"templates/_helpers.tpl":   `{{- define "web.image" }}{{ with ._internal_defaults_do_not_set }}{{ .global.hub }}/web:{{ .global.tag }}{{ end }}{{ end }}`,
		"templates/configmap.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  image: {{ include \"web.image\" .Values }}\n  hub: {{ .Values._internal_defaults_do_not_set.hub }}\n",
	}
}

func writeFiles(t testing.TB, dir string, files map[string]string) string {
	t.Helper()
	for name, content := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func args(dir, out string) PackArgs {
	const hub = "registry.example/istio"
	return PackArgs{
		Name: "web", Version: "1.31.0", AppVersion: "1.31.0", Files: map[string]string{".": dir}, ModTime: time.Unix(1_700_000_000, 0),
		Values: map[string][]yamledit.Edit{"values.yaml": {
			{Path: "_internal_defaults_do_not_set.global.hub", Value: hub},
			{Path: "_internal_defaults_do_not_set.global.tag", Value: "1.31.0"},
			{Path: "_internal_defaults_do_not_set.hub", Value: hub},
		}},
		Out: filepath.Join(out, "web-1.31.0.tgz"),
	}
}

func names(t *testing.T, archive string) []string {
	t.Helper()
	lines, err := archivetest.ListFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, line := range lines {
		fields := strings.Fields(line)
		if fields[0] != "-rw-r--r--" || fields[1] != "0:0" || fields[3] != "2023-11-14T22:13:20Z" {
			t.Errorf("got entry %s", line)
		}
		all = append(all, fields[4])
	}
	return all
}

func TestPack(t *testing.T) {
	a := args(writeFiles(t, t.TempDir(), web()), t.TempDir())
	if err := Pack(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"web/Chart.yaml", "web/.helmignore", "web/CHANGELOG.md", "web/README.md", "web/files/profile.yaml",
		"web/templates/_helpers.tpl", "web/templates/configmap.yaml", "web/values.yaml",
	}
	if got := names(t, a.Out); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	helm := readers.Find(t, "helm")
	for _, tt := range []struct{ args, want string }{
		{"lint --strict", `(?s)1 chart\(s\) linted, 0 chart\(s\) failed`},
		{"template", `(?s)image: registry.example/istio/web:1.31.0\n  hub: registry.example/istio`},
		{"show all", `(?s)appVersion: 1.31.0.*version: 1.31.0.*# Values.\n.*global:\n    hub: registry.example/istio   # replaced\n    tag: 1.31.0\n  hub: "registry.example/istio"\n`},
	} {
		out := run(t, helm, append(strings.Fields(tt.args), a.Out)...)
		if !regexp.MustCompile(tt.want).MatchString(out) {
			t.Errorf("helm %s: got %s, want %s", tt.args, out, tt.want)
		}
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", filepath.Base(name), args, err, out)
	}
	return string(out)
}

// TestDeterminism packs a chart from another directory, from single files, and with other
// modes and times on disk.
func TestDeterminism(t *testing.T) {
	sum := func(a PackArgs) [32]byte {
		if err := Pack(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(a.Out)
		if err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(data)
	}
	want := sum(args(writeFiles(t, t.TempDir(), web()), t.TempDir()))
	other := writeFiles(t, t.TempDir(), web())
	err := filepath.WalkDir(other, func(name string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = os.Chmod(name, 0o777)
		}
		if err == nil {
			err = os.Chtimes(name, time.Unix(1, 0), time.Unix(2, 0))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TZ", "Asia/Kathmandu")
	if got := sum(args(other, t.TempDir())); got != want {
		t.Error("another directory gives other bytes")
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(other, link); err != nil {
		t.Fatal(err)
	}
	if got := sum(args(link, t.TempDir())); got != want {
		t.Error("a link to the directory gives other bytes")
	}
	a := args("", t.TempDir())
	a.Files = map[string]string{}
	for name := range web() {
		a.Files[name] = filepath.Join(link, filepath.FromSlash(name))
	}
	slices.Reverse(a.Values["values.yaml"])
	if got := sum(a); got != want {
		t.Error("single files give other bytes")
	}
}

func TestPackErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(files map[string]string, a *PackArgs)
		want   string
	}{
		{"no Chart.yaml", func(f map[string]string, _ *PackArgs) { delete(f, "Chart.yaml") }, `packing chart "web": got no Chart.yaml in \d+ files`},
		{"another name", func(_ map[string]string, a *PackArgs) { a.Name = "other" }, `packing chart "other": name in Chart.yaml: got "web", want "other"`},
		{"no version", func(f map[string]string, _ *PackArgs) { f["Chart.yaml"] = "name: web\n" }, `(?s)Chart.yaml:1: version: no key "version" at the top: there is "name"\nChart.yaml:1: appVersion: `},
		{"no such file", func(_ map[string]string, a *PackArgs) { a.Values["value.yaml"] = a.Values["values.yaml"] }, `setting .*hub of "value.yaml": the chart has no such file; it has Chart.yaml, files/profile.yaml, values.yaml`},
		{"ignored file", func(_ map[string]string, a *PackArgs) { a.Values["ci/test.yaml"] = a.Values["values.yaml"] }, `of "ci/test.yaml": the chart has no such file`},
		{"no such path", func(_ map[string]string, a *PackArgs) {
			a.Values["values.yaml"] = []yamledit.Edit{{Path: "hub", Value: "x"}}
		}, `values.yaml:2: hub: no key "hub" at the top: there is "_internal_defaults_do_not_set"`},
		{"large file", func(f map[string]string, _ *PackArgs) { f["files/large"] = strings.Repeat("x", maxFile+1) }, `"files/large" has 5242881 bytes: Helm loads files of at most 5242880`},
		{"bad pattern", func(f map[string]string, _ *PackArgs) { f[".helmignore"] = "a\n[\n" }, `.helmignore:2: pattern "\[": syntax error`},
		{"two stars", func(f map[string]string, _ *PackArgs) { f[".helmignore"] = "a/**/b" }, `.helmignore:1: pattern .*: two stars are not supported`},
		{"missing dependency", func(f map[string]string, _ *PackArgs) {
			f["Chart.yaml"] += "dependencies: [{name: base, version: 1.x}]\n"
		}, `chart "base" in dependencies of Chart.yaml is not in charts/`},
		{"version that does not match", func(f map[string]string, _ *PackArgs) {
			f["Chart.yaml"] += "dependencies: [{name: base, version: '>=2'}]\n"
			f["charts/base/Chart.yaml"] = "name: base\nversion: 1.0.0\n"
		}, `chart "base": got version 1.0.0, want >=2 as in dependencies of Chart.yaml`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files, a := web(), args(filepath.Join(t.TempDir(), "chart"), t.TempDir())
			tt.change(files, &a)
			writeFiles(t, a.Files["."], files)
			err := Pack(t.Context(), a)
			if err == nil || !regexp.MustCompile(tt.want).MatchString(err.Error()) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if left, err := os.ReadDir(filepath.Dir(a.Out)); err != nil || len(left) > 0 {
				t.Errorf("got %v, %v after the error, want nothing", left, err)
			}
		})
	}
}

// TestDependencies packs a chart with another of the release, and with a vendored one.
func TestDependencies(t *testing.T) {
	base := args(writeFiles(t, t.TempDir(), map[string]string{
		"Chart.yaml":             "apiVersion: v2\nname: base\nversion: 0.0.0\nappVersion: 0.0.0\n",
		"templates/service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: base}\n",
	}), t.TempDir())
	base.Name, base.Values, base.Out = "base", nil, filepath.Join(filepath.Dir(base.Out), "anything")
	if err := Pack(t.Context(), base); err != nil {
		t.Fatal(err)
	}
	files := web()
	files["Chart.yaml"] += "dependencies:\n- name: base  # ours\n  version: 0.0.0\n  repository: file://../base\n- {name: theirs, version: ^3.1.0, repository: \"\"}\n"
	files["Chart.lock"] = "generated: long ago\n"
	files["charts/theirs/Chart.yaml"] = "apiVersion: v2\nname: theirs\nversion: 3.2.0\n"
	files["charts/theirs/templates/secret.yaml"] = "apiVersion: v1\nkind: Secret\nmetadata: {name: theirs}\n"
	dir := writeFiles(t, t.TempDir(), files)
	a := args(dir, t.TempDir())
	a.Dependencies = []string{base.Out}
	err := Pack(t.Context(), a)
	if want := `chart "base": got version 1.31.0, want 0.0.0 as in dependencies of Chart.yaml`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	a.Values["Chart.yaml"] = []yamledit.Edit{{Path: "dependencies.0.version", Value: "1.31.0"}}
	if err := Pack(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	got := names(t, a.Out)
	if !slices.Contains(got, "web/charts/base-1.31.0.tgz") || slices.Contains(got, "web/Chart.lock") {
		t.Errorf("got %q, want the dependency and no lock", got)
	}
	helm := readers.Find(t, "helm")
	out := run(t, helm, "template", a.Out)
	for _, want := range []string{"kind: ConfigMap", "kind: Service", "kind: Secret"} {
		if !strings.Contains(out, want) {
			t.Errorf("helm template: got %s, want %s", out, want)
		}
	}
	if out := run(t, helm, "dependency", "list", a.Out); strings.Count(out, "unpacked") != 2 {
		t.Errorf("helm dependency list: got %s", out)
	}
	for name, tt := range map[string]struct {
		change func(files map[string]string)
		want   string
	}{
		"twice":     {func(f map[string]string) { f["charts/base/Chart.yaml"] = "name: base\nversion: 1.31.0\n" }, `duplicate chart "base"`},
		"not named": {func(f map[string]string) { f["Chart.yaml"] = web()["Chart.yaml"] }, `dependencies in Chart.yaml do not name chart "base" 1.31.0`},
	} {
		changed := maps.Clone(files)
		tt.change(changed)
		a.Files = map[string]string{".": writeFiles(t, t.TempDir(), changed)}
		if name == "not named" {
			delete(a.Values, "Chart.yaml")
		}
		if err := Pack(t.Context(), a); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

// TestCycles packs charts that contain each other, by their names in Chart.yaml.
func TestCycles(t *testing.T) {
	const wants = "dependencies: [{name: %s, version: '%s'}]\n"
	meta := func(name, version, dependency, constraint string) string {
		return fmt.Sprintf("name: %s\nversion: %s\n", name, version) + fmt.Sprintf(wants, dependency, constraint)
	}
	leaf := func(name string) string { return "name: " + name + "\nversion: 1.0.0\n" }
	archived := func(files ...string) string { return string(chart(t, files...)) }
	for _, tt := range []struct {
		name  string
		files map[string]string // of chart a 1.0.0
		want  string            // the cycle; empty if there is none
	}{
		{"itself", map[string]string{"Chart.yaml": meta("a", "1.0.0", "a", "1.x")}, "a -> a"},
		{"itself with an alias and a condition", map[string]string{"Chart.yaml": leaf("a") + "dependencies: [{name: a, version: 1.x, alias: b, condition: b.enabled}]\n"}, "a -> a"},
		{"itself with a bad constraint", map[string]string{"Chart.yaml": meta("a", "1.0.0", "a", "one")}, "a -> a"},
		{"a wrapper of its name", map[string]string{"Chart.yaml": meta("a", "1.0.0", "a", "5.x"), "charts/a/Chart.yaml": "name: a\nversion: 5.1.0\n"}, ""},
		{"through a directory", map[string]string{"Chart.yaml": meta("a", "1.0.0", "b", "*"), "charts/b/Chart.yaml": meta("b", "1.0.0", "a", "9")}, "a -> b -> a"},
		{"through an archive", map[string]string{"Chart.yaml": meta("a", "1.0.0", "b", "*"), "charts/b.tgz": archived("b/Chart.yaml", meta("b", "1.0.0", "a", "*"))}, "a -> b -> a"},
		{"packed, but not named", map[string]string{"Chart.yaml": meta("a", "1.0.0", "b", "*"), "charts/b/Chart.yaml": leaf("b"), "charts/b/charts/a.tgz": archived("a/Chart.yaml", leaf("a"))}, "a -> b -> a"},
		{"below", map[string]string{"Chart.yaml": meta("a", "1.0.0", "b", "*"), "charts/b.tgz": archived(
			"b/Chart.yaml", meta("b", "1.0.0", "c", "*"), "b/charts/c.tgz", archived("c/Chart.yaml", meta("c", "1.0.0", "b", "*")))}, "b -> c -> b"},
		{"of three", map[string]string{"Chart.yaml": meta("a", "1.0.0", "b", "*"), "charts/b/Chart.yaml": meta("b", "1.0.0", "c", "*"),
			"charts/b/charts/c/Chart.yaml": leaf("c") + "dependencies: [{name: a, version: '*', alias: d}]\n"}, "a -> b -> c -> a"},
		{"one chart in two", map[string]string{"Chart.yaml": leaf("a") + "dependencies: [{name: b, version: '*'}, {name: c, version: '*'}]\n",
			"charts/b/Chart.yaml": leaf("b"), "charts/c/Chart.yaml": meta("c", "1.0.0", "b", "*"), "charts/c/charts/b/Chart.yaml": leaf("b")}, ""},
		{"what Helm ignores", map[string]string{"Chart.yaml": leaf("a"), "charts/_a/Chart.yaml": leaf("a"), "charts/.a.tgz": "no archive"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := PackArgs{Name: "a", Files: map[string]string{".": writeFiles(t, t.TempDir(), tt.files)}, ModTime: time.Unix(1, 0), Out: filepath.Join(t.TempDir(), "a.tgz")}
			err := Pack(t.Context(), a)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			chain := strings.Split(tt.want, " -> ")
			want := `packing chart "a": cyclic dependency of charts: ` + tt.want
			hinted := fmt.Sprintf("remove %q from dependencies in the Chart.yaml of %q", chain[len(chain)-1], chain[len(chain)-2])
			if err == nil || err.Error() != want || len(hint.Of(err)) != 1 || !strings.HasPrefix(hint.Of(err)[0], hinted) {
				t.Errorf("got %v, hints %q, want %s, hint %s", err, hint.Of(err), want, hinted)
			}
		})
	}
}

// TestNested reads charts in charts that are not what they seem.
func TestNested(t *testing.T) {
	deep := chart(t, "a/Chart.yaml", "name: a\nversion: 1.0.0\n")
	for range maxNested + 2 {
		deep = chart(t, "a/Chart.yaml", "name: a\nversion: 1.0.0\n", "a/charts/a.tgz", string(deep))
	}
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"deep":      {map[string]string{"charts/a.tgz": string(deep)}, "more than 20 deep"},
		"no parent": {map[string]string{"charts/b/charts/c/Chart.yaml": "name: c\nversion: 1.0.0\n"}, "charts/b has no Chart.yaml, but charts/b/charts/ has charts"},
		"large":     {map[string]string{"charts/b.tgz": string(chart(t, "b/a", strings.Repeat("\x00", maxArchive+1)))}, "charts/b.tgz: reading chart: chart has more than 104857600 bytes"},
		"no chart":  {map[string]string{"charts/b.tgz": string(chart(t, "b/a", ""))}, "charts/b.tgz: chart has no file NAME/Chart.yaml"},
	} {
		tt.files["Chart.yaml"] = "name: web\nversion: 1.0.0\n"
		a := PackArgs{Name: "web", Files: map[string]string{".": writeFiles(t, t.TempDir(), tt.files)}, Out: filepath.Join(t.TempDir(), "a.tgz")}
		if err := Pack(t.Context(), a); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

// TestIgnore packs charts with rules of all forms as helm does.
func TestIgnore(t *testing.T) {
	helm := readers.Find(t, "helm")
	for _, rules := range []string{
		"", "*.md\n", "/*.md\n", "files\n", "files/\n", "/files/\n", "files/a.txt\n", "files/*\n", "*/a.txt\n", "a.txt/\n", "# comment\n\n  spaces.txt  \n",
		"!*.md\n", "!files/\n", "templates/*.yaml\n", "\ufeffa.txt\r\n*.md\r\n", "deep/*/x\n", "deep/\n", "f?les\n", "[fd]*\n", "Chart.lock\n",
	} {
		files := map[string]string{
			"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.31.0\n", "values.yaml": "a: b\n", "a.txt": "", "spaces.txt": "", "README.md": "", "files/a.txt": "",
			"files/b.md": "", "files/a.txt.d/x": "", "deep/er/x": "", "deep/er/y": "", "templates/a.yaml": "", "templates/.a.yaml": "", "templates/sub/.b.yaml": "",
			".helmignore": rules,
		}
		dir, out := writeFiles(t, t.TempDir(), files), t.TempDir()
		a := PackArgs{Name: "web", Files: map[string]string{".": dir}, ModTime: time.Unix(1_700_000_000, 0), Out: filepath.Join(out, "ours.tgz")}
		err := Pack(t.Context(), a)
		cmd := exec.Command(helm, "package", "--destination", out, dir)
		said, helmErr := cmd.CombinedOutput()
		if err != nil || helmErr != nil {
			if (err == nil) != (helmErr == nil) {
				t.Errorf("%q: got %v, helm %v %s", rules, err, helmErr, said)
			}
			continue
		}
		lines, err := archivetest.ListFile(filepath.Join(out, "web-1.31.0.tgz"))
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, line := range lines {
			want = append(want, strings.Fields(line)[4])
		}
		slices.Sort(want)
		got := names(t, a.Out)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, helm packs %q", rules, got, want)
		}
	}
}

func FuzzIgnore(f *testing.F) {
	f.Add([]byte("*.md\n!a/\n/b\n"), "a/b.md")
	f.Fuzz(func(_ *testing.T, data []byte, name string) {
		if rules, err := parseIgnore(bytes.Clone(data)); err == nil {
			ignored(rules, name)
		}
	})
}
