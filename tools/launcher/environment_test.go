package launcher_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// passed are variables of which a build or a program of "bazel run" has need.
var passed = []string{
	"ACTIONS_ID_TOKEN_REQUEST_URL", "ALL_PROXY", "APT_CONFIG", "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "BAZELISK_BASE_URL", "DBUS_SESSION_BUS_ADDRESS",
	"DOCKER_CONFIG", "GH_TOKEN", "GITHUB_API_URL", "GITHUB_TOKEN", "GIT_CONFIG_COUNT", "GIT_CONFIG_GLOBAL", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO",
	"GOINSECURE", "GOOGLE_APPLICATION_CREDENTIALS", "GOPRIVATE", "GOPROXY", "GOSUMDB", "HTTPS_PROXY", "HTTP_PROXY", "NETRC", "NO_PROXY",
	"RELEASE_LINE", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "STORAGE_EMULATOR_HOST", "TERM", "USER", "USE_BAZEL_VERSION", "XDG_STATE_HOME",
	"http_proxy", "https_proxy", "no_proxy",
}

// kept are variables that have no say in what is built.
var kept = []string{
	"BASH_ENV", "BAZEL_SH", "CC", "CDPATH", "CGO_ENABLED", "CLASSPATH", "ENV", "GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GO111MODULE", "GOARCH",
	"GODEBUG", "GOENV", "GOEXPERIMENT", "GOFLAGS", "GOOS", "GOROOT", "GOTOOLCHAIN", "GREP_OPTIONS", "JAVA_HOME", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS",
	"LANG", "LANGUAGE", "LC_CTYPE", "LD_LIBRARY_PATH", "LD_PRELOAD", "OLDPWD", "POSIXLY_CORRECT", "PYTHONPATH", "SOME_VARIABLE",
	"TAR_OPTIONS", "TEST_TMPDIR", "TZ", "UNZIP", "_JAVA_OPTIONS",
}

func TestEnvironment(t *testing.T) {
	for _, which := range []string{"bazel", "bazelisk", "installed", "real"} {
		t.Run(which, func(t *testing.T) {
			m := newMachine(t)
			m.run("--version") // brings it
			for _, name := range append(passed, kept...) {
				m.env[name] = "/nowhere"
			}
			m.env["LC_ALL"] = "tr_TR.ISO-8859-9"
			m.env["SOME_OTHER"] = "asked for"
			m.env["RELEASE_PASS"] += " SOME_OTHER"
			const report = "env | sort"
			switch which {
			case "installed":
				m.write("root bin/installed", "#!/bin/sh\nPATH="+filepath.Dir(realPath(t, "sort"))+"\n"+report, 0o755)
			case "real":
				m.write("bin/real", "#!/bin/sh\n"+report, 0o755)
				m.env["BAZEL_REAL"] = filepath.Join(m.bin, "real")
			case "bazel":
				m.fake("bazel", `if [ "$*" = --version ]; then echo "bazel 7.7.1"; exit; fi`+"\n"+report)
			default:
				m.fake("bazelisk", report)
			}
			got := map[string]string{}
			for line := range strings.Lines(m.run("info").stdout.String()) {
				name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
				got[name] = value
			}
			for _, name := range passed {
				if got[name] != "/nowhere" {
					t.Errorf("%s: got %q, want it handed on", name, got[name])
				}
			}
			for _, name := range kept {
				if value, ok := got[name]; ok && value == "/nowhere" {
					t.Errorf("%s: it was handed on", name)
				}
			}
			if got["LC_ALL"] != "C.UTF-8" || got["SOME_OTHER"] != "asked for" || got["HOME"] != m.home {
				t.Errorf("got LC_ALL %q, SOME_OTHER %q, HOME %q", got["LC_ALL"], got["SOME_OTHER"], got["HOME"])
			}
		})
	}
}

// Who has no name, as in a container, goes by the number.
func TestNoUser(t *testing.T) {
	for _, tt := range []struct{ user, id, want string }{
		{"", "echo someone", "someone\n"},
		{"", "exit 1", fmt.Sprintf("%d\n", os.Getuid())},
		{"me", "exit 1", "me\n"},
	} {
		m := newMachine(t)
		m.write("real", "#!/bin/sh\necho $USER", 0o755)
		m.env["BAZEL_REAL"], m.env["USER"] = filepath.Join(m.dir, "real"), tt.user
		m.fake("id", tt.id)
		if got := m.run("info").stdout.String(); got != tt.want {
			t.Errorf("USER %q, and id says %q: got %q, want %q", tt.user, tt.id, got, tt.want)
		}
	}
}

// What a shell sets does not reach the script either: it works, and says nothing.
func TestHostileShell(t *testing.T) {
	m := newMachine(t)
	m.run("info")
	m.write("start-up", "echo from a start-up file; exit 3\n", 0o644)
	for name, value := range map[string]string{
		"BASHOPTS":              "extdebug:nocasematch:failglob:nullglob",
		"BASH_ENV":              filepath.Join(m.dir, "start-up"),
		"BASH_FUNC_exec%%":      "() { echo a function; }",
		"BASH_FUNC_printf%%":    "() { echo a function; }",
		"CDPATH":                "/usr:/etc",
		"ENV":                   filepath.Join(m.dir, "start-up"),
		"GLOBIGNORE":            "*",
		"GREP_OPTIONS":          "-v",
		"IFS":                   "/aeiou",
		"LC_ALL":                "garbage",
		"LANG":                  "tr_TR.UTF-8",
		"POSIXLY_CORRECT":       "1",
		"POSIX_ME_HARDER":       "1",
		"PS4":                   "$(exit 3)",
		"SHELLOPTS":             "noglob:noclobber:xtrace:verbose:posix",
		"TIMEFORMAT":            "x",
		"TMPDIR":                filepath.Join(m.dir, "there", "is no such"),
		"JAVA_TOOL_OPTIONS":     "-version",
		"RELEASE_ROOT_PACKAGES": " ",
	} {
		t.Run(name, func(t *testing.T) {
			old, had := m.env[name]
			m.env[name] = value
			c := m.run("build", "//a b:c")
			if got := fmt.Sprintf("%s %q", c.who(), c.args()[1:]); got != `installed ["build" "//a b:c"]` || c.stderr.String() != "" {
				t.Errorf("got %s, %q on stderr, want Bazel and silence", got, c.stderr.String())
			}
			if delete(m.env, name); had {
				m.env[name] = old
			}
		})
	}
}

// Where nothing can be written below HOME, all is below TMPDIR, Bazel's own files too.
func TestReadOnlyHome(t *testing.T) {
	m := newMachine(t)
	m.fakeBazel("7.7.1")
	m.env["HOME"] = "/dev/null" // not even root can make a directory here
	c := m.run("info")
	state := filepath.Join(m.env["TMPDIR"], fmt.Sprintf("release-builder-%d", os.Getuid()))
	if got, want := c.bazelrc(), fmt.Sprintf(`common "--repository_cache=%[1]s/store"
startup "--output_user_root=%[1]s/bazel"
build "--disk_cache=%[1]s/disk"
build --experimental_disk_cache_gc_max_size=20G
`, state); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != strings.Count(want, "\n")+1 {
		t.Errorf("got bazelrc:\n%s\nwant:\n%s", got, want)
	}
	wantContains(t, c.stdout.String(), "store="+state+"/store ")
}
