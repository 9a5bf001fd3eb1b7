package launcher_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// storeRoot puts the root that another machine installed into this one's store, as a bundle has it, and returns its name.
func (m *machine) storeRoot(packages string) string {
	m.t.Helper()
	other := newMachine(m.t)
	other.env["RELEASE_ROOT_PACKAGES"] = packages
	other.run("info")
	name := other.roots()[0]
	root, store := filepath.Join(other.cache, name), filepath.Join(m.cache, "store", "root")
	if err := os.MkdirAll(store, 0o755); err != nil {
		m.t.Fatal(err)
	}
	list, err := os.ReadFile(filepath.Join(root, "root.packages.json"))
	if err != nil {
		m.t.Fatal(err)
	}
	// What the fake mmdebstrap says that there is does not depend on what it is asked for.
	for _, p := range strings.Fields("bazel-rules-shell bubblewrap ca-certificates git libblake3-0 locales openssh-client " + packages) {
		list = []byte(strings.Replace(string(list), "\n  ]", ",\n    {\"name\": \""+p+"\", \"version\": \"1\"}\n  ]", 1))
	}
	m.write(m.inStore(name+".packages.json"), string(list), 0o644)
	if err := os.WriteFile(filepath.Join(root, "root.packages.json"), list, 0o644); err != nil {
		m.t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-cf", filepath.Join(store, name+".tar"), "-C", root, "etc", "root.packages.json", "usr").CombinedOutput(); err != nil {
		m.t.Fatalf("%v\n%s", err, out)
	}
	m.sumRoot(name)
	return name
}

// inStore is a file of the store's roots, relative to the machine's directory.
func (m *machine) inStore(name string) string {
	rel, err := filepath.Rel(m.dir, filepath.Join(m.cache, "store", "root", name))
	if err != nil {
		m.t.Fatal(err)
	}
	return rel
}

func (m *machine) sumRoot(name string) {
	m.t.Helper()
	data, err := os.ReadFile(filepath.Join(m.dir, m.inStore(name+".tar")))
	if err != nil {
		m.t.Fatal(err)
	}
	m.write(m.inStore(name+".tar.sha256"), fmt.Sprintf("%x  %s.tar\n", sha256.Sum256(data), name), 0o644)
}

