// Package launcher_test tests tools/bazel, the script that runs Bazel wherever it is called. Every test has a
// machine of its own: a PATH of fakes and of the few real programs that the script needs. Nothing is installed,
// downloaded or mounted, and it makes no difference who runs the tests.
package launcher_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The programs that are what they are on every Debian machine.
var realPrograms = []string{
	"bash", "cat", "chmod", "env", "flock", "mkdir", "mv", "readlink", "rm", "rmdir", "setsid", "sleep", "sort", "stat", "tail",
	"tar",
}

// reportCall is the end of every fake Bazel: it says who was called and how.
const reportCall = `
echo "${0##*/}"
printf '[%s]\n' "$@"
printf '%s\n' "store=$RELEASE_STORE cache=$RELEASE_CACHE proxy=${GOPROXY-}"
exit "${FAKE_STATUS:-0}"
`

// fakeBwrap changes no view of files, but runs what it is told to.
const fakeBwrap = `
echo "bwrap $*" >>"$FAKE_LOG"
while [ "$1" != -- ]; do shift; done
shift
[ "$1" != true ] || exit "${FAKE_BWRAP_STATUS:-0}"
echo "view $$" >>"$FAKE_LOG"
exec "$@"
`

// fakeNsenter goes where Bazel is the one that was brought.
const fakeNsenter = `
echo "nsenter path=$PATH $*" >>"$FAKE_LOG"
while [ "$1" != -- ]; do shift; done
shift
PATH=$FAKE_ROOT_BIN exec "$@"
`

const fakeBrought = `
if [ "$*" = --version ]; then echo "bazel ${FAKE_BROUGHT:-7.7.1}"; exit; fi
exec brought "$@"
`

const fakeOpenssl = `
echo "openssl $*" >>"$FAKE_LOG"
for out; do :; done
echo "for Java" >"$out"
`

// fakeMmdebstrap makes what the script goes on with. With FAKE_HOLD it waits half-way until that file is there.
const fakeMmdebstrap = `
echo "mmdebstrap $*" >>"$FAKE_LOG"
trap 'echo "mmdebstrap ended" >>"$FAKE_LOG"; exit 1' TERM
trap '' PIPE # nobody reads what it says once the script is killed
for target; do
  case "$target" in */root | */root.tar) break ;; esac
done
root=${target%.tar}
echo "I: downloading packages with apt..." >&2
mkdir -p "$root/etc/bazel" "$root/usr/bin" "$root/usr/share/bazel/rules/shell"
echo half >"$root/half"
echo "mmdebstrap half-way" >>"$FAKE_LOG"
while [ -n "${FAKE_HOLD-}" ] && [ ! -e "$FAKE_HOLD" ]; do sleep 0.02; done
if [ -n "${FAKE_MMDEBSTRAP_STATUS-}" ]; then
  echo "E: the mirror is on fire" >&2
  exit "$FAKE_MMDEBSTRAP_STATUS"
fi
rm "$root/half"
if [ "$target" != "$root" ]; then
  tar -cf "$target" -C "$root" . && rm -r "$root"
fi
`

const fakeAptGet = `
echo "apt-get $*" >>"$FAKE_LOG"
case "$1" in
indextargets)
  echo 'test://security.invalid|Debian|Debian-Security'
  [ -n "${FAKE_NO_SITE-}" ] || echo 'test://mirror.invalid/debian|Debian|Debian'
  ;;
install) mv "$FAKE_STOCK"/* "$FAKE_BIN" ;;
esac
`

// A machine is one test's PATH, home, cache and workspace. Their paths have spaces in them.
type machine struct {
	t                                *testing.T
	dir                              string
	bin, home, workspace, cache, log string
	env                              map[string]string
}

