package launcher_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

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
			wantContains(t, c.stderr.String(), "bazel: installing Bazel 7.7.1 (Debian forky, about 1.5 GB, once): downloading packages with apt…")
			wantContains(t, m.logged(), "--mode="+mode, "forky", "test://mirror.invalid/debian\n",
				`--aptopt=Acquire::http::Proxy "test://proxy.invalid";`,
				"--include=bazel-bootstrap=7.7.1*,bazel-rules-shell,bubblewrap,ca-certificates,git,libblake3-0,locales,openssh-client",
				`--customize-hook=chroot "$1" localedef -i en_US -f ISO-8859-1 --no-archive en_US.ISO-8859-1`)
			if got := m.roots(); len(got) != 1 || !regexp.MustCompile(`^bazel-7\.7\.1-[0-9a-f]{16}$`).MatchString(got[0]) {
				t.Fatalf("got roots %q, want one whole one", got)
			}
			root := filepath.Join(m.cache, m.roots()[0])
			for name, want := range map[string]string{
				"etc/bazel/build-data.properties": "build.label=7.7.1\n",
				"etc/bazel/bazelrc": "startup --install_base=/usr/share/bazel --trust_install_base\n" +
					"startup --host_jvm_args=-Drelease.root=" + m.roots()[0] + "\n" +
					"common --override_repository=rules_shell=/usr/share/bazel/rules/shell\n" + // the only directory that the fake has
					"common --override_module=rules_shell=/usr/share/bazel/rules/shell\n" +
					"common --override_module=apple_support=/usr/share/bazel/modules/apple_support\n" +
					"common --override_module=buildozer=/usr/share/bazel/modules/buildozer\n" +
					"common --override_module=protobuf=/usr/share/bazel/modules/protobuf\n" +
					"common --override_module=zlib=/usr/share/bazel/modules/zlib\n",
				"usr/share/bazel/modules/buildozer/MODULE.bazel": "module(name = \"buildozer\")\n",
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
	if err := os.Rename(filepath.Join(m.bin, "mmdebstrap"), filepath.Join(m.env["FAKE_STOCK"], "mmdebstrap")); err != nil {
		t.Fatal(err)
	}
	c := m.run("info")
	wantContains(t, c.stderr.String(), "bazel: installing mmdebstrap\n")
	wantContains(t, m.logged(), "apt-get install -y --no-install-recommends mmdebstrap\n")
}

// Where the machine has no bubblewrap, the one in the root enters it.
func TestNoBubblewrap(t *testing.T) {
	m := newMachine(t)
	m.remove("bwrap")
	for range 2 {
		if got := m.run("info").who(); got != "installed" {
			t.Errorf("got %s, want installed", got)
		}
	}
	lib := filepath.Join(m.cache, m.roots()[0], "usr", "lib", "x-linux-gnu")
	wantContains(t, m.logged(), "loader --library-path "+lib+" bwrap\nbwrap --ro-bind ")
	if err := os.Remove(filepath.Join(lib, "ld-linux.so.2")); err != nil {
		t.Fatal(err)
	}
	wantContains(t, m.fails("info"), "bazel: error: there is no bubblewrap, neither on PATH nor in "+filepath.Join(m.cache, m.roots()[0])+"\n")
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
	wantContains(t, m.logged(), "bazel-rules-shell,bubblewrap,ca-certificates,git,libblake3-0,locales,openssh-client,skopeo,umoci ")
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
			"no bazel from 7.7 up to 8 on PATH, and no apt-get to install one: install Bazelisk"},
		{"no rights to install", func(m *machine) { m.becomeUser(0); m.remove("mmdebstrap", "newuidmap") },
			"no bazel from 7.7 up to 8 on PATH: install Bazelisk, or as root run: apt-get install mmdebstrap uidmap"},
		{"no subordinate ids", func(m *machine) { m.becomeUser(1) },
			"or as root run: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 someone"},
		{"no user namespaces", func(m *machine) { m.env["FAKE_BWRAP_STATUS"] = "1" },
			"bubblewrap does not work here"},
		{"no Debian site", func(m *machine) { m.env["FAKE_NO_SITE"] = "1" },
			"apt-get has no Debian site to install one from: install Bazelisk"},
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
		wantContains(t, m.fails("info"), "E: the mirror is on fire\nbazel: error: cannot install Bazel 7.7.1\n"+
			"bazel: hint: the whole log is "+m.cache+"/bazel-root.log\n")
		if roots := m.roots(); len(roots) != 0 {
			t.Errorf("got %q in the cache, want no root", roots)
		}
	})
	t.Run("other version", func(t *testing.T) {
		m := newMachine(t)
		m.env["FAKE_BROUGHT"] = "8.4.2"
		wantContains(t, m.fails("info"), "bazel: error: Debian forky has bazel 8.4.2, but .bazelversion has 7.7.1: install Bazelisk\n")
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
			if got := m.run("info").who(); got != "installed" {
				t.Errorf("next call: got %s, want installed", got)
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
		return strings.Contains(second.stderr.String(), "bazel: waiting for another call, which is installing Bazel\n")
	})
	m.write("hold", "", 0o644)
	for _, c := range []*call{first, second} {
		if status := c.wait(); status != 0 || c.who() != "installed" {
			t.Errorf("got exit status %d of %q, want 0 of installed\n%s", status, c.who(), c.stderr.String())
		}
	}
	if got := strings.Count(m.logged(), "half-way"); got != 1 || len(m.roots()) != 1 {
		t.Errorf("got %d runs of mmdebstrap and roots %q, want one", got, m.roots())
	}
}

// Where Debian comes from is for the package manager to say.
func TestNamesNoHost(t *testing.T) {
	for _, name := range []string{"bazel", "launcher/root.bash", "launcher/lock-root"} {
		if host := regexp.MustCompile(`\w+://\S*|\b[\w-]+\.(com|dev|io|net|org)\b`).FindString(readTool(t, name)); host != "" {
			t.Errorf("%s: got %q, want no host", name, host)
		}
	}
}
