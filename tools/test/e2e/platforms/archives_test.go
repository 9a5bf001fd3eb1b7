package platforms_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
	"github.com/jasonwzm/release-builder/tools/internal/testing/archivetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// The templates of names in the line.
const (
	istio      platform.Template = "{name}-{version}-{platform}"
	golang     platform.Template = "{name}{version}.{os}-{arch}"
	goreleaser platform.Template = "{name}_{version}_{Os}_{uname}"
)

// known are names as their readers know them, of platforms that the test always has.
var known = []string{
	"tiny-1.0.0-freebsd-amd64.tar.xz", "tiny1.0.0.freebsd-amd64.tar.gz", "tiny_1.0.0_Freebsd_x86_64",
	"tiny-1.0.0-linux-amd64.tar.gz", "tiny-1.0.0-linux-amd64.tar.zst", "tiny1.0.0.linux-amd64.tar.gz", "tiny_1.0.0_Linux_x86_64",
	"tiny-1.0.0-linux-amd64v3.tar.gz", "tiny1.0.0.linux-amd64v3.tar.gz", "tiny_1.0.0_Linux_x86_64v3",
	"tiny-1.0.0-linux-armv7.tar.zst", "tiny1.0.0.linux-armv7.tar.gz", "tiny_1.0.0_Linux_armv7",
	"tiny-1.0.0-linux-mips_softfloat.tar.gz", "tiny1.0.0.linux-mips_softfloat.tar.gz", "tiny_1.0.0_Linux_mips_softfloat",
	"tiny-1.0.0-linux-s390x.tar.xz", "tiny-1.0.0-linux-s390x.tar.zst", "tiny-1.0.0-linux-s390x.zip",
	"tiny-1.0.0-osx-arm64.tar.gz", "tiny1.0.0.darwin-arm64.tar.gz", "tiny1.0.0.darwin-arm64.zip", "tiny_1.0.0_Darwin_arm64",
	"tiny-1.0.0-osx-universal.tar.gz", "tiny1.0.0.darwin-all.zip", "tiny_1.0.0_Darwin_all",
	"tiny-1.0.0-wasip1-wasm.tar.gz", "tiny1.0.0.wasip1-wasm.tar.xz", "tiny_1.0.0_Wasip1_wasm",
	"tiny-1.0.0-win-arm64.zip", "tiny1.0.0.windows-arm64.zip", "tiny_1.0.0_Windows_arm64.exe",
	"tiny-1.0.0-openbsd-riscv64.tar.gz", "tiny1.0.0.openbsd-riscv64.tar.zst", "tiny_1.0.0_Openbsd_riscv64",
}

// packed is an archive of the release.
type packed struct {
	platform platform.Platform
	program  string // path of the program in it
	prefix   string // of every path in it
}

