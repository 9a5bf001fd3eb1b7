package pkgrepo

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestApkClient installs from a repository with the package manager of apko, into a new root
// each time: first, after a newer release, after a rollback, and after the newer one again. It
// refuses an index that another key signed, and a package with other bytes.
func TestApkClient(t *testing.T) {
	program := readers.Find(t, "apkclient")
	key := writeRSA(t)
	buckettest.Each(t, func(t *testing.T, p buckettest.Place) {
		c := configOf(p, key)
		base := baseURL(t, p)
		install := func(keyFile string) (string, error) {
			dir := t.TempDir()
			cmd := exec.CommandContext(t.Context(), program, dir, "x86_64", base+"/stable", keyFile, "demo")
			cmd.Env = append(os.Environ(), "HOME="+dir)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Logf("%v: %s", err, stderr.String())
				return stderr.String(), err
			}
			text, err := os.ReadFile(filepath.Join(dir, "usr/share/demo/text"))
			check(t, err)
			return string(out) + string(text), nil
		}
		packages := []packagetest.Package{apkRepo.of(packagetest.Package{Depends: []string{"libdemo"}}), apkRepo.of(packagetest.Package{Name: "libdemo"})}
		public := ""
		step := func(what, version string, back bool) {
			t.Helper()
			c.Channels[0].Back = back
			run(t, apkRepo.in(t, c, treeOf(t, releasetest.Args{Version: version}, packages...)))
			if public == "" {
				for _, k := range p.Keys() {
					if strings.HasSuffix(k, ".rsa.pub") {
						public = filepath.Join(t.TempDir(), filepath.Base(k))
						check(t, os.WriteFile(public, []byte(p.Content(k)), 0o644))
					}
				}
			}
			got, err := install(public)
			if want := "demo " + version + "\n"; err != nil || !strings.Contains(got, want) || !strings.Contains(got, "libdemo "+version+"\n") || !strings.HasSuffix(got, "demo "+version) {
				t.Errorf("%s: got %q, %v, want %q", what, got, err, want)
			}
		}
		step("install", "1.2.0", false)
		step("update", "1.10.0", false)
		step("rollback", "1.2.0", true)
		step("update again", "1.10.0", false)
		other := filepath.Join(t.TempDir(), filepath.Base(public))
		check(t, os.WriteFile(other, []byte(otherKey(t)), 0o644))
		if got, err := install(other); err == nil {
			t.Errorf("with another key: got %q", got)
		}
	})
}

// otherKey returns the public key of a repository that has nothing to do with the tested one.
func otherKey(t *testing.T) string {
	p := buckettest.Open(t, "file")
	run(t, apkRepo.in(t, configOf(p, writeRSA(t)), treeOf(t, releasetest.Args{}, apkRepo.of(packagetest.Package{}))))
	for _, k := range p.Keys() {
		if strings.HasSuffix(k, ".rsa.pub") {
			return p.Content(k)
		}
	}
	t.Fatal("no key")
	return ""
}
