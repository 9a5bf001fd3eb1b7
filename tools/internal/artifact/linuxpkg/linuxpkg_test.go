package linuxpkg

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goreleaser/nfpm/v2"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var all = []Format{Deb, RPM, APK, ArchLinux}

func put(t testing.TB, name, content string, mode fs.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return name
}

// sample returns a package with one thing of each kind, whose sources are in dir.
func sample(t testing.TB, f Format, dir string) *Spec {
	t.Helper()
	s := &Spec{
		Format: f, Name: "tool", SourceDateEpoch: 1700000000,
		Maintainer: "Jane Doe <jane@example.com>", Vendor: "Example", Homepage: "https://example.com/tool",
		Summary: "Does one thing well", Description: "It does one thing,\nand it does it well.\n\nIt does nothing else.",
		License: "BSD-3-Clause", Section: "utils", Priority: "optional", Group: "Applications/System",
		Depends: []string{"iptables"}, Recommends: []string{"curl"}, Conflicts: []string{"nottool"}, Provides: []string{"toolish"}, Replaces: []string{"oldtool"},
		Files: []File{
			{Path: "/usr/bin/tool", Source: put(t, filepath.Join(dir, "tool"), "\x7fELF a program\n", 0o600), Mode: "0755"},
			{Path: "/etc/tool/tool.conf", Source: put(t, filepath.Join(dir, "conf"), "level = 1\n", 0o777), Kind: "config"},
			{Path: "/usr/bin/t", Symlink: "tool"},
			{Path: "/usr/share/man/man1/tool.1", Source: put(t, filepath.Join(dir, "tool.1"), ".TH TOOL 1\n.SH NAME\ntool \\- does one thing well\n", 0o400), Kind: "man"},
			{Path: "/usr/share/doc/tool/README", Source: put(t, filepath.Join(dir, "README"), "read me\n", 0o644), Kind: "doc"},
			{Path: "/usr/share/tool/empty", Source: put(t, filepath.Join(dir, "empty"), "", 0o644)},
			{Path: "/var/lib/tool"},
		},
		Licenses: []File{
			{Path: "example.com/tool@v1.0.0/LICENSE", Source: put(t, filepath.Join(dir, "LICENSE"), "Copyright 2020 The tool authors\n\nDo what you like.\n", 0o600)},
			{Path: "example.com/lib@v1.0.0/LICENSE", Source: put(t, filepath.Join(dir, "LICENSE.lib"), "Copyright (c) 2019 The lib authors\n", 0o600)},
		},
		Scripts: Scripts{
			PostInstall: put(t, filepath.Join(dir, "postinstall"), "#!/bin/sh\necho \"postinstall $1\"\nexit 0\n", 0o644),
			PostRemove:  put(t, filepath.Join(dir, "postremove"), "#!/bin/sh\necho \"postremove $1\"\n", 0o755),
		},
	}
	switch f {
	case Deb:
		s.Version, s.Architecture = "1.2.3~rc.1", "amd64"
	case RPM:
		s.Version, s.Architecture, s.Release = "1.2.3~rc.1", "x86_64", "1"
	case APK:
		s.Version, s.Architecture, s.Release = "1.2.3_rc1", "x86_64", "0"
	case ArchLinux:
		s.Version, s.Architecture, s.Release = "1.2.3rc.1", "x86_64", "1"
	}
	if f != APK {
		unitDir := map[Format]string{Deb: "/lib/systemd/system/"}[f]
		if unitDir == "" {
			unitDir = "/usr/lib/systemd/system/"
		}
		const unit = "[Unit]\nDescription=Tool\nDocumentation=man:tool(1)\n\n[Service]\nExecStart=/usr/bin/tool\n\n[Install]\nWantedBy=multi-user.target\n"
		s.Files = append(s.Files, File{Path: unitDir + "tool.service", Source: put(t, filepath.Join(dir, "tool.service"), unit, 0o644)})
		s.Units = Units{Names: []string{"tool.service"}, Enable: true}
	}
	return s
}

func write(t testing.TB, s *Spec) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(t.Context(), &b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for _, f := range all {
		t.Run(string(f), func(t *testing.T) {
			data := write(t, sample(t, f, t.TempDir()))
			got := fmt.Sprintf("%s\nwhole: sha256:%x\n", dump(t, f, data), sha256.Sum256(data))
			golden := filepath.Join("testdata", string(f)+".golden")
			if *update {
				put(t, golden, got, 0o644)
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s: got:\n%s\nwant:\n%s\nTo accept: go test ./tools/internal/artifact/linuxpkg -run TestGolden -update", golden, got, want)
			}
		})
	}
}

