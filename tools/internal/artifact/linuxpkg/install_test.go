package linuxpkg

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// root is a directory in which packages are installed.
type root struct {
	t   *testing.T
	dir string
}

func (r root) path(name string) string { return filepath.Join(r.dir, name) }

// want checks the content of a file; "" means that there is no file.
func (r root) want(name, content string) {
	r.t.Helper()
	got, err := os.ReadFile(r.path(name))
	switch {
	case content == "" && !errors.Is(err, fs.ErrNotExist):
		r.t.Errorf("%s: got %q, %v, want no file", name, got, err)
	case content != "" && (err != nil || string(got) != content):
		r.t.Errorf("%s: got %q, %v, want %q", name, got, err, content)
	}
}

func (r root) edit(name, content string) { put(r.t, r.path(name), content, 0o644) }

// versions writes the package twice, the second time with a higher version, another program
// and other defaults.
func versions(t *testing.T, f Format) (first, second string) {
	t.Helper()
	dir := t.TempDir()
	s := sample(t, f, filepath.Join(dir, "in"))
	s.Conflicts, s.Replaces, s.Depends, s.Recommends = nil, nil, nil, nil
	first = writeFile(t, filepath.Join(dir, "one"), s)
	s.Version = strings.NewReplacer("~", "", "rc.1", "").Replace(s.Version) // 1.2.3 is higher than its candidate
	put(t, s.Files[0].Source, "the second program\n", 0o644)
	put(t, s.Files[1].Source, "level = 2\n", 0o644)
	return first, writeFile(t, filepath.Join(dir, "two"), s)
}

