package rpm

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

func build(t testing.TB) []byte {
	return []byte(packagetest.Make(t, packagetest.Package{Format: "rpm", Version: "1.2.3-rc.1", Depends: []string{"other >= 1.0", "/bin/sh"}}))
}

func TestRead(t *testing.T) {
	data := build(t)
	p, err := Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "demo" || p.EVR() != "1.2.3~rc.1-1" || p.Arch != "x86_64" || p.License != "Apache-2.0" || p.Installed == 0 || p.BuildTime == 0 {
		t.Errorf("got %+v", p)
	}
	if want := []File{{"/usr/share/demo/text", ""}}; !slices.Equal(p.Files, want) {
		t.Errorf("got files %v, want %v", p.Files, want)
	}
	if got := p.Dependencies["requires"]; len(got) == 0 || !slices.Contains(got, Dependency{Name: "other", Flags: "GE", Epoch: "0", Version: "1.0"}) {
		t.Errorf("got %v", got)
	}
	if !bytes.Equal(data[p.HeaderStart:p.HeaderStart+4], []byte{0x8e, 0xad, 0xe8, 0x01}) {
		t.Errorf("no header at %d", p.HeaderStart)
	}
	for n := range int(p.HeaderEnd) {
		if _, err := Read(bytes.NewReader(data[:n])); err == nil {
			t.Fatalf("the first %d bytes: got no error", n)
		}
	}
}

func TestCompare(t *testing.T) {
	sign := func(n int) int { return max(-1, min(1, n)) }
	for i, a := range []string{"1.0~~-1", "1.0~rc1-1", "1.0~rc2-1", "1.0-1", "1.0-2", "1.0^20240101-1", "1.0.1~1-1", "1.0.1-1", "1.9-1", "1.10-1", "2-1", "1:0.1-1"} {
		for j, b := range []string{"1.0~~-1", "1.0~rc1-1", "1.0~rc2-1", "1.0-1", "1.0-2", "1.0^20240101-1", "1.0.1~1-1", "1.0.1-1", "1.9-1", "1.10-1", "2-1", "1:0.1-1"} {
			if got := Compare(a, b); got != sign(i-j) {
				t.Errorf("%s, %s: got %d, want %d", a, b, got, sign(i-j))
			}
		}
	}
	if Compare("1.0-1", "1_00-1") != 0 || Compare("1.0", "1.0-9") != 0 {
		t.Error("equal versions: got others")
	}
}

// TestCompareRPM compares with librpm.
func TestCompareRPM(t *testing.T) {
	const script = `import hawkey, sys
for line in sys.stdin:
    a, b = line.split()
    sack = hawkey.Sack()
    print(sack.evr_cmp(a, b))`
	const python = "/usr/bin/python3" // dnf's, which has hawkey
	readers.Require(t, "hawkey", exec.Command(python, "-c", "import hawkey").Run() == nil)
	var versions []string
	for _, v := range []string{"0", "1", "1.0", "1.0a", "1.a", "1.0.1", "1.0~", "1.0~rc1", "1.0~~", "1.0^", "1.0^1", "1.0^~", "1.0~^", "1.0^git", "1.0+1", "10", "9", "a", "A", "1..0", "1.0.", "001.0", "1.0_2", "1a2", "1a10"} {
		versions = append(versions, v+"-1", "1:"+v+"-2")
	}
	var in strings.Builder
	var want []string
	for _, a := range versions {
		for _, b := range versions {
			fmt.Fprintln(&in, a, b)
			want = append(want, fmt.Sprintf("%s %s %d", a, b, Compare(a, b)))
		}
	}
	cmd := exec.Command(python, "-c", script)
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	pairs := strings.Split(strings.TrimSpace(in.String()), "\n")
	for n, got := range strings.Fields(string(out)) {
		if got := pairs[n] + " " + got; got != want[n] {
			t.Errorf("got %s, rpm %s", want[n], got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(build(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Read(bytes.NewReader(data))
		if err == nil && (p.HeaderEnd > int64(len(data)) || p.HeaderStart < leadSize || strings.ContainsAny(p.Name+p.EVR()+p.Arch, "/ \n")) {
			t.Errorf("got %+v", p)
		}
	})
}
