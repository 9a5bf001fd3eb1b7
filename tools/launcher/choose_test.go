package launcher_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"syscall"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

func TestWhichBazel(t *testing.T) {
	for _, tt := range []struct {
		name, bazel    string
		bazelisk, real bool
		want           string
	}{
		{name: "nothing", want: "installed"},
		{name: "7.6 is too old", bazel: "7.6.9", want: "installed"},
		{name: "6.7 is too old", bazel: "6.7.0", want: "installed"},
		{name: "7.7.0", bazel: "7.7.0", want: "bazel"},
		{name: "7.10 is newer than 7.7", bazel: "7.10.1", want: "bazel"},
		{name: "8", bazel: "8.4.2", want: "bazel"},
		{name: "release candidate", bazel: "8.0.0rc1", want: "bazel"},
		{name: "Debian's label", bazel: "7.7.1- (@non-git)", want: "bazel"},
		{name: "9", bazel: "9.0.0", want: "bazel"},
		{name: "10 is too new", bazel: "10.7.0", want: "installed"},
		{name: "no version", bazel: "no_version", want: "installed"},
		{name: "bazelisk", bazelisk: true, want: "bazelisk"},
		{name: "bazelisk before bazel", bazelisk: true, bazel: "8.4.2", want: "bazelisk"},
		{name: "BAZEL_REAL before all", bazelisk: true, bazel: "8.4.2", real: true, want: "real"},
		{name: "BAZEL_REAL of any version", bazel: "6.5.0", real: true, want: "real"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.env["LC_ALL"] = "tr_TR.ISO-8859-9"
			if tt.bazel != "" {
				m.fakeBazel(tt.bazel)
			}
			if tt.bazelisk {
				m.fake("bazelisk", reportCall)
			}
			if tt.real {
				m.write("real", "#!/bin/sh\n"+reportCall, 0o755)
				m.env["BAZEL_REAL"] = filepath.Join(m.dir, "real")
			}
			c := m.run("build", "//...")
			if c.who() != tt.want {
				t.Errorf("got %s, want %s", c.who(), tt.want)
			}
			if got := c.args(); len(got) != 3 || got[1] != "build" || got[2] != "//..." {
				t.Errorf("got arguments %q, want --bazelrc=… build //...", got)
			}
			wantContains(t, c.stdout.String(), "store="+m.cache+"/store cache="+m.cache, "locale=C.UTF-8 ")
		})
	}
}

func TestBazelThatDoesNotRun(t *testing.T) {
	m := newMachine(t)
	m.fake("bazel", "exit 1")
	if got := m.run("info").who(); got != "installed" {
		t.Errorf("got %s, want installed", got)
	}
}

func TestVersionIsAskedOnce(t *testing.T) {
	m := newMachine(t)
	m.fakeBazel("8.4.2")
	m.run("info")
	m.run("info")
	if got := strings.Count(m.logged(), "probe"); got != 1 {
		t.Errorf("two calls: got %d questions for the version, want 1", got)
	}
	m.fakeBazel("6.5.0 (not the same size)")
	if got := m.run("info").who(); got != "installed" {
		t.Errorf("after a downgrade: got %s, want installed", got)
	}
}

func TestArgumentsStatusAndInput(t *testing.T) {
	for _, which := range []string{"bazel", "installed"} {
		t.Run(which, func(t *testing.T) {
			m := newMachine(t)
			if which == "bazel" {
				m.fakeBazel("7.7.1")
			}
			m.env["FAKE_STATUS"] = "37"
			c := m.start("--output_base=/x y", "run", "//a b:c", "--", "", "$HOME", `"*"`)
			if got := c.wait(); got != 37 {
				t.Errorf("got exit status %d, want 37\n%s", got, c.stderr.String())
			}
			want := []string{"--output_base=/x y", "run", "//a b:c", "--", "", "$HOME", `"*"`}
			if got := c.args(); len(got) == 0 || strings.Join(got[1:], "|") != strings.Join(want, "|") {
				t.Errorf("got arguments %q, want %q after the first", got, want)
			}
		})
	}
	t.Run("stdin", func(t *testing.T) {
		m := newMachine(t)
		m.write("real", "#!/bin/sh\ncat", 0o755)
		m.env["BAZEL_REAL"] = filepath.Join(m.dir, "real")
		if got := m.run("run").stdout.String(); got != "typed in\n" {
			t.Errorf("got %q on stdin, want %q", got, "typed in\n")
		}
	})
}