// newMachine returns a machine of Debian's without Bazel, where root is logged in.
func newMachine(t *testing.T) *machine {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a machine")
	m := &machine{
		t: t, dir: dir,
		bin:       filepath.Join(dir, "bin"),
		home:      filepath.Join(dir, "home of someone"),
		workspace: filepath.Join(dir, "work space"),
		cache:     filepath.Join(dir, "home of someone", ".cache", "release-builder"),
		log:       filepath.Join(dir, "log"),
	}
	m.env = map[string]string{
		"PATH": m.bin, "HOME": m.home, "TMPDIR": filepath.Join(dir, "tmp"),
		"FAKE_LOG": m.log, "FAKE_BIN": m.bin, "FAKE_ROOT_BIN": filepath.Join(dir, "root bin"), "FAKE_STOCK": filepath.Join(dir, "stock"),
	}
	for _, d := range []string{
		m.bin, m.env["FAKE_ROOT_BIN"], m.env["FAKE_STOCK"], m.env["TMPDIR"], m.home, filepath.Join(m.workspace, "tools", "launcher"),
	} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.write("log", "", 0o644)
	m.write("work space/WORKSPACE", "", 0o644)
	m.write("work space/.bazelversion", "7.7.1\n", 0o644)
	m.write("work space/tools/bazel", readTool(t, "bazel"), 0o755)
	m.write("work space/tools/launcher/root.bash", readTool(t, "launcher/root.bash"), 0o644)
	for _, name := range realPrograms {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(m.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	m.fake("id", `echo root`)
	m.fake("unshare", `shift; exec "$@"`)
	m.fake("apt-get", fakeAptGet)
	m.fake("apt-config", `echo 'Acquire::http::Proxy "test://proxy.invalid";'; echo 'APT::Color "1";'`)
	m.fake("bwrap", fakeBwrap)
	m.fake("nsenter", fakeNsenter)
	m.write("root bin/bazel", "#!/bin/sh\n"+fakeBrought, 0o755)
	m.write("root bin/brought", "#!/bin/sh\n"+reportCall, 0o755)
	m.write("root bin/openssl", "#!/bin/sh\n"+fakeOpenssl, 0o755)
	m.fake("mmdebstrap", fakeMmdebstrap)
	return m
}

// becomeUser logs an ordinary user in, who has subordinate user ids if grep says so.
func (m *machine) becomeUser(grepStatus int) {
	m.fake("id", `echo someone`)
	m.fake("newuidmap", "")
	m.fake("grep", fmt.Sprintf("exit %d", grepStatus))
}

// readTool returns a file of tools, which is a runfile under Bazel and a file of the module otherwise.
func readTool(t *testing.T, name string) string {
	t.Helper()
	root := filepath.Join(os.Getenv("TEST_SRCDIR"), os.Getenv("TEST_WORKSPACE"))
	if os.Getenv("TEST_SRCDIR") == "" {
		var err error
		if root, err = os.Getwd(); err != nil {
			t.Fatal(err)
		}
		for !exists(filepath.Join(root, "go.mod")) {
			if root == filepath.Dir(root) {
				t.Fatal("no go.mod above the test")
			}
			root = filepath.Dir(root)
		}
	}
	script, err := os.ReadFile(filepath.Join(root, "tools", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// write writes a file under the machine's folder.
func (m *machine) write(name, text string, mode fs.FileMode) {
	m.t.Helper()
	path := filepath.Join(m.dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask is
		m.t.Fatal(err)
	}
}

func (m *machine) fake(name, script string) {
	m.t.Helper()
	os.Remove(filepath.Join(m.bin, name))
	m.write("bin/"+name, "#!/bin/sh\n"+script, 0o755)
}

func (m *machine) remove(names ...string) {
	m.t.Helper()
	for _, name := range names {
		if err := os.Remove(filepath.Join(m.bin, name)); err != nil {
			m.t.Fatal(err)
		}
	}
}

// fakeBazel puts a Bazel on PATH that says it is of that version.
func (m *machine) fakeBazel(version string) {
	m.fake("bazel", `
if [ "$*" = --version ]; then echo probe >>"$FAKE_LOG"; echo "bazel `+version+`"; exit; fi
`+reportCall)
}

// A syncBuffer can be read while a process writes to it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// A call is one run of tools/bazel.
type call struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr syncBuffer
}

func (m *machine) start(args ...string) *call {
	m.t.Helper()
	c := &call{t: m.t, cmd: exec.Command(filepath.Join(m.workspace, "tools", "bazel"), args...)}
	c.cmd.Dir = m.workspace
	for k, v := range m.env {
		c.cmd.Env = append(c.cmd.Env, k+"="+v)
	}
	c.cmd.Stdin = strings.NewReader("typed in\n")
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	// What a killed script leaves behind for a moment may keep the pipes open.
	c.cmd.WaitDelay = 5 * time.Second
	if err := c.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	return c
}

// wait returns the exit status.
func (c *call) wait() int {
	c.t.Helper()
	var exit *exec.ExitError
	if err := c.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return c.cmd.ProcessState.ExitCode()
}

func (m *machine) run(args ...string) *call {
	m.t.Helper()
	c := m.start(args...)
	if status := c.wait(); status != 0 {
		m.t.Fatalf("tools/bazel %q: exit status %d\n%s", args, status, c.stderr.String())
	}
	return c
}

// fails runs and returns what is on stderr.
func (m *machine) fails(args ...string) string {
	m.t.Helper()
	c := m.start(args...)
	if status := c.wait(); status != 1 {
		m.t.Fatalf("tools/bazel %q: got exit status %d, want 1\n%s", args, status, c.stderr.String())
	}
	return c.stderr.String()
}

// who returns the Bazel that was called, args what it was called with.
func (c *call) who() string {
	who, _, _ := strings.Cut(c.stdout.String(), "\n")
	return who
}

func (c *call) args() []string {
	var args []string
	for _, arg := range regexp.MustCompile(`(?m)^\[(.*)\]$`).FindAllStringSubmatch(c.stdout.String(), -1) {
		args = append(args, arg[1])
	}
	return args
}

// bazelrc returns what the file says that Bazel was given.
func (c *call) bazelrc() string {
	c.t.Helper()
	args := c.args()
	if len(args) == 0 || !strings.HasPrefix(args[0], "--bazelrc=") {
		c.t.Fatalf("got arguments %q, want --bazelrc=… first", args)
	}
	text, err := os.ReadFile(strings.TrimPrefix(args[0], "--bazelrc="))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

func (m *machine) logged() string {
	m.t.Helper()
	text, err := os.ReadFile(m.log)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

// roots returns the root folders in the cache, and what is left of unfinished ones.
func (m *machine) roots() []string {
	m.t.Helper()
	var roots []string
	entries, err := os.ReadDir(m.cache)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), "bazel-") {
			roots = append(roots, e.Name())
		}
	}
	return roots
}

// eventually waits for what another process does.
func (m *machine) eventually(what string, cond func() bool) {
	m.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatalf("never happened: %s\nlog:\n%s", what, m.logged())
		}
	}
}

func wantContains(t *testing.T, got string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(got, want) {
			t.Errorf("got:\n%s\nwant %q in it", got, want)
		}
	}
}

