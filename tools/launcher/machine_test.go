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
	"strings"
	"sync"
	"testing"
	"time"
)

// The programs that are what they are on every Debian machine.
var realPrograms = []string{
	"bash", "cat", "chmod", "env", "flock", "mkdir", "mktemp", "mv", "readlink", "rm", "rmdir", "setsid", "sha256sum", "sleep", "sort",
	"stat", "tail", "tar", "wc",
}

// reportCall is the end of every fake Bazel: it says who was called and how.
const reportCall = `
echo "${0##*/}"
printf '[%s]\n' "$@"
printf '%s\n' "store=$RELEASE_STORE cache=$RELEASE_CACHE locale=${LC_ALL-} proxy=${GOPROXY-}"
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

// fakeNsenter goes where Bazel is the one that was installed.
const fakeNsenter = `
echo "nsenter path=$PATH $*" >>"$FAKE_LOG"
while [ "$1" != -- ]; do shift; done
shift
PATH=$FAKE_ROOT_BIN exec "$@"
`

const fakeBrought = `
if [ "$*" = --version ]; then echo "bazel ${FAKE_BROUGHT:-7.7.1}"; exit; fi
exec installed "$@"
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
mkdir -p "$root/etc/bazel" "$root/usr/bin" "$root/usr/share/bazel/rules/shell" "$root/usr/lib/x-linux-gnu"
cp "$FAKE_LOADER" "$root/usr/lib/x-linux-gnu/ld-linux.so.2" && cp "$FAKE_LOADER" "$root/usr/bin/bwrap"
cat >"$root/root.packages" <<-END
	Package: zsh
	Version: 5.9-1
	Description: the shell
	 Package: in a description
	Architecture: amd64
	SHA256: 2222

	Package: bazel-bootstrap
	Architecture: amd64
	Version: ${FAKE_DEBIAN:-7.7.1+ds-1}
	SHA256: 1111
END
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

// fakeLoader is the root's dynamic loader, which runs the root's bubblewrap where the machine has none.
const fakeLoader = `
echo "loader $1 $2 ${3##*/}" >>"$FAKE_LOG"
shift 3
` + fakeBwrap

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
		"RELEASE_PASS": "FAKE_LOG FAKE_BIN FAKE_ROOT_BIN FAKE_STOCK FAKE_LOADER FAKE_HOLD FAKE_STATUS FAKE_BROUGHT FAKE_DEBIAN FAKE_BWRAP_STATUS FAKE_MMDEBSTRAP_STATUS FAKE_NO_SITE",
		"PATH":         m.bin, "HOME": m.home, "TMPDIR": filepath.Join(dir, "tmp"),
		"RELEASE_SANDBOX_BASE": "off", // what the real machine has must not count
		"FAKE_LOG":             m.log, "FAKE_BIN": m.bin, "FAKE_ROOT_BIN": filepath.Join(dir, "root bin"), "FAKE_STOCK": filepath.Join(dir, "stock"),
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
		if err := os.Symlink(realPath(t, name), filepath.Join(m.bin, name)); err != nil {
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
	m.write("root bin/installed", "#!/bin/sh\n"+reportCall, 0o755)
	m.write("root bin/openssl", "#!/bin/sh\n"+fakeOpenssl, 0o755)
	m.fake("mmdebstrap", fakeMmdebstrap)
	m.fake("cp", "exec "+realPath(t, "cp")+` "$@"`)
	m.write("loader", "#!/bin/sh\n"+fakeLoader, 0o755)
	m.env["FAKE_LOADER"] = filepath.Join(dir, "loader")
	return m
}

func realPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
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

// write writes a file under the machine's directory.
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

// roots returns the root directories in the cache, and what is left of unfinished ones.
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
