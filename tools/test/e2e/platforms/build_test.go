package platforms_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
)

// checkTargets checks that there are targets for the line's platforms and for no others.
func (w *world) checkTargets(t *testing.T, platforms []platform.Platform) {
	out := w.MustBazel("cquery", "--config=airgap", "deps(//release:release)", "--output=starlark",
		`--starlark:expr=" ".join([str(label) for label in (build_options(target) or {}).get("//command_line_option:platforms", [])])`)
	got := map[string]bool{}
	for _, m := range regexp.MustCompile(`//release/platforms:(\S+)`).FindAllStringSubmatch(out, -1) {
		got[m[1]] = true
	}
	want := map[string]bool{}
	plan9 := false
	for _, p := range platforms {
		for _, half := range p.Halves() {
			want[half.String()] = true
		}
		plan9 = plan9 || p.GOOS == "plan9"
	}
	if !maps.Equal(got, want) {
		t.Errorf("got targets for %q\nwant %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	// Only programs for Plan 9 import this package.
	out, err := w.Bazel("query", "--config=airgap", "@demo_tiny//vendor/example.com/parts/nine:all")
	if there := err == nil; there != plan9 {
		t.Errorf("package nine: got %v, want it there: %t\n%s", err, plan9, out)
	}
}

// checkAdded adds a platform to the line. The next build compiles and links for that one alone.
func (w *world) checkAdded(t *testing.T, platforms []string) {
	w.mustResolve(platforms)
	events := filepath.Join(t.TempDir(), "events.json")
	w.MustBazel("build", "--config=airgap", "--build_event_json_file="+events, "--build_event_publish_all_actions", "//release:all")
	got := actions(t, events)
	want := map[string]int{
		"GoStdlib": 2, "GoCompilePkg": 2, "GoLink": 1, // the shared part of the standard library and the source's own
		"ReleaseArchive": 3,
	}
	for mnemonic, n := range want {
		if got[mnemonic] != n {
			t.Errorf("%s: got %d actions, want %d", mnemonic, got[mnemonic], n)
		}
	}
	for _, mnemonic := range []string{"ReleaseLayer", "ReleaseUniversal"} {
		if got[mnemonic] > 0 {
			t.Errorf("%s: got %d actions, want none", mnemonic, got[mnemonic])
		}
	}
	t.Logf("actions for one more platform: %v", got)
}

// actions returns how many actions of each mnemonic a build executed.
func actions(t *testing.T, events string) map[string]int {
	t.Helper()
	data, err := os.ReadFile(events)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]int{}
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		var event struct {
			Action *struct {
				Type string `json:"type"`
			} `json:"action"`
		}
		err := d.Decode(&event)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if event.Action != nil {
			all[event.Action.Type]++
		}
	}
}

// checkStatements checks that the statements of the release are about each file and both
// modules.
func (w *world) checkStatements(t *testing.T, platforms []platform.Platform) {
	read := func(path ...string) string {
		data, err := os.ReadFile(w.release(path...))
		if err != nil {
			t.Error(err)
		}
		return string(data)
	}
	spdx, cyclonedx, provenance := read("sbom", "demo-1.0.0.spdx.json"), read("sbom", "demo-1.0.0.cdx.json"), read("provenance.intoto.json")
	for name := range archives(t, platforms) {
		for kind, text := range map[string]string{"SPDX": spdx, "CycloneDX": cyclonedx, "provenance": provenance} {
			if !strings.Contains(text, name) {
				t.Errorf("%s has nothing about %s", kind, name)
			}
		}
	}
	notices := read("NOTICES")
	for _, m := range []string{"example.com/tiny", "example.com/parts"} {
		for kind, text := range map[string]string{"SPDX": spdx, "CycloneDX": cyclonedx, "NOTICES": notices} {
			if !strings.Contains(text, m) {
				t.Errorf("%s has nothing about %s", kind, m)
			}
		}
	}
}

// checkValidate checks the release with the command of its owner.
func (w *world) checkValidate(t *testing.T, programs int) {
	out := w.MustBazel("run", "--config=airgap", "//release:validate")
	checked := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z]+) +([0-9]+) +([0-9]+)$`).FindAllStringSubmatch(out, -1) {
		n, err := strconv.Atoi(m[2])
		if err != nil || m[3] != "0" {
			t.Errorf("%s: got %s findings, %v", m[1], m[3], err)
		}
		checked[m[1]] = n
	}
	if checked["programs"] < programs || checked["product"] == 0 || checked["images"] == 0 {
		t.Errorf("got %v, want at least %d programs, the image and the product's check\n%s", checked, programs, out)
	}
}

// checkRefused checks the messages for platforms that do not exist, in the manifest and in BUILD
// files, and for programs and images that lack one.
func (w *world) checkRefused(t *testing.T) {
	for target, want := range map[string]string{
		"intel":     "/cmd/intel: build constraints exclude all Go files for osx-arm64",
		"image":     "//release/half:image: @//release/half:tiny is not built for linux-s390x",
		"mac-image": `//release/half:mac-image: got platform "darwin/arm64", want a name such as linux/amd64, linux/arm64`,
		"level":     `level: got platform "linux-amd64v9", want one of linux-amd64, linux-amd64v2, linux-amd64v3, linux-amd64v4`,
	} {
		out, err := w.Bazel("build", "--config=airgap", "//release/half:"+target)
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: got %v\n%s\nwant %q", target, err, out, want)
		}
	}
	for _, tt := range []struct{ platform, architecture, want string }{
		{"linux-vax", "linux/amd64", `platforms: got "linux-vax", want one of linux-386, linux-amd64, `},
		{"linux-amd64v9", "linux/amd64", `platforms: got "linux-amd64v9", want one of linux-amd64, linux-amd64v2, linux-amd64v3, linux-amd64v4`},
		{"beos-amd64", "linux/amd64", `platforms: got "beos-amd64", want a platform such as linux-amd64, osx-arm64 or win-amd64`},
		{"osx-arm64", "darwin/arm64", `architectures: got "darwin/arm64", want a Linux platform such as linux/amd64 or linux/arm/v7`},
	} {
		out, err := w.resolve([]string{tt.platform}, []string{tt.architecture})
		if err == nil || !strings.Contains(out, tt.want) {
			t.Errorf("%s and %s: got %v\n%s\nwant %q", tt.platform, tt.architecture, err, out, tt.want)
		}
	}
}