// Bazel takes --version for an option only where it is the only argument.
func TestVersionStandsAlone(t *testing.T) {
	m := newMachine(t)
	m.fakeBazel("8.4.2")
	if got := m.run("--version").stdout.String(); got != "bazel 8.4.2\n" {
		t.Errorf("got %q, want %q", got, "bazel 8.4.2\n")
	}
}

// Bazelisk calls tools/bazel back. Bazel complains of a bazelrc that it is given twice.
func TestBazeliskCallsBack(t *testing.T) {
	m := newMachine(t)
	m.write("real", "#!/bin/sh\n"+reportCall, 0o755)
	m.fake("bazelisk", `BAZEL_REAL='`+m.dir+`/real' exec '`+m.workspace+`/tools/bazel' "$@"`)
	c := m.run("build", "//...")
	if got := c.args(); c.who() != "real" || len(got) != 3 {
		t.Errorf("got %s %q, want real with one --bazelrc", c.who(), got)
	}
}

// Whatever else calls this file under the name of bazel is not the Bazel that it looks for.
func TestItselfOnPath(t *testing.T) {
	for _, tt := range []struct {
		name string
		put  func(m *machine)
	}{
		{"link", func(m *machine) {
			if err := os.Symlink(filepath.Join(m.workspace, "tools", "bazel"), filepath.Join(m.bin, "bazel")); err != nil {
				m.t.Fatal(err)
			}
		}},
		{"copy", func(m *machine) { m.write("bin/bazel", readTool(m.t, "bazel"), 0o755) }},
		{"wrapper", func(m *machine) { m.fake("bazel", `exec '`+m.workspace+`/tools/bazel' "$@"`) }},
		{"bazelisk that only wraps", func(m *machine) { m.fake("bazelisk", `exec '`+m.workspace+`/tools/bazel' "$@"`) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			tt.put(m)
			c := m.run("info")
			if got := c.args(); c.who() != "installed" || len(got) != 2 {
				t.Errorf("got %s %q, want installed with one --bazelrc", c.who(), got)
			}
		})
	}
}

