package pkgrepo

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestYum publishes two releases.
func TestYum(t *testing.T) {
	buckettest.Each(t, func(t *testing.T, p buckettest.Place) {
		c := configOf(p, writeKey(t))
		one, _ := yumRepo.publishTwo(t, p, c, func() {})
		c.Base = "https://rpm.example.com/"
		d := yumRepo.in(t, c, one)
		if n := buckettest.States(buckettest.Plan(t, d)); n[publish.Behind] != 3 {
			t.Errorf("another URL: got %v, want three entries behind", n)
		}
		run(t, d)
		if got := p.Content("all/demo/stable/mirrorlist"); !strings.HasPrefix(got, "https://rpm.example.com/stable/by-hash/") {
			t.Errorf("got %q", got)
		}
	})
}

// TestYumCreaterepo compares the lists with those that createrepo_c makes of the same
// packages.
func TestYumCreaterepo(t *testing.T) {
	readers.Find(t, "createrepo_c")
	p := buckettest.Open(t, "file")
	var packages []packagetest.Package
	for _, name := range []string{"alpha", "beta"} {
		packages = append(packages, yumRepo.of(packagetest.Package{Name: name, Depends: []string{"other >= 1:2.0-3", "/bin/sh", "x = 1"}, Text: "a <text> & more"}))
	}
	run(t, yumRepo.in(t, configOf(p, writeKey(t)), treeOf(t, releasetest.Args{}, packages...)))
	dir := t.TempDir()
	for _, key := range p.Keys() {
		if name := filepath.Base(key); strings.HasSuffix(name, ".rpm") {
			check(t, os.WriteFile(filepath.Join(dir, name), []byte(p.Content(key)), 0o644))
		}
	}
	if out, err := exec.Command("createrepo_c", "--no-database", "--compress-type=gz", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	root := strings.TrimPrefix(p.URL, "file://")
	for _, list := range []string{"primary", "filelists", "other"} {
		got, want := unpacked(t, filepath.Join(root, "stable/by-hash/*/repodata/*-"+list+".xml.gz")), unpacked(t, filepath.Join(dir, "repodata/*-"+list+".xml.gz"))
		if got != want {
			t.Errorf("%s: got\n%s\ncreaterepo_c\n%s", list, got, want)
		}
	}
}

// unpacked returns a list without what differs by design: where packages are, and when their
// files were written.
func unpacked(t *testing.T, pattern string) string {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: got %q, %v", pattern, files, err)
	}
	out, err := exec.Command("gzip", "-dc", files[0]).Output()
	check(t, err)
	text := regexp.MustCompile(`<location href="[^"]*/|<location href="|time file="\d+"`).ReplaceAllString(string(out), "")
	return regexp.MustCompile(`(?m)^\s+|\n$`).ReplaceAllString(text, "")
}

// A dnfRoot is a system of its own for dnf.
type dnfRoot struct {
	t   *testing.T
	dir string
}

func newDnfRoot(t *testing.T, p buckettest.Place, base string) *dnfRoot {
	d := &dnfRoot{t, t.TempDir()}
	check(t, os.WriteFile(filepath.Join(d.dir, "dnf.conf"), []byte(fmt.Sprintf(`[main]
cachedir=%[1]s/cache
persistdir=%[1]s/persist
logdir=%[1]s/log
reposdir=%[1]s/none
varsdir=%[1]s/none
pluginconfpath=%[1]s/none
plugins=0
install_weak_deps=0
ignorearch=1
arch=x86_64
metadata_expire=0

[demo]
name=Demo
mirrorlist=%[2]s/stable/mirrorlist
gpgkey=%[2]s/key.asc
repo_gpgcheck=1
gpgcheck=0
`, d.dir, base)), 0o644))
	return d
}

func (d *dnfRoot) run(args ...string) (string, error) {
	cmd := exec.Command("dnf", append([]string{"-y", "-c", filepath.Join(d.dir, "dnf.conf"), "--installroot", filepath.Join(d.dir, "root"), "--releasever=1", "--forcearch=x86_64"}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=" + d.dir}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("dnf %q: %w\n%s", args, err, out.String())
	}
	return out.String(), err
}

// upgrade installs the newest version of demo and returns what is installed then.
func (d *dnfRoot) upgrade(command string) string {
	d.t.Helper()
	if _, err := d.run(command, "demo"); err != nil {
		d.t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(d.dir, "root/usr/share/demo/text"))
	check(d.t, err)
	return string(data)
}

// TestDnfClient installs with dnf, as TestAptClient does.
func TestDnfClient(t *testing.T) {
	readers.Find(t, "dnf")
	buckettest.Each(t, func(t *testing.T, p buckettest.Place) {
		c := configOf(p, writeKey(t))
		base := baseURL(t, p)
		c.Base = base
		library := yumRepo.of(packagetest.Package{Name: "libdemo", Arch: "all", Version: "0.5.0"})
		tree := func(version string, day int) func() publish.Destination {
			tree := treeOf(t, releasetest.Args{Version: version, Time: packagetest.Later(day)},
				yumRepo.of(packagetest.Package{Depends: []string{"libdemo"}}), yumRepo.of(packagetest.Package{Arch: "arm64"}), library)
			return func() publish.Destination { return yumRepo.in(t, c, tree) }
		}
		one, two := tree("1.2.0", 1), tree("1.3.0", 2)
		runLater(t, one())
		dnf := newDnfRoot(t, p, base)
		if got := dnf.upgrade("install"); got != "demo 1.2.0" {
			t.Errorf("before: got %q", got)
		}
		d := two()
		items := buckettest.Plan(t, d)
		check(t, d.Apply(t.Context(), publish.Upload, buckettest.Missing(items, publish.Upload), nil))
		if got := newDnfRoot(t, p, base).upgrade("install"); got != "demo 1.2.0" {
			t.Errorf("during: got %q", got)
		}
		runLater(t, d)
		if got := dnf.upgrade("upgrade"); got != "demo 1.3.0" {
			t.Errorf("after: got %q", got)
		}
		c.Channels[0].Back = true
		runLater(t, one())
		if got := dnf.upgrade("distro-sync"); got != "demo 1.2.0" {
			t.Errorf("moved back: got %q", got)
		}
		c.Channels[0].Back = false
		runLater(t, two())
		if got := dnf.upgrade("upgrade"); got != "demo 1.3.0" {
			t.Errorf("moved on: got %q", got)
		}
	})
}
