package pkgrepo

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// baseURL returns the URL of a place as its users have it.
func baseURL(t *testing.T, p buckettest.Place) string {
	if p.Endpoint != "" {
		return p.Endpoint + "/" + buckettest.Bucket + "/all/demo"
	}
	server := httptest.NewServer(http.FileServer(http.Dir(strings.TrimPrefix(p.URL, "file://"))))
	t.Cleanup(server.Close)
	return server.URL
}

// An aptRoot is a system of its own for apt: nothing of this machine's is read or written.
type aptRoot struct {
	t   *testing.T
	dir string
}

func newAptRoot(t *testing.T, source string) *aptRoot {
	a := &aptRoot{t, t.TempDir()}
	for _, d := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/log", "etc/apt/none", "etc/apt/preferences.d"} {
		check(t, os.MkdirAll(filepath.Join(a.dir, d), 0o755))
	}
	check(t, os.Chmod(a.dir, 0o755))
	a.write("var/lib/dpkg/status", "")
	a.write("var/lib/dpkg/available", "")
	a.write("etc/apt/sources.list", source+"\n")
	a.write("etc/apt/apt.conf", fmt.Sprintf(`
Dir "%[1]s/";
Dir::State "%[1]s/var/lib/apt";
Dir::State::status "%[1]s/var/lib/dpkg/status";
Dir::Cache "%[1]s/var/cache/apt";
Dir::Log "%[1]s/var/log";
Dir::Etc "%[1]s/etc/apt";
Dir::Etc::parts "%[1]s/etc/apt/none";
Dir::Etc::main "none";
Dir::Bin::dpkg "/usr/bin/dpkg";
APT::Architecture "amd64";
APT::Architectures "amd64";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
DPkg::Options { "--root=%[1]s"; "--force-script-chrootless"; "--force-not-root"; "--log=%[1]s/dpkg.log"; };
`, a.dir))
	return a
}

func (a *aptRoot) write(name, content string) {
	check(a.t, os.WriteFile(filepath.Join(a.dir, name), []byte(content), 0o644))
}

func (a *aptRoot) run(args ...string) (string, error) {
	cmd := exec.Command("apt-get", append([]string{"-y", "--allow-downgrades"}, args...)...)
	cmd.Dir = a.dir
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "APT_CONFIG=" + filepath.Join(a.dir, "etc/apt/apt.conf")}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err == nil && (strings.Contains(out.String(), "W: ") || strings.Contains(out.String(), "E: ")) {
		err = fmt.Errorf("got warnings")
	}
	if err != nil {
		err = fmt.Errorf("apt-get %q: %w\n%s", args, err, out.String())
	}
	return out.String(), err
}

// upgrade updates the lists, installs the newest version of demo, and returns what is
// installed then.
func (a *aptRoot) upgrade(args ...string) string {
	a.t.Helper()
	if _, err := a.run("update"); err != nil {
		a.t.Fatal(err)
	}
	if _, err := a.run(append([]string{"install"}, append(args, "demo")...)...); err != nil {
		a.t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(a.dir, "usr/share/demo/text"))
	check(a.t, err)
	return string(data)
}

// source returns the line of sources.list for a place, with the key that users install.
func source(t *testing.T, p buckettest.Place) string {
	key := filepath.Join(t.TempDir(), "demo.asc")
	check(t, os.WriteFile(key, []byte(p.Content("all/demo/key.asc")), 0o644))
	check(t, os.Chmod(filepath.Dir(key), 0o755))
	return "deb [signed-by=" + key + "] " + baseURL(t, p) + " stable main"
}

// runLater publishes in another second than what was published before. Clients ask whether an
// index has changed since a time in whole seconds (https://www.rfc-editor.org/rfc/rfc9110#name-if-modified-since).
func runLater(t *testing.T, d publish.Destination) {
	t.Helper()
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1050 * time.Millisecond)))
	run(t, d)
}

// TestAptClient installs with apt-get from each kind of store, before, during and after an
// update, and after a move back.
func TestAptClient(t *testing.T) {
	readers.Find(t, "apt-get")
	readers.Find(t, "gpgv")
	buckettest.Each(t, func(t *testing.T, p buckettest.Place) {
		c := configOf(p, writeKey(t))
		library := aptRepo.of(packagetest.Package{Name: "libdemo", Arch: "all", Version: "0.5.0"})
		tree := func(version string, day int) func() publish.Destination {
			tree := treeOf(t, releasetest.Args{Version: version, Time: packagetest.Later(day)},
				aptRepo.of(packagetest.Package{Depends: []string{"libdemo"}}), aptRepo.of(packagetest.Package{Arch: "arm64"}), library)
			return func() publish.Destination { return aptRepo.in(t, c, tree) }
		}
		one, two := tree("1.2.0", 1), tree("1.3.0", 2)
		runLater(t, one())
		apt := newAptRoot(t, source(t, p))
		if got := apt.upgrade(); got != "demo 1.2.0" {
			t.Errorf("before: got %q", got)
		}
		d := two()
		items := buckettest.Plan(t, d)
		check(t, d.Apply(t.Context(), publish.Upload, buckettest.Missing(items, publish.Upload), nil))
		if got := newAptRoot(t, source(t, p)).upgrade(); got != "demo 1.2.0" {
			t.Errorf("during: got %q", got)
		}
		runLater(t, d)
		if got := apt.upgrade(); got != "demo 1.3.0" {
			t.Errorf("after: got %q", got)
		}
		if _, err := apt.run("install", "demo=1.2.0"); err != nil {
			t.Error(err)
		}
		c.Channels[0].Back = true
		runLater(t, one())
		apt = newAptRoot(t, source(t, p))
		if got := apt.upgrade(); got != "demo 1.2.0" {
			t.Errorf("moved back: got %q", got)
		}
		c.Channels[0].Back = false
		runLater(t, two())
		if got := apt.upgrade(); got != "demo 1.3.0" {
			t.Errorf("moved on: got %q", got)
		}
	})
}

// TestAptClientBack has one client follow a suite that moves back: it sees the older index,
// and can install what that has.
func TestAptClientBack(t *testing.T) {
	readers.Find(t, "apt-get")
	readers.Find(t, "gpgv")
	p := buckettest.Open(t, "file")
	c := configOf(p, writeKey(t))
	release := func(version string) publish.Destination {
		return aptRepo.in(t, c, treeOf(t, releasetest.Args{Version: version}, aptRepo.of(packagetest.Package{})))
	}
	runLater(t, release("1.2.0"))
	runLater(t, release("1.3.0"))
	apt := newAptRoot(t, source(t, p))
	if got := apt.upgrade(); got != "demo 1.3.0" {
		t.Errorf("got %q", got)
	}
	c.Channels[0].Back = true
	runLater(t, release("1.2.0"))
	if _, err := apt.run("update"); err != nil {
		t.Fatal(err)
	}
	if out, err := apt.run("install", "demo=1.3.0"); err != nil || !strings.Contains(out, "already the newest") {
		t.Logf("the installed version: %v", err)
	}
	if _, err := apt.run("install", "demo=1.2.0"); err != nil {
		t.Error(err)
	}
	if out, err := apt.run("install", "demo=1.3.0"); err == nil {
		t.Errorf("a version that has gone: got\n%s", out)
	}
}
