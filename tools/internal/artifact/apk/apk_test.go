package apk

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
)

func build(t testing.TB) []byte {
	return []byte(packagetest.Make(t, packagetest.Package{Format: "apk", Version: "1.2.3-rc1", Depends: []string{"other>=1.0", "!old"}}))
}

func TestRead(t *testing.T) {
	data := build(t)
	p, err := Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "demo" || p.Version != "1.2.3_rc1" || p.Arch != "x86_64" || !strings.HasPrefix(p.Checksum, "Q1") || len(p.Fields["depend"]) != 2 {
		t.Errorf("got %+v", p)
	}
	for n := range 200 {
		if _, err := Read(bytes.NewReader(data[:n])); err == nil {
			t.Fatalf("the first %d bytes: got no error", n)
		}
	}
}

func TestCompare(t *testing.T) {
	all := []string{"0.9", "1.0_alpha", "1.0_alpha2", "1.0_beta1", "1.0_pre1", "1.0_rc1", "1.0_rc1-r1", "1.0", "1.0-r1", "1.0-r10", "1.0_git20240101", "1.0_p1", "1.0_p2", "1.0a", "1.0b", "1.0.1", "1.01", "1.1", "1.9", "1.10", "2"}
	for i, a := range all {
		for j, b := range all {
			if got := Compare(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%s, %s: got %d", a, b, got)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(build(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Read(bytes.NewReader(data))
		if err == nil && (strings.ContainsAny(p.Name+p.Version+p.Arch, "/ \n") || Compare(p.Version, p.Version) != 0) {
			t.Errorf("got %+v", p)
		}
	})
}

// TestReadStrict: what apk would read otherwise than it was meant, or not at all, is an error.
func TestReadStrict(t *testing.T) {
	const head = "pkgname = demo\npkgver = %s\narch = x86_64\n"
	for _, tt := range []struct{ version, more, want string }{
		{"1.2.3_rc1-r0", "# a comment\n\npkgdesc = one = two\n", ""},
		{"1.2.3_rc.1-r0", "", `pkgver: got "1.2.3_rc.1-r0", want a valid one`}, // as nfpm writes 1.2.3-rc.1
		{"1.2.3-rc.1", "", `pkgver: got "1.2.3-rc.1"`},
		{"1.2.3", "pkgdesc = A demo\n  with two lines\n", `.PKGINFO: got line "  with two lines", want KEY = VALUE`},
		{"1.2.3", "pkgver = 2\n", "pkgver: got 2 of them"},
	} {
		_, err := parse([]byte(fmt.Sprintf(head, tt.version) + tt.more))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s %q: got %v, want %q", tt.version, tt.more, err, tt.want)
		}
	}
	p := packagetest.Make(t, packagetest.Package{Format: "apk", Version: "1.2.3-rc.1"})
	if _, err := Read(strings.NewReader(p)); err == nil {
		t.Error("a package of nfpm's with a pre-release: got no error")
	}
}
