package sbom

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	spdx "github.com/spdx/tools-golang/json"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// written writes the documents of the test release, and returns the names of the files that
// end in suffix.
func written(t *testing.T, suffix string) []string {
	t.Helper()
	dir := t.TempDir()
	var all []string
	for _, f := range documents(t, Args{Lock: testLock(), Artifacts: testRelease(t, t.TempDir())}).Files {
		if strings.HasSuffix(f.Name, suffix) {
			all = append(all, filepath.Join(dir, f.Name))
			check(t, os.WriteFile(all[len(all)-1], f.Data, 0o644))
		}
	}
	return all
}

// TestLibraries reads documents with the libraries that other programs use.
func TestLibraries(t *testing.T) {
	for _, name := range written(t, ".spdx.json") {
		f, err := os.Open(name)
		check(t, err)
		doc, err := spdx.Read(f)
		check(t, err)
		check(t, f.Close())
		if doc.SPDXVersion != "SPDX-2.3" || len(doc.Packages) == 0 {
			t.Errorf("%s: got %s with %d packages", name, doc.SPDXVersion, len(doc.Packages))
		}
	}
	for _, name := range written(t, ".cdx.json") {
		f, err := os.Open(name)
		check(t, err)
		bom := new(cdx.BOM)
		check(t, cdx.NewBOMDecoder(f, cdx.BOMFileFormatJSON).Decode(bom))
		check(t, f.Close())
		if bom.SpecVersion != cdx.SpecVersion1_6 || bom.Metadata.Component == nil {
			t.Errorf("%s: got version %s, component %v", name, bom.SpecVersion, bom.Metadata.Component)
		}
	}
}