// TestDeterminism writes each package several times, each time with a change that must not
// affect the bytes.
func TestDeterminism(t *testing.T) {
	base := t.TempDir()
	for _, f := range all {
		t.Run(string(f), func(t *testing.T) {
			dir := filepath.Join(base, string(f))
			big := make([]byte, 3<<20)
			rand.NewChaCha8([32]byte{1}).Read(big[:2<<20])
			make1 := func(dir string) *Spec {
				s := sample(t, f, dir)
				s.Files = append(s.Files, File{Path: "/usr/lib/tool/big", Source: put(t, filepath.Join(dir, "big"), string(big), 0o644)})
				return s
			}
			first := make1(filepath.Join(dir, "one"))
			want := write(t, first)
			check := func(what string, s *Spec) {
				t.Helper()
				if got := write(t, s); !bytes.Equal(got, want) {
					t.Errorf("%s: got other bytes", what)
				}
			}
			check("again", first)
			other := make1(filepath.Join(dir, "another", "directory"))
			old := time.Unix(1000000000, 0)
			for _, file := range slices.Concat(other.Files, other.Licenses, []File{{Source: other.Scripts.PostInstall}, {Source: other.Scripts.PostRemove}}) {
				if file.Source == "" {
					continue
				}
				if err := os.Chtimes(file.Source, old, old); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(file.Source, 0o755); err != nil {
					t.Fatal(err)
				}
				// As in Bazel's sandbox.
				if err := os.Rename(file.Source, file.Source+".real"); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(filepath.Base(file.Source)+".real", file.Source); err != nil {
					t.Fatal(err)
				}
			}
			check("other directory, times and modes, and links", other)
			for range 5 {
				shuffled := *first
				shuffled.Files, shuffled.Licenses = slices.Clone(first.Files), slices.Clone(first.Licenses)
				rand.Shuffle(len(shuffled.Files), func(i, j int) {
					shuffled.Files[i], shuffled.Files[j] = shuffled.Files[j], shuffled.Files[i]
				})
				slices.Reverse(shuffled.Licenses)
				check("shuffled", &shuffled)
			}
			for _, n := range []int{1, 2, 8, 64} {
				old := runtime.GOMAXPROCS(n)
				check("GOMAXPROCS", first)
				runtime.GOMAXPROCS(old)
			}
			local := time.Local
			time.Local = time.FixedZone("far east", 14*3600)
			check("time zone", first)
			time.Local = local
			for _, mask := range []int{0, 0o077} {
				restore := setUmask(mask)
				check("umask", first)
				restore()
			}
			t.Setenv("SOURCE_DATE_EPOCH", "5")
			t.Setenv("TMPDIR", t.TempDir())
			t.Chdir(dir)
			check("environment and working directory", make1("one"))
			for _, secret := range []string{dir, "linuxpkg-", hostname(t)} {
				if bytes.Contains(want, []byte(secret)) {
					t.Errorf("the package has %q in it", secret)
				}
			}
		})
	}
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil || len(name) < 4 {
		return "no name of a host that is long enough"
	}
	return name
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name   string
		format Format // Deb if empty
		change func(*Spec)
		want   string
	}{
		{"format", "", func(s *Spec) { s.Format = "snap" }, `format is "snap", want deb, rpm, apk or archlinux`},
		{"name", "", func(s *Spec) { s.Name = "Tool" }, `checking deb package "Tool": the name is not one of the format`},
		{"version of deb", "", func(s *Spec) { s.Version = "1.2-3" }, `version "1.2-3" is not one of the format`},
		{"version of rpm", RPM, func(s *Spec) { s.Version = "1.2-3" }, `checking rpm package "tool": version "1.2-3"`},
		{"version of apk", APK, func(s *Spec) { s.Version = "1.2.3-rc.1" }, `checking apk package "tool": version "1.2.3-rc.1"`},
		{"version of archlinux", ArchLinux, func(s *Spec) { s.Version = "1:2" }, `checking archlinux package "tool": version "1:2"`},
		{"release", RPM, func(s *Spec) { s.Release = "" }, `release is "", want a number`},
		{"maintainer", "", func(s *Spec) { s.Maintainer = "Jane" }, `maintainer is "Jane", want Name <address>`},
		{"no maintainer", "", func(s *Spec) { s.Maintainer = "" }, `maintainer is "", want Name <address>`},
		{"summary", "", func(s *Spec) { s.Summary = "two\nlines" }, `summary is "two\nlines", want one line`},
		{"injected field", "", func(s *Spec) { s.Section = "utils\nEssential: yes" }, `section is`},
		{"architecture", "", func(s *Spec) { s.Architecture = "" }, `architecture is empty`},
		{"time", "", func(s *Spec) { s.SourceDateEpoch = 1 << 31 }, `source_date_epoch is 2147483648`},
		{"relation of deb", "", func(s *Spec) { s.Depends = []string{"a >= 1"} }, `depends has "a >= 1", which is not in the format's form`},
		{"relation of rpm", RPM, func(s *Spec) { s.Depends = []string{"a (>= 1)"} }, `depends has "a (>= 1)"`},
		{"relation of apk", APK, func(s *Spec) { s.Depends = []string{"a b"} }, `depends has "a b"`},
		{"relation of archlinux", ArchLinux, func(s *Spec) { s.Replaces = []string{"a >= 1"} }, `replaces has "a >= 1"`},
		{"no files", "", func(s *Spec) { s.Files = nil }, "it has no files"},
		{"twice", "", func(s *Spec) { s.Files = append(s.Files, File{Path: "/usr/bin/t", Source: "x"}) }, `path "/usr/bin/t" is there twice: a link to "tool" and file "x"`},
		{"generated", "", func(s *Spec) { s.Files[0].Path = "/usr/share/doc/tool/copyright" }, `path "/usr/share/doc/tool/copyright" is that of a generated file`},
		{"file as directory", "", func(s *Spec) { s.Files[0].Path = "/usr/bin/t/x" }, `path "/usr/bin/t/x" is below "/usr/bin/t", which is not a directory`},
		{"relative", "", func(s *Spec) { s.Files[0].Path = "usr/bin/tool" }, `path "usr/bin/tool" is not absolute`},
		{"root", "", func(s *Spec) { s.Files[0].Path = "/" }, `path "/" is not absolute`},
		{"leaves root", "", func(s *Spec) { s.Files[0].Path = "/../x" }, `path "/../x" is not clean`},
		{"space", "", func(s *Spec) { s.Files[0].Path = "/a b" }, `path "/a b" has a space`},
		{"link", "", func(s *Spec) { s.Files[2].Symlink = "a b" }, `is a link to "a b"`},
		{"two things", "", func(s *Spec) { s.Files[0].Symlink = "x" }, "has both a source and a link target"},
		{"mode", "", func(s *Spec) { s.Files[0].Mode = "4755" }, `has mode "4755", want 0644 or 0755`},
		{"kind", "", func(s *Spec) { s.Files[0].Kind = "ghost" }, `is of kind "ghost"`},
		{"kind of link", "", func(s *Spec) { s.Files[2].Kind = "config" }, `is of kind "config", and not a file`},
		{"missing", "", func(s *Spec) { s.Files[0].Source = filepath.Join(dir, "none") }, `adding "/usr/bin/tool": `},
		{"directory", "", func(s *Spec) { s.Files[0].Source = dir }, "is not a regular file"},
		{"script", "", func(s *Spec) { s.Scripts.PreRemove = put(t, filepath.Join(dir, "py"), "#!/usr/bin/python3\n", 0o644) }, `got first line "#!/usr/bin/python3", want #!/bin/sh`},
		{"units", APK, func(s *Spec) { s.Units.Names = []string{"tool.service"} }, "it has systemd units, and Alpine has no systemd"},
		{"all at once", "", func(s *Spec) { s.Name, s.License = "?", "" }, "want both"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.format
			if f == "" {
				f = Deb
			}
			s := sample(t, f, filepath.Join(dir, "sample"))
			tt.change(s)
			if err := Write(t.Context(), io.Discard, s); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestScripts checks how a user's script is joined with what units need.
func TestScripts(t *testing.T) {
	dir := t.TempDir()
	s := sample(t, Deb, dir)
	b := &builder{Spec: s, dir: dir}
	s.Units.Names = []string{"b@.service", "tool.service", "a.timer"}
	got := b.unitCommands("all UNITS, start START")
	if want := "all 'a.timer' 'b@.service' 'tool.service', start 'a.timer' 'tool.service'"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, tt := range []struct{ user, before, after, want string }{
		{"", "", "", ""},
		{"#!/bin/bash\nexit 3\n", "", "", "#!/bin/bash\nexit 3\n"},
		{"", "", "stop\n", "#!/bin/sh\nset -e\nstop\n"},
		{"#!/bin/bash -e\nexit 0", "stop\n", "start\n", "#!/bin/bash\nset -e\nstop\n(\n#!/bin/bash -e\nexit 0\n)\nstart\n"},
	} {
		user := ""
		if tt.user != "" {
			user = put(t, filepath.Join(dir, "user"), tt.user, 0o644)
		}
		if got, err := b.script(user, tt.before, tt.after); err != nil || got != tt.want {
			t.Errorf("%+v: got %q, %v", tt, got, err)
		}
	}
}

// TestForShell: rpm runs a script with /bin/sh, and one for bash runs in bash, with its arguments.
func TestForShell(t *testing.T) {
	info := &nfpm.Info{}
	if got := forShell("#!/bin/sh\ntrue\n", info); got != "#!/bin/sh\ntrue\n" || len(info.Depends) > 0 {
		t.Errorf("a script for sh: got %q, depends %q", got, info.Depends)
	}
	const script = "#!/bin/bash -eu\nprintf '%s,' {a,b}\\'c\\' \"$@\"\nfalse\necho no\n"
	dir := t.TempDir()
	for range 2 {
		out, err := exec.Command("/bin/sh", put(t, filepath.Join(dir, "script"), forShell(script, info), 0o644), "1", "2 3").Output()
		var exit *exec.ExitError
		if want := "a'c',b'c',1,2 3,"; string(out) != want || !errors.As(err, &exit) {
			t.Errorf("got %q, %v, want %q and exit status 1", out, err, want)
		}
	}
	if want := []string{"/bin/bash"}; !slices.Equal(info.Depends, want) {
		t.Errorf("got depends %q, want %q", info.Depends, want)
	}
}