func TestWhichBazel(t *testing.T) {
	for _, tt := range []struct {
		name, bazel    string
		bazelisk, real bool
		want           string
	}{
		{name: "nothing", want: "brought"},
		{name: "7.6 is too old", bazel: "7.6.9", want: "brought"},
		{name: "6.7 is too old", bazel: "6.7.0", want: "brought"},
		{name: "7.7.0", bazel: "7.7.0", want: "bazel"},
		{name: "7.10 is newer than 7.7", bazel: "7.10.1", want: "bazel"},
		{name: "8", bazel: "8.4.2", want: "bazel"},
		{name: "release candidate", bazel: "8.0.0rc1", want: "bazel"},
		{name: "Debian's label", bazel: "7.7.1- (@non-git)", want: "bazel"},
		{name: "9 is too new", bazel: "9.0.0", want: "brought"},
		{name: "10 is too new", bazel: "10.7.0", want: "brought"},
		{name: "no version", bazel: "no_version", want: "brought"},
		{name: "bazelisk", bazelisk: true, want: "bazelisk"},
		{name: "bazelisk before bazel", bazelisk: true, bazel: "8.4.2", want: "bazelisk"},
		{name: "BAZEL_REAL before all", bazelisk: true, bazel: "8.4.2", real: true, want: "real"},
		{name: "BAZEL_REAL of any version", bazel: "6.5.0", real: true, want: "real"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
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
			wantContains(t, c.stdout.String(), "store="+m.cache+"/store cache="+m.cache)
		})
	}
}

func TestBazelThatDoesNotRun(t *testing.T) {
	m := newMachine(t)
	m.fake("bazel", "exit 1")
	if got := m.run("info").who(); got != "brought" {
		t.Errorf("got %s, want brought", got)
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
	if got := m.run("info").who(); got != "brought" {
		t.Errorf("after a downgrade: got %s, want brought", got)
	}
}

func TestArgumentsStatusAndInput(t *testing.T) {
	for _, which := range []string{"bazel", "brought"} {
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
			if got := c.args(); c.who() != "brought" || len(got) != 2 {
				t.Errorf("got %s %q, want brought with one --bazelrc", c.who(), got)
			}
		})
	}
}