func TestStoreAndDiskCache(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  map[string]string
		want string // with DIR for the machine's directory
	}{
		{"default", nil, `common "--repository_cache=DIR/home of someone/.cache/release-builder/store"
build "--disk_cache=DIR/home of someone/.cache/release-builder/disk"
build --experimental_disk_cache_gc_max_size=20G
`},
		{"XDG_CACHE_HOME", map[string]string{"XDG_CACHE_HOME": "DIR/xdg"}, `common "--repository_cache=DIR/xdg/release-builder/store"
build "--disk_cache=DIR/xdg/release-builder/disk"
build --experimental_disk_cache_gc_max_size=20G
`},
		{"RELEASE_CACHE", map[string]string{"RELEASE_CACHE": "DIR/c"}, `common "--repository_cache=DIR/c/store"
build "--disk_cache=DIR/c/disk"
build --experimental_disk_cache_gc_max_size=20G
`},
		{"relative", map[string]string{"RELEASE_STORE": "s t", "RELEASE_DISK_CACHE": "d"}, `common "--repository_cache=DIR/work space/s t"
build "--disk_cache=DIR/work space/d"
build --experimental_disk_cache_gc_max_size=20G
`},
		{"a size", map[string]string{"RELEASE_STORE": "DIR/s", "RELEASE_DISK_CACHE": "DIR/d", "RELEASE_DISK_CACHE_SIZE": "500M"}, `common "--repository_cache=DIR/s"
build "--disk_cache=DIR/d"
build --experimental_disk_cache_gc_max_size=500M
`},
		{"no disk cache", map[string]string{"RELEASE_STORE": "DIR/s", "RELEASE_DISK_CACHE": "off"}, `common "--repository_cache=DIR/s"
`},
		{"quotes", map[string]string{"RELEASE_STORE": `DIR/a"b\c #d`, "RELEASE_DISK_CACHE": "off"}, `common "--repository_cache=DIR/a\"b\\c #d"
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.fakeBazel("7.7.1")
			for k, v := range tt.env {
				m.env[k] = strings.ReplaceAll(v, "DIR", m.dir)
			}
			c := m.run("info")
			want := strings.ReplaceAll(tt.want, "DIR", m.dir)
			properties := "build:remote-common --remote_default_exec_properties=ISA="
			if got, isa, _ := strings.Cut(c.bazelrc(), properties); got != want || strings.Count(isa, "\n") != 1 {
				t.Errorf("got bazelrc:\n%s\nwant:\n%s", got, want)
			}
			store := regexp.MustCompile(`store=(.*) cache=/`).FindStringSubmatch(c.stdout.String())
			if store == nil || !filepath.IsAbs(store[1]) || !exists(store[1]) {
				t.Errorf("got store %q, want an absolute path that exists", store)
			}
		})
	}
}

func TestDiskCacheSizes(t *testing.T) {
	for size, good := range map[string]bool{"0": true, "1024": true, "1T": true, "20GB": false, "-1": false, "1.5G": false, "lots": false, "1G --x": false} {
		m := newMachine(t)
		m.fakeBazel("7.7.1")
		m.env["RELEASE_DISK_CACHE_SIZE"] = size
		if good {
			wantContains(t, m.run("info").bazelrc(), "\nbuild --experimental_disk_cache_gc_max_size="+size+"\n")
		} else {
			wantContains(t, m.fails("info"), "bazel: error: RELEASE_DISK_CACHE_SIZE: got "+size+", want a number")
		}
	}
}

// Sandboxes are in memory where there is enough of it, and nowhere else than Bazel has them if not.
func TestSandboxBase(t *testing.T) {
	mounts, err := os.ReadFile("/proc/mounts")
	readers.Require(t, "/proc", err == nil)
	inMemory := regexp.MustCompile(`(?m)^\S+ /dev/shm tmpfs (\S*)`).FindSubmatch(mounts)
	good := inMemory != nil && !strings.Contains(string(inMemory[1]), "noexec") && syscall.Access("/dev/shm", 2) == nil
	for _, tt := range []struct{ name, set, free, want string }{
		{"room", "", "1048576*4096", "/dev/shm"},
		{"too little room", "", "1048575*4096", ""},
		{"a container's 64 MiB", "", "16384*4096", ""},
		{"off", "off", "1048576*4096", ""},
		{"chosen", "DIR/elsewhere", "0*4096", "DIR/elsewhere"},
		{"chosen, relative", "else where", "0*4096", "DIR/else where"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.fakeBazel("7.7.1")
			m.fake("stat", `[ "$1" != -f ] || { echo "`+tt.free+`"; exit; }
exec `+realPath(t, "stat")+` "$@"`)
			m.env["RELEASE_SANDBOX_BASE"] = strings.ReplaceAll(tt.set, "DIR", m.workspace)
			want := strings.ReplaceAll(tt.want, "DIR", m.workspace)
			if want == "/dev/shm" && !good {
				want = ""
			}
			got := ""
			if match := regexp.MustCompile(`build "--sandbox_base=(.*)"\n`).FindStringSubmatch(m.run("info").bazelrc()); match != nil {
				got = match[1]
			}
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestSandboxBaseThatCannotBe(t *testing.T) {
	m := newMachine(t)
	m.fakeBazel("7.7.1")
	m.env["RELEASE_SANDBOX_BASE"] = "/dev/null/x"
	wantContains(t, m.fails("info"), "bazel: error: RELEASE_SANDBOX_BASE: got /dev/null/x, want a directory to write in, or off")
}

// snapshot lists a directory with the times of its last changes.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("%s %s", path, info.ModTime()))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

func TestLaterCallsWriteNothing(t *testing.T) {
	for _, which := range []string{"bazel", "installed"} {
		t.Run(which, func(t *testing.T) {
			m := newMachine(t)
			if which == "bazel" {
				m.fakeBazel("7.7.1")
			}
			m.run("info")
			before := snapshot(t, m.cache)
			m.run("info")
			if after := snapshot(t, m.cache); after != before {
				t.Errorf("got a changed cache:\n%s\nwant:\n%s", after, before)
			}
		})
	}
}

func TestReadOnlyCache(t *testing.T) {
	t.Run("shared, with everything there", func(t *testing.T) {
		m := newMachine(t)
		m.env["RELEASE_CACHE"] = filepath.Join(m.dir, "shared")
		m.run("info")
		chmod(t, m.env["RELEASE_CACHE"], 0o555)
		t.Cleanup(func() { chmod(t, m.env["RELEASE_CACHE"], 0o755) })
		c := m.run("info")
		if c.who() != "installed" || strings.Count(m.logged(), "mmdebstrap half-way") != 1 {
			t.Errorf("got %s, want the Bazel that was installed before\nlog:\n%s", c.who(), m.logged())
		}
		wantContains(t, c.bazelrc(), "--repository_cache="+m.env["RELEASE_CACHE"]+"/store")
	})
	// Not even root can make a directory here.
	for _, tt := range []struct{ name, home, want string }{
		{"the user's own cache instead", "home of someone", "home of someone/.cache/release-builder"},
		{"a temporary directory instead", "/dev/null", fmt.Sprintf("tmp/release-builder-%d", os.Getuid())},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.fakeBazel("7.7.1")
			m.env["RELEASE_CACHE"] = "/dev/null/cache"
			m.env["RELEASE_STORE"] = filepath.Join(m.dir, "store")
			if m.env["HOME"] = tt.home; !filepath.IsAbs(tt.home) {
				m.env["HOME"] = filepath.Join(m.dir, tt.home)
			}
			c := m.run("info")
			want := filepath.Join(m.dir, tt.want)
			wantContains(t, c.args()[0], "--bazelrc="+want+"/bazelrc-")
			wantContains(t, c.bazelrc(), "--disk_cache="+want+"/disk")
		})
	}
	t.Run("someone else's link for a temporary directory", func(t *testing.T) {
		m := newMachine(t)
		m.fakeBazel("7.7.1")
		m.env["RELEASE_CACHE"], m.env["HOME"] = "/dev/null/cache", "/dev/null"
		if err := os.Symlink(m.dir, filepath.Join(m.dir, fmt.Sprintf("tmp/release-builder-%d", os.Getuid()))); err != nil {
			t.Fatal(err)
		}
		wantContains(t, m.fails("info"), "belongs to another user")
	})
}

func chmod(t *testing.T, dir string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
}

func TestNoHome(t *testing.T) {
	m := newMachine(t)
	m.fakeBazel("7.7.1")
	delete(m.env, "HOME")
	got := m.fails("info")
	wantContains(t, got, "bazel: error: HOME is not set")
	if strings.Count(got, "\n") != 1 {
		t.Errorf("got:\n%s\nwant one line", got)
	}
	m.env["RELEASE_CACHE"] = filepath.Join(m.dir, "cache")
	if got := m.run("info").who(); got != "bazel" {
		t.Errorf("with RELEASE_CACHE: got %s, want bazel", got)
	}
}
