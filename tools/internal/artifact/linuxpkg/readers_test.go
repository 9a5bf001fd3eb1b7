package linuxpkg

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// fileNames are those by which the checkers know the packages.
var fileNames = map[Format]string{
	Deb:       "tool_1.2.3~rc.1_amd64.deb",
	RPM:       "tool-1.2.3~rc.1-1.x86_64.rpm",
	APK:       "tool_1.2.3_rc1-r0_x86_64.apk",
	ArchLinux: "tool-1.2.3rc.1-1-x86_64.pkg.tar.zst",
}

// writeFile writes the package into dir and returns its name.
func writeFile(t *testing.T, dir string, s *Spec) string {
	t.Helper()
	return put(t, filepath.Join(dir, fileNames[s.Format]), string(write(t, s)), 0o644)
}

// run runs a program and returns its output. It fails the test if the program does.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := tryRun(t, program, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return out
}

func tryRun(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	out, err := environ.Command(t.Context(), environ.Tool("TZ=UTC", "HOME="+t.TempDir()), program, args...).CombinedOutput()
	return string(out), err
}

// wantLines checks that each line is in the output, whatever the number of spaces.
func wantLines(t *testing.T, out string, lines ...string) {
	t.Helper()
	have := strings.Split(out, "\n")
	for i, line := range have {
		have[i] = strings.Join(strings.Fields(line), " ")
	}
	for _, line := range lines {
		if !slices.Contains(have, line) {
			t.Errorf("got:\n%s\nwant the line %q", out, line)
		}
	}
}

func TestDpkg(t *testing.T) {
	dpkg := readers.Find(t, "dpkg-deb")
	dir := t.TempDir()
	deb := writeFile(t, dir, sample(t, Deb, filepath.Join(dir, "in")))
	wantLines(t, run(t, dpkg, "-I", deb),
		"Package: tool", "Version: 1.2.3~rc.1", "Architecture: amd64", "Depends: iptables", "Recommends: curl", "Conflicts: nottool",
		"Provides: toolish", "Replaces: oldtool", "Maintainer: Jane Doe <jane@example.com>", "Description: Does one thing well",
		"It does one thing,", "and it does it well.", ".", "It does nothing else.")
	wantLines(t, run(t, dpkg, "-c", deb),
		"-rwxr-xr-x root/root 15 2023-11-14 22:13 ./usr/bin/tool",
		"lrwxrwxrwx root/root 0 2023-11-14 22:13 ./usr/bin/t -> tool",
		"-rw-r--r-- root/root 10 2023-11-14 22:13 ./etc/tool/tool.conf",
		"drwxr-xr-x root/root 0 2023-11-14 22:13 ./var/lib/tool/")
	run(t, dpkg, "-x", deb, filepath.Join(dir, "out"))
	if got, err := os.ReadFile(filepath.Join(dir, "out/usr/bin/t")); err != nil || string(got) != "\x7fELF a program\n" {
		t.Errorf("program: got %q, %v", got, err)
	}
	control := filepath.Join(dir, "control")
	run(t, dpkg, "-e", deb, control)
	if got, err := os.ReadFile(filepath.Join(control, "conffiles")); err != nil || string(got) != "/etc/tool/tool.conf\n" {
		t.Errorf("conffiles: got %q, %v", got, err)
	}
}

func TestRPM(t *testing.T) {
	rpm := readers.Find(t, "rpm")
	dir := t.TempDir()
	file := writeFile(t, dir, sample(t, RPM, filepath.Join(dir, "in")))
	wantLines(t, run(t, rpm, "-qip", "--requires", "--provides", "--conflicts", "--obsoletes", "--recommends", file),
		"Name : tool", "Version : 1.2.3~rc.1", "Release : 1", "Architecture: x86_64", "Group : Applications/System", "License : BSD-3-Clause",
		"Build Date : Tue Nov 14 22:13:20 2023", "Build Host : localhost", "Packager : Jane Doe <jane@example.com>", "Vendor : Example",
		"Summary : Does one thing well", "iptables", "tool = 1.2.3~rc.1-1", "toolish", "nottool", "oldtool", "curl")
	wantLines(t, run(t, rpm, "-Kv", file), "Header SHA256 digest: OK", "Payload SHA256 digest: OK")
	const none = "0000000000000000000000000000000000000000000000000000000000000000"
	// The path, the size, the time, the digest, the mode, the owner; whether it is a config file
	// or a document, the device, and the target of a link.
	wantLines(t, run(t, rpm, "-qp", "--dump", file),
		"/usr/bin/t 4 1700000000 "+none+" 0120777 root root 0 0 1 tool",
		"/usr/bin/tool 15 1700000000 f3e556dbc1cc7752a21b037141f71eeb588e410c8f6b847d9ead9ef805b1f8fa 0100755 root root 0 0 1 X",
		"/usr/share/licenses/tool 4096 1700000000 "+none+" 040755 root root 0 0 1 X")
	wantLines(t, run(t, rpm, "-qp", "--licensefiles", file), "/usr/share/licenses/tool/example.com/lib@v1.0.0/LICENSE", "/usr/share/licenses/tool/example.com/tool@v1.0.0/LICENSE")
	wantLines(t, run(t, rpm, "-qp", "--docfiles", file), "/usr/share/doc/tool/README", "/usr/share/man/man1/tool.1.gz")
	wantLines(t, run(t, rpm, "-qp", "--qf", "[%{FILENAMES} %{FILEFLAGS:fflags}\n]", file), "/etc/tool/tool.conf cn")
	wantLines(t, run(t, rpm, "-qp", "--changelog", file), "* Tue Nov 14 2023 Jane Doe <jane@example.com> - 1.2.3~rc.1-1", "- Release 1.2.3~rc.1.")
}