func TestStoreAndDiskCache(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  map[string]string
		want string // with DIR for the machine's folder
	}{
		{"default", nil, `common "--repository_cache=DIR/home of someone/.cache/release-builder/store"
build "--disk_cache=DIR/home of someone/.cache/release-builder/disk"
`},
		{"XDG_CACHE_HOME", map[string]string{"XDG_CACHE_HOME": "DIR/xdg"}, `common "--repository_cache=DIR/xdg/release-builder/store"
build "--disk_cache=DIR/xdg/release-builder/disk"
`},
		{"RELEASE_CACHE", map[string]string{"RELEASE_CACHE": "DIR/c"}, `common "--repository_cache=DIR/c/store"
build "--disk_cache=DIR/c/disk"
`},
		{"relative", map[string]string{"RELEASE_STORE": "s t", "RELEASE_DISK_CACHE": "d"}, `common "--repository_cache=DIR/work space/s t"
build "--disk_cache=DIR/work space/d"
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
			if got := c.bazelrc(); got != want {
				t.Errorf("got bazelrc:\n%s\nwant:\n%s", got, want)
			}
			store := regexp.MustCompile(`store=(.*) cache=/`).FindStringSubmatch(c.stdout.String())
			if store == nil || !filepath.IsAbs(store[1]) || !exists(store[1]) {
				t.Errorf("got store %q, want an absolute path that exists", store)
			}
		})
	}
}

// snapshot lists a folder with the times of its last changes.
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
	for _, which := range []string{"bazel", "brought"} {
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
		if c.who() != "brought" || strings.Count(m.logged(), "mmdebstrap half-way") != 1 {
			t.Errorf("got %s, want the Bazel that was brought before\nlog:\n%s", c.who(), m.logged())
		}
		wantContains(t, c.bazelrc(), "--repository_cache="+m.env["RELEASE_CACHE"]+"/store")
	})
	// Not even root can make a folder here.
	for _, tt := range []struct{ name, home, want string }{
		{"the user's own cache instead", "home of someone", "home of someone/.cache/release-builder"},
		{"a temporary folder instead", "/dev/null", fmt.Sprintf("tmp/release-builder-%d", os.Getuid())},
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
	t.Run("someone else's link for a temporary folder", func(t *testing.T) {
		m := newMachine(t)
		m.fakeBazel("7.7.1")
		m.env["RELEASE_CACHE"], m.env["HOME"] = "/dev/null/cache", "/dev/null"
		if err := os.Symlink(m.dir, filepath.Join(m.dir, fmt.Sprintf("tmp/release-builder-%d", os.Getuid()))); err != nil {
			t.Fatal(err)
		}
		wantContains(t, m.fails("info"), "belongs to someone else")
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

func TestBring(t *testing.T) {
	for _, user := range []string{"root", "someone"} {
		t.Run(user, func(t *testing.T) {
			m := newMachine(t)
			mode := "unshare"
			if user == "root" {
				mode = "root"
			} else {
				m.becomeUser(0)
			}
			c := m.run("info")
			wantContains(t, c.stderr.String(), "bazel: bringing Bazel 7.7.1 (Debian forky, about 1.5 GB, once): downloading packages with apt…")
			wantContains(t, m.logged(), "--mode="+mode, "forky", "test://mirror.invalid/debian\n",
				`--aptopt=Acquire::http::Proxy "test://proxy.invalid";`,
				"--include=bazel-bootstrap=7.7.1*,bazel-rules-shell,ca-certificates,git")
			if got := m.roots(); len(got) != 1 || !regexp.MustCompile(`^bazel-7\.7\.1-[0-9a-f]{16}$`).MatchString(got[0]) {
				t.Fatalf("got roots %q, want one whole one", got)
			}
			root := filepath.Join(m.cache, m.roots()[0])
			for name, want := range map[string]string{
				"etc/bazel/build-data.properties": "build.label=7.7.1\n",
				"etc/bazel/bazelrc": "startup --install_base=/usr/share/bazel --trust_install_base\n" +
					"startup --host_jvm_args=-Drelease.root=" + m.roots()[0] + "\n" +
					"common --override_repository=rules_shell=/usr/share/bazel/rules/shell\n", // the only folder that the fake has
				"etc/resolv.conf": "", "etc/ssl/certs/ca-certificates.crt": "",
			} {
				got, err := os.ReadFile(filepath.Join(root, name))
				if err != nil || string(got) != want {
					t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
				}
			}
			wantContains(t, m.logged(), "--ro-bind "+root+"/etc /etc", "--ro-bind "+root+"/usr/bin /usr/bin",
				"--dev-bind /proc /proc", "nsenter path=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin --target ")
			for _, view := range regexp.MustCompile(`(?m)^view (\d+)$`).FindAllStringSubmatch(m.logged(), -1) {
				m.eventually("the end of what keeps the view open", func() bool { return !exists("/proc/" + view[1]) })
			}

			if again := m.run("info"); again.stderr.String() != "" || strings.Count(m.logged(), "half-way") != 1 {
				t.Errorf("second call: got %q, want silence\nlog:\n%s", again.stderr.String(), m.logged())
			}
		})
	}
}

func TestBringInstallsItsTools(t *testing.T) {
	m := newMachine(t)
	for _, name := range []string{"bwrap", "mmdebstrap"} {
		if err := os.Rename(filepath.Join(m.bin, name), filepath.Join(m.env["FAKE_STOCK"], name)); err != nil {
			t.Fatal(err)
		}
	}
	c := m.run("info")
	wantContains(t, c.stderr.String(), "bazel: installing bubblewrap mmdebstrap\n")
	wantContains(t, m.logged(), "apt-get install -y --no-install-recommends bubblewrap mmdebstrap\n")
}

func TestRootPackages(t *testing.T) {
	m := newMachine(t)
	for _, packages := range []string{"", "umoci skopeo", " skopeo  umoci ", "skopeo\numoci\nskopeo"} {
		m.env["RELEASE_ROOT_PACKAGES"] = packages
		m.run("info")
	}
	if got := m.roots(); len(got) != 2 {
		t.Errorf("got roots %q, want one without and one with the packages", got)
	}
	wantContains(t, m.logged(), "bazel-rules-shell,ca-certificates,git,skopeo,umoci ")
}

// What the machine trusts, Bazel trusts too, although Java keeps its certificates elsewhere.
func TestCertificates(t *testing.T) {
	m := newMachine(t)
	m.run("info")
	bound := regexp.MustCompile(`--ro-bind (\S.*?/cacerts-[0-9a-f]{16}) /etc/ssl/certs/java/cacerts`).FindStringSubmatch(m.logged())
	if !exists("/etc/ssl/certs/ca-certificates.crt") {
		if bound != nil {
			t.Errorf("got %q bound, want nothing on a machine without certificates", bound[1])
		}
		return
	}
	if bound == nil {
		t.Fatalf("got no certificates for Java\nlog:\n%s", m.logged())
	}
	m.run("info")
	if got := strings.Count(m.logged(), "\nopenssl "); got != 1 {
		t.Errorf("two calls: got %d conversions, want 1", got)
	}
}

func TestGoSettings(t *testing.T) {
	m := newMachine(t)
	m.fake("go", `shift; for name; do [ "$name" = GOPROXY ] && echo test://proxy.invalid || echo; done`)
	wantContains(t, m.run("info").stdout.String(), "proxy=test://proxy.invalid\n")
	m.env["GOPROXY"] = "off"
	wantContains(t, m.run("info").stdout.String(), "proxy=off\n")
	m.fake("go", "exit 1")
	wantContains(t, m.run("info").stdout.String(), "proxy=off\n")
}

func TestCannotBring(t *testing.T) {
	for _, tt := range []struct {
		name string
		with func(m *machine)
		want string
	}{
		{"no apt-get", func(m *machine) { m.remove("apt-get") },
			"no bazel from 7.7 up to 8 on PATH, and there is no apt-get to bring one with: install Bazelisk"},
		{"no rights to install", func(m *machine) { m.becomeUser(0); m.remove("mmdebstrap", "bwrap", "newuidmap") },
			"no bazel from 7.7 up to 8 on PATH: install Bazelisk, or as root run: apt-get install bubblewrap mmdebstrap uidmap"},
		{"no subordinate ids", func(m *machine) { m.becomeUser(1) },
			"or as root run: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 someone"},
		{"no user namespaces", func(m *machine) { m.env["FAKE_BWRAP_STATUS"] = "1" },
			"bubblewrap may not run here"},
		{"no Debian site", func(m *machine) { m.env["FAKE_NO_SITE"] = "1" },
			"apt-get knows no Debian site to bring one from: install Bazelisk"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			tt.with(m)
			got := m.fails("info")
			wantContains(t, got, "bazel: error: ", tt.want)
			if strings.Count(got, "\n") != 1 {
				t.Errorf("got:\n%s\nwant one line", got)
			}
			if roots := m.roots(); len(roots) != 0 {
				t.Errorf("got %q in the cache, want no root", roots)
			}
		})
	}
}