// TestInstallDeb installs, upgrades, removes and purges a package with dpkg, in a directory.
func TestInstallDeb(t *testing.T) {
	dpkg := readers.Find(t, "dpkg")
	readers.Require(t, "root", os.Getuid() == 0)
	first, second := versions(t, Deb)
	r := root{t, t.TempDir()}
	for _, dir := range []string{"updates", "info", "triggers", "parts"} {
		if err := os.MkdirAll(r.path("var/lib/dpkg/"+dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r.edit("var/lib/dpkg/status", "")
	// The maintainer scripts see these instead of systemd's.
	bin, calls := t.TempDir(), filepath.Join(t.TempDir(), "calls")
	for _, name := range []string{"deb-systemd-helper", "deb-systemd-invoke", "systemctl"} {
		put(t, filepath.Join(bin, name), "#!/bin/sh\necho "+name+" \"$@\" >>"+calls+"\n", 0o755)
	}
	do := func(args ...string) string {
		t.Helper()
		os.Remove(calls)
		args = append([]string{"--root=" + r.dir, "--force-script-chrootless", "--log=" + r.path("log")}, args...)
		cmd := environ.Command(t.Context(), environ.Tool("PATH="+bin+":/usr/sbin:/usr/bin:/sbin:/bin"), dpkg, args...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("dpkg %q: %v\n%s", args, err, out)
		}
		called, _ := os.ReadFile(calls)
		return string(out) + string(called)
	}
	wantLines(t, do("-i", first), "postinstall configure", "deb-systemd-helper unmask tool.service", "deb-systemd-helper --quiet was-enabled tool.service", "deb-systemd-helper enable tool.service")
	r.want("usr/bin/t", "\x7fELF a program\n")
	r.want("etc/tool/tool.conf", "level = 1\n")
	r.want("lib/systemd/system/tool.service", "[Unit]\nDescription=Tool\nDocumentation=man:tool(1)\n\n[Service]\nExecStart=/usr/bin/tool\n\n[Install]\nWantedBy=multi-user.target\n")

	r.edit("etc/tool/tool.conf", "level = 11\n")
	out := do("--force-confold", "-i", second)
	if !strings.Contains(out, "Unpacking tool (1.2.3) over (1.2.3~rc.1)") {
		t.Errorf("got %s, want an upgrade", out)
	}
	wantLines(t, out, "postinstall configure", "postremove upgrade")
	r.want("usr/bin/tool", "the second program\n")
	r.want("etc/tool/tool.conf", "level = 11\n")
	r.want("etc/tool/tool.conf.dpkg-dist", "level = 2\n")

	wantLines(t, do("-r", "tool"), "postremove remove")
	r.want("usr/bin/tool", "")
	r.want("usr/share/doc/tool/copyright", "")
	r.want("etc/tool/tool.conf", "level = 11\n")

	wantLines(t, do("-P", "tool"), "postremove purge", "deb-systemd-helper purge tool.service")
	r.want("etc/tool/tool.conf", "")
	r.want("etc/tool/tool.conf.dpkg-dist", "")
	if _, err := os.Stat(r.path("var/lib/tool")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("/var/lib/tool: got %v, want it gone", err)
	}
}

// TestInstallRPM installs, upgrades and removes a package with rpm, in a chroot whose shell
// is busybox.
func TestInstallRPM(t *testing.T) {
	rpm, busybox := readers.Find(t, "rpm"), readers.Find(t, "busybox")
	readers.Require(t, "root", os.Getuid() == 0)
	first, second := versions(t, RPM)
	r := root{t, t.TempDir()}
	shell, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	put(t, r.path("bin/sh"), string(shell), 0o755)
	put(t, r.path("usr/bin/systemctl"), "#!/bin/sh\necho systemctl \"$@\" >>/calls\n", 0o755)
	r.edit("dev/null", "")
	if err := os.MkdirAll(r.path("var/tmp"), 0o777); err != nil {
		t.Fatal(err)
	}
	do := func(args ...string) string {
		t.Helper()
		os.Remove(r.path("calls"))
		args = append([]string{"--root=" + r.dir, "--dbpath=/var/lib/rpm", "--nodeps"}, args...)
		cmd := environ.Command(t.Context(), environ.Tool("HOME="+t.TempDir()), rpm, args...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("rpm %q: %v\n%s", args, err, out)
		}
		called, _ := os.ReadFile(r.path("calls"))
		return string(out) + string(called)
	}
	wantLines(t, do("-i", first), "postinstall 1", "systemctl --no-reload preset tool.service")
	r.want("usr/bin/t", "\x7fELF a program\n")
	r.want("etc/tool/tool.conf", "level = 1\n")
	// Nothing differs from the package: owners, modes, times, digests, links.
	if out := do("-V", "tool"); strings.TrimSpace(out) != "" {
		t.Errorf("rpm -V: got %s", out)
	}

	r.edit("etc/tool/tool.conf", "level = 11\n")
	wantLines(t, do("-U", second), "postinstall 2", "postremove 1")
	r.want("usr/bin/tool", "the second program\n")
	r.want("etc/tool/tool.conf", "level = 11\n")
	r.want("etc/tool/tool.conf.rpmnew", "level = 2\n")

	wantLines(t, do("-e", "tool"), "postremove 0", "systemctl --no-reload disable --now tool.service")
	r.want("usr/bin/tool", "")
	r.want("etc/tool/tool.conf", "")
	r.want("etc/tool/tool.conf.rpmsave", "level = 11\n")
	for _, dir := range []string{"usr/share/licenses/tool", "var/lib/tool"} {
		if _, err := os.Stat(r.path(dir)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("/%s: got %v, want it gone", dir, err)
		}
	}
}

// TestInstallArchLinux installs, upgrades and removes a package with pacman, in a directory
// whose shell is busybox.
func TestInstallArchLinux(t *testing.T) {
	pacman, busybox := readers.Find(t, "pacman"), readers.Find(t, "busybox")
	readers.Require(t, "root", os.Getuid() == 0)
	first, second := versions(t, ArchLinux)
	r := root{t, t.TempDir()}
	shell, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	put(t, r.path("bin/sh"), string(shell), 0o755)
	put(t, r.path("bin/bash"), string(shell), 0o755)
	config := put(t, filepath.Join(t.TempDir(), "pacman.conf"), "[options]\nArchitecture = x86_64\nSigLevel = Never\n", 0o644)
	for _, dir := range []string{"var/lib/pacman", "var/cache", "tmp"} {
		if err := os.MkdirAll(r.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	do := func(args ...string) string {
		t.Helper()
		return run(t, pacman, append([]string{"--config", config, "--root", r.dir, "--dbpath", r.path("var/lib/pacman"), "--cachedir", r.path("var/cache"), "--logfile", r.path("log"), "--noconfirm"}, args...)...)
	}
	wantLines(t, do("-U", first), "postinstall 1.2.3rc.1-1")
	r.want("usr/bin/t", "\x7fELF a program\n")
	if out := do("-Qkk", "tool"); !strings.Contains(out, "0 altered files") {
		t.Errorf("pacman -Qkk: got %s", out)
	}
	r.edit("etc/tool/tool.conf", "level = 11\n")
	wantLines(t, do("-U", second), "postinstall 1.2.3-1")
	r.want("usr/bin/tool", "the second program\n")
	r.want("etc/tool/tool.conf", "level = 11\n")
	r.want("etc/tool/tool.conf.pacnew", "level = 2\n")
	wantLines(t, do("-R", "tool"), "postremove 1.2.3-1")
	r.want("usr/bin/tool", "")
	r.want("etc/tool/tool.conf", "")
	r.want("etc/tool/tool.conf.pacsave", "level = 11\n")
}
