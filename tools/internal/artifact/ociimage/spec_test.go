package ociimage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadSpec(t *testing.T) {
	const layers = `"layers": [{"tar": "l.tar.gz", "descriptor": "l.json"}]`
	const platforms = `"platforms": [{"os": "linux", "architecture": "amd64", ` + layers + `}]`
	const created = `"created": "2026-01-31T12:00:00Z"`
	withConfig := func(c string) string {
		return `{` + created + `, "platforms": [{"os": "linux", "architecture": "amd64", ` + layers + `, "config": {` + c + `}}]}`
	}
	for _, tc := range []struct{ name, in, err string }{
		{name: "smallest", in: `{` + created + `, ` + platforms + `}`},
		{name: "not JSON", in: `{`, err: `spec.json:1: `},
		{name: "unknown field", in: `{"createdd": ""}`, err: `unknown field "createdd"`},
		{name: "key twice", in: `{"ref": "a", "ref": "b"}`, err: `duplicate key "ref"`},
		{name: "two documents", in: `{} {}`, err: `spec.json:1: `},
		{name: "created missing", in: `{` + platforms + `}`, err: `created is missing`},
		{name: "created no time", in: `{"created": "yesterday"}`, err: `spec.json:1: parsing time "yesterday"`},
		{name: "platforms missing", in: `{` + created + `}`, err: `platforms is empty`},
		{name: "layers missing", in: `{` + created + `, "platforms": [{"os": "linux", "architecture": "amd64"}]}`, err: `platforms\[0\]: layers is empty`},
		{name: "layer without tar", in: `{` + created + `, "platforms": [{"os": "linux", "architecture": "amd64", "layers": [{"descriptor": "x"}]}]}`, err: `layers\[0\]: tar is "" and descriptor is "x"`},
		{name: "base without layout", in: `{` + created + `, "platforms": [{"os": "linux", "architecture": "amd64", "base": {}, ` + layers + `}]}`, err: `platforms\[0\]: base.layout is empty: want a directory`},
		{name: "base without digest", in: `{` + created + `, "platforms": [{"os": "linux", "architecture": "amd64", "base": {"layout": "x", "digest": "sha256:1"}, ` + layers + `}]}`, err: `platforms\[0\]: base.digest: parsing digest "sha256:1"`},
		{name: "os missing", in: `{` + created + `, "platforms": [{"architecture": "amd64", ` + layers + `}]}`, err: `platforms\[0\]: .*os is missing`},
		{name: "platform twice", in: `{` + created + `, "platforms": [
			{"os": "linux", "architecture": "arm64", ` + layers + `},
			{"os": "linux", "architecture": "arm64", "variant": "v8", ` + layers + `}]}`, err: `platforms\[1\]: duplicate platform linux/arm64/v8, also at platforms\[0\]`},
		{name: "annotation without key", in: `{` + created + `, "annotations": {"": "x"}, ` + platforms + `}`, err: `key is empty`},
		{name: "ref as annotation", in: `{` + created + `, "annotations": {"org.opencontainers.image.ref.name": "x"}, ` + platforms + `}`, err: `set ref`},
		{name: "ref", in: `{` + created + `, "ref": "example/app:v1.2.3", ` + platforms + `}`},
		{name: "ref with a space", in: `{` + created + `, "ref": "a b", ` + platforms + `}`, err: `ref is "a b"`},
		{name: "ref with two dots", in: `{` + created + `, "ref": "a..b", ` + platforms + `}`, err: `ref is "a..b"`},
		{name: "env without =", in: withConfig(`"env": ["A"]`), err: `config.env\[0\] is "A": want NAME=value`},
		{name: "env without name", in: withConfig(`"env": ["=A"]`), err: `want NAME=value`},
		{name: "env twice", in: withConfig(`"env": ["A=1", "A=2"]`), err: `config.env\[1\]: duplicate variable A`},
		{name: "workdir relative", in: withConfig(`"workdir": "tmp"`), err: `config.workdir is "tmp"`},
		{name: "workdir not clean", in: withConfig(`"workdir": "/tmp/../etc"`), err: `config.workdir`},
		{name: "ports", in: withConfig(`"ports": ["80", "80/udp", "80/sctp", "65535/tcp"]`)},
		{name: "port 0", in: withConfig(`"ports": ["0"]`), err: `config.ports\[0\]: parsing port "0"`},
		{name: "port too large", in: withConfig(`"ports": ["65536"]`), err: `parsing port`},
		{name: "port with zeros", in: withConfig(`"ports": ["080"]`), err: `parsing port`},
		{name: "port with other protocol", in: withConfig(`"ports": ["80/http"]`), err: `parsing port`},
		{name: "port without protocol", in: withConfig(`"ports": ["80/"]`), err: `parsing port`},
		{name: "port twice", in: withConfig(`"ports": ["80", "80/tcp"]`), err: `duplicate port 80/tcp`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "spec.json")
			if err := os.WriteFile(name, []byte(tc.in), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := ReadSpec(name)
			wantError(t, err, tc.err)
		})
	}
}

// TestReadSpecAll checks that all errors are reported, each with the name of the file.
func TestReadSpecAll(t *testing.T) {
	name := filepath.Join(t.TempDir(), "spec.json")
	in := `{"ref": " ", "platforms": [{"os": "linux", "architecture": "x86_64", "config": {"env": ["A"], "ports": ["x"]}}]}`
	if err := os.WriteFile(name, []byte(in), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := ReadSpec(name)
	if err == nil {
		t.Fatal("got no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 6 {
		t.Errorf("got %d errors, want 6:\n%v", len(lines), err)
	}
	for _, l := range lines {
		if !strings.Contains(l, name) {
			t.Errorf("%q does not name the file", l)
		}
	}
}