func TestBringFails(t *testing.T) {
	t.Run("mmdebstrap", func(t *testing.T) {
		m := newMachine(t)
		m.env["FAKE_MMDEBSTRAP_STATUS"] = "25"
		wantContains(t, m.fails("info"), "E: the mirror is on fire\nbazel: error: bringing Bazel 7.7.1 did not work\n"+
			"bazel: hint: the whole log is "+m.cache+"/bazel-root.log\n")
		if roots := m.roots(); len(roots) != 0 {
			t.Errorf("got %q in the cache, want no root", roots)
		}
	})
	t.Run("other version", func(t *testing.T) {
		m := newMachine(t)
		m.env["FAKE_BROUGHT"] = "8.4.2"
		wantContains(t, m.fails("info"), "bazel: error: Debian forky has bazel 8.4.2, and .bazelversion wants 7.7.1: install Bazelisk\n")
		if roots := m.roots(); len(roots) != 0 {
			t.Errorf("got %q in the cache, want no root", roots)
		}
	})
	t.Run("version from .bazelversion", func(t *testing.T) {
		m := newMachine(t)
		m.write("work space/.bazelversion", "8.4.2", 0o644) // without a newline, too
		m.env["FAKE_BROUGHT"] = "8.4.2"
		m.run("info")
		wantContains(t, m.logged(), "--include=bazel-bootstrap=8.4.2*,")
	})
}

