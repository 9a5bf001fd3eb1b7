package vex

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"
	openvex "github.com/openvex/go-vex/pkg/vex"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/license"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

var update = flag.Bool("update", false, "rewrite testdata")

const updateHint = "if this is right: go test ./tools/internal/artifact/vex -update"

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s\n%s", name, got, want, updateHint)
	}
}

// args returns a release, and the statements in testdata/vex.yaml.
func args(t *testing.T) Args {
	t.Helper()
	file, err := Read(filepath.Join("testdata", "vex.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, content string) string {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
		return name
	}
	index := digest.FromBytes([]byte("{}"))
	write("image/blobs/sha256/"+index.Hex(), "{}")
	write("image/index.json", fmt.Sprintf(`{"schemaVersion": 2, "manifests": [{"mediaType": %q, "size": 2, "digest": %q}]}`, types.OCIImageIndex, index))
	return Args{
		File: file, Time: time.Date(2024, 2, 29, 12, 0, 0, 0, time.FixedZone("", 3600)), Version: "1.0.0+x",
		Artifacts: []release.Entry{
			{Path: "images/tool", Kind: release.ImageKind, MediaType: string(types.OCIImageIndex), Source: filepath.Dir(write("image/oci-layout", `{"imageLayoutVersion": "1.0.0"}`))},
			{Path: "tool-1.0.0-linux-amd64.tar.gz", Source: write("amd64", "amd64")},
			{Path: "tool-1.0.0-linux-arm64.tar.gz", Source: write("arm64", "arm64")},
			{Path: "other.zip", Source: write("other", "other")},
		},
		Components: []license.Component{
			{Type: license.Deb, Name: "libc6", Version: "2.36-9+deb12u1"},
			{Type: license.Module, Name: "golang.org/x/crypto", Version: "v0.1.0"},
			{Type: license.Module, Name: "golang.org/x/crypto", Version: "v0.2.0"},
			{Type: license.Module, Name: "example.com/old", Version: "v4.0.0+incompatible"},
		},
	}
}

func marshal(t *testing.T, a Args) []byte {
	t.Helper()
	d, err := New(a)
	if err != nil {
		t.Fatal(err)
	}
	data, err := jsonfile.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestGolden(t *testing.T) { golden(t, "vex.golden", marshal(t, args(t))) }

// TestReader: the reader of the OpenVEX project accepts the document and finds the statements.
func TestReader(t *testing.T) {
	data := marshal(t, args(t))
	d, err := openvex.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range d.Statements {
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", s.Vulnerability.Name, err)
		}
	}
	image := "pkg:oci/tool@" + strings.ReplaceAll(string(digest.FromBytes([]byte("{}"))), ":", "%3A")
	found := d.Matches("CVE-2026-1", image, []string{"pkg:golang/golang.org/x/crypto@v0.1.0"})
	if len(found) != 1 || found[0].Status != openvex.StatusNotAffected {
		t.Errorf("got %v, want the statement that the image is not affected", found)
	}
	if found := d.Matches("GO-2026-2", "pkg:golang/golang.org/x/crypto@v0.2.0", nil); len(found) != 1 {
		t.Errorf("by its alias: got %v, want one statement", found)
	}
	var again openvex.VEX
	if err := jsonfile.Unmarshal(data, &again); err != nil {
		t.Errorf("a field is unknown to the reader: %v", err)
	}
	for _, status := range statuses {
		if !slices.Contains(openvex.Statuses(), status) {
			t.Errorf("status %q is not one of the specification's", status)
		}
	}
	if got, want := len(justifications), len(openvex.Justifications()); got != want {
		t.Errorf("got %d justifications, want %d", got, want)
	}
	for _, j := range justifications {
		if !slices.Contains(openvex.Justifications(), j) {
			t.Errorf("justification %q is not one of the specification's", j)
		}
	}
}

// TestShuffled: the order of what is in the release has no effect.
func TestShuffled(t *testing.T) {
	a := args(t)
	slices.Reverse(a.Artifacts)
	slices.Reverse(a.Components)
	golden(t, "vex.golden", marshal(t, a))
}

func TestNotInRelease(t *testing.T) {
	a := args(t)
	s := &a.File.Statements[0]
	s.Products = []string{"images/other", "pkg:golang/golang.org/x/text", "pkg:golang/golang.org/x/crypto@v0.3.0", "*.deb"}
	s.Components = []string{"pkg:apk/alpine/musl"}
	_, err := New(a)
	if err == nil {
		t.Fatal("got no error")
	}
	golden(t, "missing.golden", []byte(err.Error()+"\n"))
}

// TestBad compares the errors of the files NAME.yaml with NAME.want.
func TestBad(t *testing.T) {
	name := filepath.Join("testdata", "bad.txtar")
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(ar.Files); i += 2 {
		_, err := Parse(ar.Files[i].Name, ar.Files[i].Data)
		if err == nil {
			t.Errorf("%s: got no error", ar.Files[i].Name)
			continue
		}
		ar.Files[i+1].Data = []byte(err.Error() + "\n")
	}
	golden(t, "bad.txtar", txtar.Format(ar))
}

// FuzzParse: a file is parsed or refused, and what is parsed follows the specification.
func FuzzParse(f *testing.F) {
	data, err := os.ReadFile(filepath.Join("testdata", "vex.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("vex.yaml", data)
		if err != nil {
			return
		}
		for _, s := range file.Statements {
			st := openvex.Statement{
				Vulnerability: openvex.Vulnerability{Name: openvex.VulnerabilityID(s.Vulnerability)}, Status: openvex.Status(s.Status),
				Justification: openvex.Justification(s.Justification), ImpactStatement: s.Impact, ActionStatement: s.Action,
			}
			if err := st.Validate(); err != nil {
				t.Errorf("%+v: %v", s, err)
			}
		}
	})
}