func nameOf(t *testing.T, template platform.Template, p platform.Platform) string {
	t.Helper()
	name, err := template.Expand("tiny", "1.0.0", p)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func exe(p platform.Platform) string {
	if p.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// formats returns the formats of the two archives for a platform: the line's BUILD file says
// the same in its own way.
func formats(p platform.Platform) (istio, golang []string) {
	istio, golang = []string{"tar.gz"}, []string{"tar.gz"}
	switch p.GOOS {
	case "darwin":
		golang = []string{"tar.gz", "zip"}
	case "freebsd":
		istio = []string{"tar.xz"}
	case "linux":
		istio = []string{"tar.gz", "tar.zst"}
		if p.GOARCH == "s390x" {
			istio = []string{"tar.xz", "tar.zst", "zip"}
		}
	case "openbsd":
		golang = []string{"tar.zst"}
	case "wasip1":
		golang = []string{"tar.xz"}
	case "windows":
		istio, golang = []string{"zip"}, []string{"zip"}
	}
	return istio, golang
}

// archives returns the archives of a release by name.
func archives(t *testing.T, platforms []platform.Platform) map[string]packed {
	t.Helper()
	all := map[string]packed{}
	for _, p := range platforms {
		wrapped, flat := formats(p)
		for _, f := range wrapped {
			all[nameOf(t, istio, p)+"."+f] = packed{p, "tiny-1.0.0/bin/tiny" + exe(p), "tiny-1.0.0/"}
		}
		for _, f := range flat {
			all[nameOf(t, golang, p)+"."+f] = packed{p, "tiny" + exe(p), ""}
		}
	}
	return all
}

// checkArchives checks the names of archives and programs in the release, and what is in the
// archives, each with the standard library or one for its format, and with other programs.
func (w *world) checkArchives(t *testing.T, platforms []platform.Platform, programs map[platform.Platform][]byte) {
	all := archives(t, platforms)
	want := slices.Collect(maps.Keys(all))
	for _, p := range platforms {
		want = append(want, nameOf(t, goreleaser, p)+exe(p))
	}
	entries, err := os.ReadDir(w.release())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "tiny") && !strings.HasSuffix(e.Name(), ".sha256") {
			got = append(got, e.Name())
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, name := range known {
		if !slices.Contains(got, name) {
			t.Errorf("the release lacks %s", name)
		}
	}
	for name, a := range all {
		w.checkListing(t, name, a, digest.FromBytes(programs[a.platform]))
	}
	for _, r := range []struct {
		program string
		args    []string
		formats []string
	}{
		{"gzip", []string{"tar", "-xzf"}, []string{".tar.gz"}},
		{"xz", []string{"tar", "-xJf"}, []string{".tar.xz"}},
		{"zstd", []string{"tar", "--zstd", "-xf"}, []string{".tar.zst"}},
		{"unzip", []string{"unzip", "-q"}, []string{".zip"}},
		{"bsdtar", []string{"bsdtar", "-xf"}, []string{".tar.gz", ".tar.xz", ".tar.zst", ".zip"}},
	} {
		t.Run(r.program, func(t *testing.T) {
			readers.Find(t, r.program)
			for _, name := range slices.Sorted(maps.Keys(all)) {
				if slices.ContainsFunc(r.formats, func(f string) bool { return strings.HasSuffix(name, f) }) {
					checkUnpacked(t, r.args, w.release(name), all[name], programs[all[name].platform])
				}
			}
		})
	}
}

// files returns the paths in an archive, sorted.
func (a packed) files() []string {
	return []string{a.program, a.prefix + "licenses/example.com/parts/LICENSE", a.prefix + "licenses/example.com/tiny/LICENSE"}
}

// checkListing checks the files of an archive, and that the program is the release's.
func (w *world) checkListing(t *testing.T, name string, a packed, program digest.Digest) {
	t.Helper()
	lines, err := archivetest.ListFile(w.release(name))
	if err != nil {
		t.Error(err)
		return
	}
	var files []string
	for _, line := range lines {
		if fields := strings.Fields(line); strings.HasPrefix(line, "-") {
			files = append(files, fields[4])
			if fields[4] == a.program && (fields[0] != "-rwxr-xr-x" || !strings.HasPrefix(string(program), fields[5])) {
				t.Errorf("%s: got %s, want mode 0755 and %s", name, line, program)
			}
		}
	}
	slices.Sort(files)
	if want := slices.Sorted(slices.Values(a.files())); !slices.Equal(files, want) {
		t.Errorf("%s: got files %q, want %q", name, files, want)
	}
}

// checkUnpacked unpacks an archive with another program.
func checkUnpacked(t *testing.T, args []string, file string, a packed, program []byte) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), readers.Find(t, args[0]), append(slices.Clone(args[1:]), file)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %v\n%s", filepath.Base(file), args, err, out)
		return
	}
	var files []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, name)
		}
		return err
	})
	if want := slices.Sorted(slices.Values(a.files())); err != nil || !slices.Equal(files, want) {
		t.Errorf("%s: %v: got files %q, %v, want %q", filepath.Base(file), args, files, err, want)
	}
	at := filepath.Join(dir, filepath.FromSlash(a.program))
	got, err := os.ReadFile(at)
	if err != nil || !bytes.Equal(got, program) {
		t.Errorf("%s: %v: got a program of %d bytes, %v, want the release's of %d", filepath.Base(file), args, len(got), err, len(program))
	}
	if info, err := os.Stat(at); err == nil && info.Mode().Perm()&0o111 == 0 {
		t.Errorf("%s: %v: the program has mode %s", filepath.Base(file), args, info.Mode())
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Error(fmt.Errorf("%s: %w", file, err))
	}
}