func TestKilledHalfWay(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			m := newMachine(t)
			m.env["FAKE_HOLD"] = filepath.Join(m.dir, "never")
			c := m.start("info")
			m.eventually("half of a root", func() bool { return strings.Contains(m.logged(), "half-way") })
			if err := c.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if status := c.wait(); status == 0 {
				t.Error("got exit status 0, want another")
			}
			m.eventually("the end of mmdebstrap", func() bool { return strings.Contains(m.logged(), "mmdebstrap ended") })
			if got := m.roots(); sig != syscall.SIGKILL && len(got) != 0 {
				t.Errorf("got %q in the cache, want no root", got)
			}

			delete(m.env, "FAKE_HOLD")
			if got := m.run("info").who(); got != "brought" {
				t.Errorf("next call: got %s, want brought", got)
			}
			if got := m.roots(); len(got) != 1 || got[0] == "bazel-root.tmp" || exists(filepath.Join(m.cache, got[0], "half")) {
				t.Errorf("next call: got %q in the cache, want one whole root", got)
			}
		})
	}
}

func TestTwoCallsBringOne(t *testing.T) {
	m := newMachine(t)
	m.env["FAKE_HOLD"] = filepath.Join(m.dir, "hold")
	first := m.start("info")
	m.eventually("half of a root", func() bool { return strings.Contains(m.logged(), "half-way") })
	second := m.start("info")
	m.eventually("a second call that waits", func() bool {
		return strings.Contains(second.stderr.String(), "bazel: waiting for another call, which is bringing Bazel\n")
	})
	m.write("hold", "", 0o644)
	for _, c := range []*call{first, second} {
		if status := c.wait(); status != 0 || c.who() != "brought" {
			t.Errorf("got exit status %d of %q, want 0 of brought\n%s", status, c.who(), c.stderr.String())
		}
	}
	if got := strings.Count(m.logged(), "half-way"); got != 1 || len(m.roots()) != 1 {
		t.Errorf("got %d runs of mmdebstrap and roots %q, want one", got, m.roots())
	}
}

// Where Debian comes from is for the package manager to say.
func TestNamesNoHost(t *testing.T) {
	for _, name := range []string{"bazel", "launcher/root.bash"} {
		if host := regexp.MustCompile(`\w+://\S*|\b[\w-]+\.(com|dev|io|net|org)\b`).FindString(readTool(t, name)); host != "" {
			t.Errorf("%s: got %q, want no host", name, host)
		}
	}
}