func TestPacman(t *testing.T) {
	pacman := readers.Find(t, "pacman")
	dir := t.TempDir()
	file := writeFile(t, dir, sample(t, ArchLinux, filepath.Join(dir, "in")))
	wantLines(t, run(t, pacman, "-Qip", file),
		"Name : tool", "Version : 1.2.3rc.1-1", "Architecture : x86_64", "Licenses : BSD-3-Clause", "Depends On : iptables", "Provides : toolish",
		"Conflicts With : nottool", "Replaces : oldtool", "Packager : Jane Doe <jane@example.com>", "Build Date : Tue Nov 14 22:13:20 2023", "Install Script : Yes")
	wantLines(t, run(t, pacman, "-Qlp", file), "tool /usr/bin/t", "tool /usr/bin/tool", "tool /var/lib/tool/")
}

func TestBsdtar(t *testing.T) {
	bsdtar := readers.Find(t, "bsdtar")
	dir := t.TempDir()
	for _, f := range []Format{APK, ArchLinux} {
		file := writeFile(t, dir, sample(t, f, filepath.Join(dir, "in")))
		wantLines(t, run(t, bsdtar, "-tf", file), ".PKGINFO", "usr/bin/t", "usr/bin/tool", "etc/tool/tool.conf")
		if f == ArchLinux {
			// libarchive's own reader of mtree.
			out := filepath.Join(dir, "mtree")
			if err := os.MkdirAll(out, 0o755); err != nil {
				t.Fatal(err)
			}
			run(t, bsdtar, "-xf", file, "-C", out, ".MTREE")
			wantLines(t, run(t, bsdtar, "-tf", filepath.Join(out, ".MTREE")), "./usr/bin/tool")
		}
	}
}

// hello adds a real program to the sample.
func hello(t *testing.T, s *Spec, dir string) {
	t.Helper()
	goCommand := proxytest.GoCommand(t)
	proxytest.Setenv(t, "off")
	source := put(t, filepath.Join(dir, "hello.go"), "package main\n\nfunc main() { println(\"hello\") }\n", 0o644)
	out := filepath.Join(dir, "tool")
	// Positions are of no use in a program without symbols.
	cmd := environ.Command(t.Context(), environ.Go("GOCACHE="+filepath.Join(t.TempDir(), "go"), "GOPATH="+t.TempDir(), "GOARCH=amd64", "GOOS=linux"),
		goCommand, "build", "-trimpath", "-ldflags=-s -w", "-o", out, source)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	s.Files[0].Source = out
	s.Files = slices.DeleteFunc(s.Files, func(f File) bool { return f.Path == "/usr/share/tool/empty" })
	// The second name of a program has a page of its own.
	s.Files = append(s.Files, File{Path: "/usr/share/man/man1/t.1.gz", Symlink: "tool.1.gz"})
}

// What a checker may say about a package, with the reason. All else fails the test.
var (
	lintianAllowed = map[string]string{
		"malformed-deb-archive":    "lintian of Debian 12 does not know data.tar.zst, which its dpkg reads",
		"statically-linked-binary": "programs are pure Go",
	}
	rpmlintAllowed = map[string]string{
		"no-signature":               "packages are signed after they are built",
		"no-binary":                  "rpmpack writes no file classes, by which rpmlint knows programs",
		"only-non-binary-in-usr-lib": "as before; and units are there in every package",
		"no-group-tag":               "a package of the sample's has one: rpmlint looks for SUSE's list",
		"non-standard-group":         "the list is SUSE's",
		"invalid-license":            "rpmlint of Debian 12 wants Fedora's old names, and not SPDX",
		"manpage-not-compressed":     "rpmlint's default is bz2, and distributions use gzip",
		"no-manual-page-for-binary":  "it looks for .bz2",
	}
)

func TestLintian(t *testing.T) {
	lintian := readers.Find(t, "lintian")
	dir := t.TempDir()
	s := sample(t, Deb, dir)
	s.Conflicts, s.Replaces = nil, nil
	hello(t, s, dir)
	out, _ := tryRun(t, lintian, "--allow-root", "--fail-on", "none", writeFile(t, dir, s))
	checkFindings(t, out, regexp.MustCompile(`^([EW]): \S+: (\S+)`), lintianAllowed)
}

func TestRpmlint(t *testing.T) {
	rpmlint := readers.Find(t, "rpmlint")
	dir := t.TempDir()
	s := sample(t, RPM, dir)
	s.Conflicts, s.Replaces = nil, nil
	hello(t, s, dir)
	out, _ := tryRun(t, rpmlint, writeFile(t, dir, s))
	checkFindings(t, out, regexp.MustCompile(`^\S+: ([EW]): (\S+)`), rpmlintAllowed)
}

func checkFindings(t *testing.T, out string, finding *regexp.Regexp, allowed map[string]string) {
	t.Helper()
	if strings.TrimSpace(out) == "" {
		t.Error("the checker says nothing: it has at least one finding")
	}
	for line := range strings.Lines(out) {
		if m := finding.FindStringSubmatch(line); m != nil && allowed[m[2]] == "" {
			t.Errorf("got %s", line)
		}
	}
}