// A root in the store is unpacked: nothing is installed or downloaded, whoever calls, and whatever Bazel is on PATH.
func TestStoredRoot(t *testing.T) {
	for _, tt := range []struct {
		name string
		with func(m *machine)
	}{
		{"root", func(*machine) {}},
		{"someone", func(m *machine) { m.becomeUser(1) }},
		{"bare machine", func(m *machine) { m.remove("apt-get", "apt-config", "mmdebstrap", "unshare", "bwrap") }},
		{"bazel on PATH", func(m *machine) { m.fakeBazel("7.7.1") }},
		{"bazelisk", func(m *machine) { m.fake("bazelisk", reportCall) }},
		{"no list of packages", func(m *machine) {
			lists, err := filepath.Glob(filepath.Join(m.cache, "store", "root", "*.packages.json"))
			if err != nil || len(lists) != 1 || os.Remove(lists[0]) != nil {
				m.t.Fatalf("got %q, %v, want one", lists, err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			name := m.storeRoot("")
			tt.with(m)
			c := m.run("build", "--config=airgap", "//...")
			if c.who() != "installed" {
				t.Errorf("got %s, want installed", c.who())
			}
			wantContains(t, c.stderr.String(), "bazel: installing Bazel 7.7.1 (the store, about 1.5 GB, once): unpacking…")
			if got := m.roots(); len(got) != 1 || got[0] != name {
				t.Errorf("got roots %q, want %q", got, name)
			}
			for _, program := range []string{"mmdebstrap", "apt-get"} {
				if strings.Contains(m.logged(), program) {
					t.Errorf("log:\n%s\nwant no %s", m.logged(), program)
				}
			}
			if again := m.run("info"); again.stderr.String() != "" || again.who() != "installed" {
				t.Errorf("second call: got %s, %q, want installed, silence", again.who(), again.stderr.String())
			}
		})
	}
}

// A root with more packages than are asked for will do, one with less will not.
func TestStoredRootOfOthers(t *testing.T) {
	m := newMachine(t)
	name := m.storeRoot("skopeo umoci")
	for _, packages := range []string{"", "umoci"} {
		m.env["RELEASE_ROOT_PACKAGES"] = packages
		m.run("build", "--config=airgap")
		if got := m.roots(); len(got) != 1 || got[0] != name {
			t.Errorf("%q: got roots %q, want %q", packages, got, name)
		}
	}
	m.env["RELEASE_ROOT_PACKAGES"] = "rpm"
	got := m.fails("build", "--config=airgap", "//...")
	wantContains(t, got, "bazel: error: root/bazel-7.7.1-", ".tar is not in the store "+m.cache+"/store, and --config=airgap allows no download\n",
		"bazel: hint: unpack a bundle into the store that has this root, with the packages of RELEASE_ROOT_PACKAGES: rpm\n")
	// Made by another recipe, or with another Bazel, it is not the same either.
	m.env["RELEASE_ROOT_PACKAGES"] = "umoci"
	m.write("work space/.bazelversion", "8.4.2\n", 0o644)
	wantContains(t, m.fails("build", "--config", "airgap"), "is not in the store")
}

func TestNoStoredRoot(t *testing.T) {
	m := newMachine(t)
	for _, args := range [][]string{{"build", "--config=airgap"}, {"build", "--config", "airgap", "//..."}} {
		wantContains(t, m.fails(args...), ".tar is not in the store "+m.cache+"/store, and --config=airgap allows no download\n")
	}
	m.env["RELEASE_AIRGAP"] = "1"
	wantContains(t, m.fails("info"), "--config=airgap allows no download\n")
	if strings.Contains(m.logged(), "mmdebstrap") {
		t.Errorf("log:\n%s\nwant no mmdebstrap", m.logged())
	}
	delete(m.env, "RELEASE_AIRGAP")
	m.run("run", "//tool", "--", "--config=airgap") // the tool's own
}

func TestStoredRootAltered(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alter func(m *machine, name, tar string)
		want  []string
	}{
		{"tar", func(m *machine, name, tar string) {
			data, err := os.ReadFile(tar)
			if err != nil {
				m.t.Fatal(err)
			}
			data[len(data)/2] ^= 1
			m.write(m.inStore(name+".tar"), string(data), 0o644)
		}, []string{"bazel: error: sha256 of ", ".tar: got ", ", want ", "bazel: hint: the file was changed after it was stored"}},
		{"cut off", func(m *machine, name, tar string) { m.write(m.inStore(name+".tar"), "", 0o644) },
			[]string{".tar: got e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855, want "}},
		{"no digest", func(m *machine, name, tar string) { os.Remove(tar + ".sha256") }, []string{".tar.sha256 is missing, or empty\n"}},
		{"digest of another", func(m *machine, name, tar string) {
			data, err := os.ReadFile(tar + ".sha256")
			if err != nil {
				m.t.Fatal(err)
			}
			m.write(m.inStore(name+".tar.sha256"), strings.Replace(string(data), name, "bazel", 1), 0o644)
		}, []string{".tar.sha256 has the digest of bazel.tar, want bazel-7.7.1-", "bazel: hint: the file was changed after it was stored"}},
		{"list of packages", func(m *machine, name, tar string) {
			data, err := os.ReadFile(strings.TrimSuffix(tar, ".tar") + ".packages.json")
			if err != nil {
				m.t.Fatal(err)
			}
			m.write(m.inStore(name+".packages.json"), string(data)+" ", 0o644)
		}, []string{"bazel: error: sha256 of ", ".packages.json: got ", ", want ", "bazel: hint: the file was changed after it was stored"}},
		{"no tar", func(m *machine, name, tar string) {
			m.write(m.inStore(name+".tar"), "no tar", 0o644)
			m.sumRoot(name)
		}, []string{"bazel: error: cannot install Bazel 7.7.1\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			name := m.storeRoot("")
			tt.alter(m, name, filepath.Join(m.dir, m.inStore(name+".tar")))
			wantContains(t, m.fails("build"), tt.want...)
			if got := m.roots(); len(got) != 0 {
				t.Errorf("got roots %q, want none", got)
			}
		})
	}
}

const madeBy = "# Debian forky, %s: name, version, architecture and sha256 of the root's packages; see lock-root.\n"

// hostType is what bash says that the machine is.
func hostType(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("bash", "-c", "printf %s $HOSTTYPE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Packages that differ from root.lock are a warning of one line, and no more.
func TestRootLock(t *testing.T) {
	head := fmt.Sprintf(madeBy, hostType(t))
	const same = "bazel-bootstrap 7.7.1+ds-1 amd64 1111\nzsh 5.9-1 amd64 2222\n"
	for _, tt := range []struct{ name, lock, want string }{
		{"the same", head + same, ""},
		{"more than the lock has", head + "zsh 5.9-1 amd64 2222\n", ""},
		{"another architecture", fmt.Sprintf(madeBy, "other") + "zsh 1 other 3\n", ""},
		{"another version", head + strings.Replace(same, "5.9-1", "5.9-2", 1), "1 packages of the root differ from tools/launcher/root.lock: zsh\n"},
		{"another digest", head + strings.Replace(same, "1111", "3333", 1), "1 packages of the root differ from tools/launcher/root.lock: bazel-bootstrap\n"},
		{"many", head + "a 1 amd64 1\nb 1 amd64 1\nc 1 amd64 1\nd 1 amd64 1\n" + same, "4 packages of the root differ from tools/launcher/root.lock: a, b, c, …\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.write("work space/tools/launcher/root.lock", tt.lock, 0o644)
			c := m.run("info")
			_, got, _ := strings.Cut(c.stderr.String(), "bazel: warning: ")
			if got != tt.want || c.who() != "installed" {
				t.Errorf("got %s with warning %q, want installed with %q", c.who(), got, tt.want)
			}
		})
	}
}

// lock-root writes what a new root has, or the one that it is given.
func TestLockRoot(t *testing.T) {
	m := newMachine(t)
	m.write("work space/tools/launcher/lock-root", readTool(t, "launcher/lock-root"), 0o755)
	lockRoot := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(filepath.Join(m.workspace, "tools", "launcher", "lock-root"), args...)
		for k, v := range m.env {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		lock, err := os.ReadFile(filepath.Join(m.workspace, "tools", "launcher", "root.lock"))
		if err != nil {
			t.Fatal(err)
		}
		return string(lock)
	}
	head := fmt.Sprintf(madeBy, hostType(t))
	m.env["RELEASE_ROOT_PACKAGES"] = "skopeo"
	m.env["FAKE_DEBIAN"] = "7.7.1+ds-2"
	if got, want := lockRoot(), head+"bazel-bootstrap 7.7.1+ds-2 amd64 1111\nzsh 5.9-1 amd64 2222\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := m.roots(); len(got) != 0 || strings.Contains(m.logged(), "skopeo") {
		t.Errorf("got roots %q, want none; log:\n%s", got, m.logged())
	}
	delete(m.env, "FAKE_DEBIAN")
	m.run("info")
	if got, want := lockRoot(filepath.Join(m.cache, m.roots()[0])), head+"bazel-bootstrap 7.7.1+ds-1 amd64 1111\nzsh 5.9-1 amd64 2222\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