// TestPySPDXTools validates documents with the SPDX project's tools for Python, which take
// seconds to start: the release's, which has all kinds of element, and a source's.
func TestPySPDXTools(t *testing.T) {
	program := readers.Find(t, "pyspdxtools")
	for _, name := range append(written(t, "release.spdx.json"), written(t, "agent.spdx.json")...) {
		if out, err := exec.Command(program, "--infile", name).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// validator validates files with the CycloneDX project's library for JavaScript.
const validator = `
const {readFileSync} = require("node:fs");
const {Validation, Spec} = require("@cyclonedx/cyclonedx-library");
const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
(async () => {
  for (const name of process.argv.slice(1)) {
    const found = await validator.validate(readFileSync(name, "utf8"));
    if (found !== null) { console.log(name, JSON.stringify(found)); process.exitCode = 1; }
  }
})();
`

// TestCycloneDXLibrary validates documents with the JSON schema. RELEASE_CYCLONEDX is a
// directory whose node_modules has @cyclonedx/cyclonedx-library and what it needs for that:
// ajv, ajv-formats and ajv-formats-draft2019.
func TestCycloneDXLibrary(t *testing.T) {
	dir := os.Getenv("RELEASE_CYCLONEDX")
	readers.Require(t, "cyclonedx-library", dir != "")
	node := readers.Find(t, "node")
	validate := func(names ...string) (string, error) {
		cmd := exec.Command(node, append([]string{"-e", validator, "--"}, names...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	names := written(t, ".cdx.json")
	if out, err := validate(names...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(names[0])
	check(t, err)
	check(t, os.WriteFile(names[0], bytes.Replace(data, []byte(`"type": "library"`), []byte(`"type": "libary"`), 1), 0o644))
	if out, err := validate(names...); err == nil || !strings.Contains(out, "must be equal to one of the allowed values") {
		t.Errorf("a wrong document: got %v, %s", err, out)
	}
}

// TestDPKGQuery compares this machine's packages with what dpkg-query says about them.
func TestDPKGQuery(t *testing.T) {
	const database = "/var/lib/dpkg/status"
	query := readers.Find(t, "dpkg-query")
	f, err := os.Open(database)
	readers.Require(t, database, err == nil)
	defer f.Close()
	all, err := parseDPKG(f)
	check(t, err)
	got := map[string]bool{}
	for _, p := range all {
		got[strings.Join([]string{p.name, p.version, p.arch, cmp.Or(p.source, p.name), cmp.Or(p.sourceVersion, p.version)}, " ")] = true
	}
	out, err := exec.Command(query, "--show", "--showformat", "${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\\n").Output()
	check(t, err)
	want := 0
	for line := range strings.Lines(string(out)) {
		state, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if state == "config-files" || state == "not-installed" {
			continue
		}
		if want++; !got[name] {
			t.Errorf("%s is missing", name)
		}
	}
	if want != len(got) {
		t.Errorf("got %d packages, want %d", len(got), want)
	}
}

// TestSyft compares documents with what syft (https://github.com/anchore/syft) finds in the
// same image and in the same archive: nothing that it finds is missing.
func TestSyft(t *testing.T) {
	syft := readers.Find(t, "syft")
	dir := t.TempDir()
	artifacts := testRelease(t, dir)
	archive := filepath.Join(dir, "tool.tar.gz")
	packArchive(t, archive, artifacts[0].Contents)
	for name, source := range map[string]string{
		"linux/amd64": "oci-dir:" + imageFor(t, artifacts[3], 0),
		"linux/arm64": "oci-dir:" + imageFor(t, artifacts[3], 1),
		"archive":     "file:" + archive,
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(syft, "scan", source, "--output", "syft-json")
			cmd.Env = append(os.Environ(), "SYFT_CHECK_FOR_APP_UPDATE=false")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, stderr.String())
			}
			have := map[string]bool{}
			inv, err := Collect(t.Context(), Args{Lock: testLock(), Artifacts: artifacts})
			check(t, err)
			for _, e := range inv.Release(nil).Elements {
				have[syftName(e)] = true
			}
			var got struct {
				Artifacts []struct{ Name, Version, Type string }
			}
			check(t, json.Unmarshal(out, &got))
			if len(got.Artifacts) == 0 {
				t.Fatal("syft finds nothing")
			}
			for _, a := range got.Artifacts {
				if name := a.Type + " " + a.Name + " " + a.Version; !have[name] {
					t.Errorf("syft finds %s, which is missing", name)
				}
			}
			t.Logf("syft finds %d packages", len(got.Artifacts))
		})
	}
}

// syftName returns type, name and version of an element as syft has them.
func syftName(e *Element) string {
	switch e.Kind {
	case Module:
		return "go-module " + e.Name + " " + cmp.Or(e.Version, "UNKNOWN")
	case Package:
		return strings.TrimPrefix(strings.SplitN(e.PURL, "/", 2)[0], "pkg:") + " " + e.Name + " " + e.Version
	}
	return fmt.Sprint(e.Kind)
}

// imageFor returns a layout whose index.json points to one manifest of an image: syft reads
// no index of images.
func imageFor(t *testing.T, a release.Entry, i int) string {
	t.Helper()
	inv, err := Collect(t.Context(), Args{Lock: testLock(), Artifacts: []release.Entry{a}})
	check(t, err)
	dir := t.TempDir()
	check(t, os.Symlink(filepath.Join(a.Source, "blobs"), filepath.Join(dir, "blobs")))
	check(t, layout.Path(dir).WriteIndex(layout.NewIndex(inv.images[a.Path].manifests[i].Descriptor)))
	return dir
}

// packArchive writes a .tar.gz with the programs.
func packArchive(t *testing.T, name string, contents []release.Content) {
	t.Helper()
	f, err := os.Create(name)
	check(t, err)
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	for _, c := range contents {
		data, err := os.ReadFile(c.Source)
		check(t, err)
		check(t, w.WriteHeader(&tar.Header{Name: c.Path, Mode: 0o755, Size: int64(len(data))}))
		_, err = w.Write(data)
		check(t, err)
	}
	check(t, w.Close())
	check(t, z.Close())
	check(t, f.Close())
}
