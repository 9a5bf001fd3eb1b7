package environ

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// only has the environment be these settings until the test ends.
func only(t *testing.T, settings ...string) {
	t.Helper()
	for _, s := range os.Environ() {
		name, _, _ := strings.Cut(s, "=")
		if name == "" {
			continue // Windows has such
		}
		t.Setenv(name, "") // has it put back after the test
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		t.Setenv(name, value)
	}
}

func TestKinds(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("names of variables are others there")
	}
	path, home := "PATH="+os.Getenv("PATH"), "HOME=/h"
	proxy, ssh := "HTTPS_PROXY=http://p", "GIT_SSH_COMMAND=ssh -v"
	only(t, path, home, proxy, ssh, "GOPROXY=direct", "GOARCH=mips", "GOENV=/e", "GOFLAGS=-race", "GODEBUG=x=1", "CC=false", "GIT_DIR=/d", "GIT_CONFIG_GLOBAL=/c",
		"LANG=de", "LC_CTYPE=de", "LC_ALL=de", "TOKEN=t", "OTHER=o", "AWS_PROFILE=a", "RELEASE_PASS=TOKEN, GOARCH,GIT_DIR,CGO_CFLAGS", "CGO_CFLAGS=-x", "DOCKER_CONFIG=/dc")
	fixed := func(more []string, others ...string) []string {
		all := slices.Concat(more, others, []string{"LC_ALL=C"})
		slices.Sort(all)
		return all
	}
	network := []string{path, home, proxy, "AWS_PROFILE=a", "TOKEN=t"}
	for _, tt := range []struct {
		name      string
		got, want []string
	}{
		{"tool", Tool("A=b"), fixed(nil, path, "A=b")},
		{"go", Go("GOPROXY=off", "GOFLAGS=-mod=mod"), fixed(nil, path, "GOPROXY=off", "CGO_ENABLED=0", "GO111MODULE=on", "GOENV=off", "GOFLAGS=-mod=mod", "GOTOOLCHAIN=local", "GOWORK=off")},
		{"git", Git(), fixed(git, append(network, ssh)...)},
		{"own", Own(), fixed(network, ssh, "GOPROXY=direct", "GOENV=/e", "GIT_CONFIG_GLOBAL=/c", "RELEASE_PASS=TOKEN, GOARCH,GIT_DIR,CGO_CFLAGS", "DOCKER_CONFIG=/dc")},
	} {
		if !reflect.DeepEqual(tt.got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	if got := User("GOARCH=arm64"); !slices.Contains(got, "GOARCH=arm64") || slices.Contains(got, "GOARCH=mips") || !slices.Contains(got, "OTHER=o") {
		t.Errorf("user: got %q, want all, with GOARCH=arm64", got)
	}
}

// TestCommand: no environment is none, and not the user's.
func TestCommand(t *testing.T) {
	if cmd := Command(t.Context(), nil, "a", "b"); cmd.Env == nil || len(cmd.Env) != 0 || !reflect.DeepEqual(cmd.Args, []string{"a", "b"}) {
		t.Errorf("got environment %#v and arguments %q, want an empty one, a and b", cmd.Env, cmd.Args)
	}
}

// TestTable: each variable stands in it once, with its reason, and repository rules
// have the same.
func TestTable(t *testing.T) {
	var names []string
	for _, v := range table {
		if slices.Contains(names, v.name) || v.of == 0 || v.why == "" {
			t.Errorf("%+v: want each once, with a kind and a reason", v)
		}
		names = append(names, v.name)
	}
	file, err := os.ReadFile("../../../../release/sources/private/execute.bzl")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?s)\n_PASS = \[\n(.*?)\n\]\n`).FindSubmatch(file)
	if list == nil {
		t.Fatal("execute.bzl has no _PASS")
	}
	var theirs []string
	for _, m := range regexp.MustCompile(`(?m)^    "(.*)",$`).FindAllSubmatch(list[1], -1) {
		theirs = append(theirs, string(m[1]))
	}
	slices.Sort(names)
	slices.Sort(theirs)
	if !slices.Equal(names, theirs) {
		t.Errorf("execute.bzl passes %q, want %q", theirs, names)
	}
}

// goHome has the file that go env -w writes be this one, and returns it, and the go
// command of the tests.
func goHome(t *testing.T, file string) (command, name string) {
	t.Helper()
	command = proxytest.GoCommand(t)
	only(t, "PATH="+os.Getenv("PATH"), "HOME="+t.TempDir())
	dir, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	name = filepath.Join(dir, "go", "env")
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(file), 0o644)); err != nil {
		t.Fatal(err)
	}
	return command, name
}

func TestGoDownloads(t *testing.T) {
	broken := "GOPROXY=https://file.example|direct\nGOPRIVATE=private.example\nGOROOT=/nonexistent\nGOEXPERIMENT=nope\nGOFIPS140=nope\nGOPATH=relative\nGOARCH=nope\nGOFLAGS=-nope\n" +
		"GOTOOLCHAIN=go1.99.0\nGO111MODULE=off\nGOCACHE=off\nnonsense\n"
	for _, tt := range []struct {
		name, file string
		settings   []string
		want       map[string]string
	}{
		{"defaults", "", nil, map[string]string{"GOPRIVATE": "", "GOVCS": ""}},
		{"file", broken, nil, map[string]string{"GOPROXY": "https://file.example|direct", "GOPRIVATE": "private.example", "GONOPROXY": "private.example", "GONOSUMDB": "private.example"}},
		{"variables before file", broken, []string{"GOPROXY=https://variable.example", "GONOSUMDB=none", "GOVCS=*:all"}, map[string]string{"GOPROXY": "https://variable.example", "GONOSUMDB": "none", "GOVCS": "*:all", "GONOPROXY": "private.example"}},
		{"access", "", []string{"HTTPS_PROXY=http://p", "GIT_SSH=/ssh", "NETRC=/n"}, map[string]string{"HTTPS_PROXY": "http://p", "GIT_SSH": "/ssh", "NETRC": "/n", "GIT_CONFIG_GLOBAL": os.DevNull}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			command, file := goHome(t, tt.file)
			for _, s := range append(tt.settings, "GOARCH=mips", "GOFLAGS=-nope", "GOENVY=1") {
				name, value, _ := strings.Cut(s, "=")
				t.Setenv(name, value)
			}
			got, err := GoDownloads(t.Context(), command)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range tt.want {
				if got[name] != want {
					t.Errorf("%s: got %q, want %q", name, got[name], want)
				}
			}
			for _, name := range []string{"GOARCH", "GOFLAGS", "GOENV", "GOROOT", "GOPATH"} {
				if value, ok := got[name]; ok {
					t.Errorf("%s: got %q, want none", name, value)
				}
			}
			if dir, err := os.ReadDir(filepath.Dir(file)); err != nil || len(dir) != 1 {
				t.Errorf("got %v, %v beside the file of go env -w, want no telemetry", dir, err)
			}
			if list := List(got); !slices.IsSorted(list) || len(list) != len(got) {
				t.Errorf("got list %q of %d settings", list, len(got))
			}
		})
	}
	t.Run("another file", func(t *testing.T) {
		command, file := goHome(t, "GOPROXY=https://moved.example\n")
		moved := filepath.Join(t.TempDir(), "env")
		if err := errors.Join(os.Rename(file, moved), os.WriteFile(file, []byte(broken), 0o644)); err != nil {
			t.Fatal(err)
		}
		t.Setenv("GOENV", moved)
		if got, err := GoDownloads(t.Context(), command); err != nil || got["GOPROXY"] != "https://moved.example" {
			t.Errorf("got GOPROXY %q, %v, want that of the file that GOENV names", got["GOPROXY"], err)
		}
	})
	if _, err := GoDownloads(t.Context(), "/nonexistent/go"); err == nil || !strings.Contains(err.Error(), "asking the go command") {
		t.Errorf("without a go command: got %v", err)
	}
}

func TestGitAccess(t *testing.T) {
	gittest.Env(t)
	config := filepath.Join(t.TempDir(), "config")
	text := `[core]
	autocrlf = true
	sshCommand = ssh -v
[credential]
	helper =
	helper = store
[credential "https://example.com"]
	username = me
[http]
	sslVerify
	extraHeader = "A: b=c"
[url "ssh://git@example.com/"]
	insteadOf = https://example.com/
[safe]
	directory = *
	bareRepository = explicit
[protocol]
	allow = never
`
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CONFIG_GLOBAL", config)
	t.Setenv("GIT_CONFIG_COUNT", "3") // one of which is not there
	for i, key := range []string{"credential.helper", "fetch.prune"} {
		t.Setenv("GIT_CONFIG_KEY_"+string(rune('0'+i)), key)
		t.Setenv("GIT_CONFIG_VALUE_"+string(rune('0'+i)), "two\nlines")
	}
	access, err := GitAccess(t.Context(), "git")
	if err != nil {
		t.Fatal(err)
	}
	// What git itself makes of them, in a directory whose user has attributes and a configuration.
	cmd := Command(t.Context(), Git(access...), "git", "config", "--list", "-z")
	cmd.Dir = t.TempDir()
	out, err := output(cmd)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	want := []string{
		"core.attributesfile\n" + os.DevNull, "core.excludesfile\n" + os.DevNull, "core.sshcommand\nssh -v", "credential.helper\n", "credential.helper\nstore",
		"credential.https://example.com.username\nme", "http.sslverify\ntrue", "http.extraheader\nA: b=c", "url.ssh://git@example.com/.insteadof\nhttps://example.com/",
		"safe.directory\n*", "credential.helper\ntwo\nlines",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}

	if err := os.WriteFile(config, []byte("[nonsense\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := GitAccess(t.Context(), "git"); err == nil || !strings.Contains(err.Error(), "bad config line 1 in file "+config) {
		t.Errorf("broken configuration: got %v, want its file and line", err)
	}
}
