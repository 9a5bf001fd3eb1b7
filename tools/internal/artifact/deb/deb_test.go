package deb

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/goreleaser/nfpm/v2"
	nfpmdeb "github.com/goreleaser/nfpm/v2/deb"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

func build(t testing.TB, compression string) []byte {
	info := &nfpm.Info{
		Name: "demo", Arch: "amd64", Version: "1.2.3-rc.1", Maintainer: "Me <me@example.com>", Description: "One line\nand another\n\nlast",
		Overridables: nfpm.Overridables{Depends: []string{"libc6"}, Deb: nfpm.Deb{Compression: compression}},
	}
	info = nfpm.WithDefaults(info)
	var b bytes.Buffer
	if err := nfpmdeb.Default.Package(info, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRead(t *testing.T) {
	for _, compression := range []string{"gzip", "xz", "zstd", "none"} {
		t.Run(compression, func(t *testing.T) {
			data := build(t, compression)
			p, err := Read(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if p.Get("package") != "demo" || p.Get("Version") != "1.2.3~rc.1" || p.Get("Architecture") != "amd64" || p.Get("Depends") != "libc6" {
				t.Errorf("got %q", p)
			}
			if want := "One line\n and another\n .\n last"; p.Get("Description") != want {
				t.Errorf("got %q, want %q", p.Get("Description"), want)
			}
			again, err := Parse([]byte(p.String()))
			if err != nil || len(again) != 1 || again[0].String() != p.String() {
				t.Errorf("got %q, %v, want %q", again, err, p)
			}
			for n := range 150 {
				if _, err := Read(bytes.NewReader(data[:n])); err == nil {
					t.Fatalf("the first %d bytes: got no error", n)
				}
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for data, want := range map[string]string{
		" x\n": "continuation without a field", "a: 1\nA: 2\n": `duplicate field "A"`, "hello\n": `got "hello"`, "a b: c\n": "want FIELD: VALUE",
	} {
		if _, err := Parse([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", data, err, want)
		}
	}
}

var versions = []string{
	"", "0", "1", "1.0", "1.0-1", "1.0-2", "1.0~rc.1", "1.0~rc.1-1", "1.0~~", "1.0+b1", "1.0a", "1.0.1", "1:0.1", "0:1.0", "1.10", "1.9", "01.0", "1.0-1~bpo", "2", "1.0-1.1", "1.2.3~alpha.10", "1.2.3~alpha.9", "1.0A", "1.0.-1",
}

// TestCompare compares with dpkg.
func TestCompare(t *testing.T) {
	for i, v := range []string{"1.0~~", "1.0~rc.1", "1.0", "1.0a", "1.0+b1", "1.0.1", "1.9", "1.10", "1:0.1"} {
		for j, w := range []string{"1.0~~", "1.0~rc.1", "1.0", "1.0a", "1.0+b1", "1.0.1", "1.9", "1.10", "1:0.1"} {
			if got := Compare(v, w); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%s, %s: got %d", v, w, got)
			}
		}
	}
	dpkg := readers.Find(t, "dpkg")
	for _, v := range versions[1:] {
		for _, w := range versions[1:] {
			for op, want := range map[string]bool{"lt": Compare(v, w) < 0, "eq": Compare(v, w) == 0} {
				if got := exec.Command(dpkg, "--compare-versions", v, op, w).Run() == nil; got != want {
					t.Errorf("%s %s %s: got %v, dpkg %v", v, op, w, want, got)
				}
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, c := range []string{"gzip", "xz", "zstd", "none"} {
		f.Add(build(f, c))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		again, err := Parse([]byte(p.String()))
		if err != nil || len(again) != 1 || again[0].String() != p.String() {
			t.Errorf("got %q, %v, want %q", again, err, p)
		}
	})
}
