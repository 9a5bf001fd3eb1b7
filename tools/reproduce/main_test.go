package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/scripttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){name: main})
}

// fakeBazel is a tools/bazel whose release is the workspace's directory files, and
// the line that it builds. PROGRAMS is what //release:rebuild writes. LEAK is a command that adds to that.
// REMOTE is the hash of what an action gives with a remote, instead of a: one letter, as lengths are in octal.
const fakeBazel = `#!/bin/sh
set -e
base=${1#--output_base=}
shift 2
echo "$@" | sed "s,--sandbox_base=[^ ]*,--sandbox_base=…," >>"$LOG"
case $1 in
build)
	echo "sandboxes ${RELEASE_SANDBOX_BASE:-anywhere}" >>"$LOG"
	mkdir -p "$base/server"
	case "$*" in *--config=airgap*) [ -z "$NO_STORE" ] || { echo "ERROR: the store lacks something" >&2; exit 1; } ;; esac
	case "$*" in *--nobuild*) exit 0 ;; esac
	echo "[1 / 2] building" >&2
	[ ! -e user.bazelrc ] || echo "settings for $*" | sed 's/--exec.*//' >>"$LOG"
	runner=local hash=a
	case "$*" in *--config=remote*) runner=cache hash=$REMOTE ;; esac
	for arg; do
		case $arg in --execution_log_binary_file=*)
			printf '\041\122\004Pack\222\001\003//x\142\005%s\132\014\012\005o.txt\022\003\012\001%s' "$runner" "$hash" >"${arg#*=}"
			;;
		esac
	done
	all=bazel-bin/release/all
	mkdir -p "$all"
	cp -R files/. "$all"
	cp manifests/demo/manifest.yaml manifests/demo/lock.json "$all"
	(cd "$all" && eval "$LEAK")
	[ -z "$HANG" ] || { echo hanging >>"$LOG"; sleep 60 & trap 'kill $!; exit 8' INT; wait; }
	(cd "$all" && find . -type f ! -name SHA256SUMS | sed 's,^\./,,' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)
	;;
run)
	while [ "$1" != --json ]; do shift; done
	printf '%s' "${PROGRAMS:-[]}" >"$2"
	case "$PROGRAMS" in *false*) exit 1 ;; esac
	;;
shutdown) rm -r "$base/server" ;;
esac
`

func TestScript(t *testing.T) {
	scripttest.Run(t, testscript.Params{
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"release": makeRelease, "status": status, "empty": empty,
		},
		Setup: func(env *testscript.Env) error {
			env.Values[tbKey{}] = env.T().(testing.TB)
			for name, value := range world(env.WorkDir) {
				env.Setenv(name, value)
			}
			return makeWorkspace(filepath.Join(env.WorkDir, "workspace"))
		},
	})
}

type tbKey struct{}

// world is the environment of a test whose directory is dir.
func world(dir string) map[string]string {
	return map[string]string{
		"HOME": filepath.Join(dir, "home"), "XDG_STATE_HOME": filepath.Join(dir, "state"), "RELEASE_CACHE": filepath.Join(dir, "cache"),
		"BUILD_WORKSPACE_DIRECTORY": filepath.Join(dir, "workspace"), "BUILD_WORKING_DIRECTORY": dir, "LOG": filepath.Join(dir, "log"),
		"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1",
	}
}

// makeWorkspace makes a git repository with the fake Bazel.
func makeWorkspace(dir string) error {
	for name, text := range map[string]string{
		"tools/bazel": fakeBazel, "files/a.txt": "a\n", "files/docs/b.txt": "b\n",
		"manifests/demo/manifest.yaml": "version: 0.0.1\n", "manifests/demo/lock.json": "{}\n", ".gitignore": "bazel-*\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(filepath.Dir(dir), "cache"), 0o755); err != nil {
		return err
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=x", "-c", "user.email=x@x.invalid", "commit", "-q", "-m", "x"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if err := cmd.Run(); err != nil {
			return err
		}
	}
	return nil
}

// makeRelease publishes a release with what the workspace has: "release FOLDER".
func makeRelease(ts *testscript.TestScript, _ bool, args []string) {
	dir := releasetest.Make(ts.Value(tbKey{}).(testing.TB), releasetest.Args{Files: map[string]string{"a.txt": "a\n", "docs/b.txt": "b\n"}})
	ts.Check(os.Rename(dir, ts.MkAbs(args[0])))
}

// status runs a command that has to end with the status: "status N COMMAND…".
func status(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if exit, ok := err.(*exec.ExitError); ok {
		got = exit.Error()[len("exit status "):]
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != args[0] {
		ts.Fatalf("got exit status %s, want %s", got, args[0])
	}
}

// empty fails the script unless a directory has no files: "empty FOLDER".
func empty(ts *testscript.TestScript, _ bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(entries) > 0 {
		ts.Fatalf("%s has %v", args[0], entries)
	}
}

// TestInterrupt interrupts a build: the server is shut down, and nothing is left.
func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	if err := makeWorkspace(filepath.Join(dir, "workspace")); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := filepath.Join(dir, name) // testscript.Main goes by the name
	if err := os.Symlink(self, command); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), command, "--line=demo")
	cmd.Env = append(os.Environ(), "HANG=1")
	for n, v := range world(dir) {
		cmd.Env = append(cmd.Env, n+"="+v)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "log")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if text, _ := os.ReadFile(log); strings.Contains(string(text), "hanging") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the build never began:\n%s", stderr.String())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v, want exit status 1", err)
	}
	if !strings.Contains(stderr.String(), "reproduce: error: the first build: interrupt") {
		t.Errorf("got\n%s", stderr.String())
	}
	if text, _ := os.ReadFile(log); !strings.HasSuffix(string(text), "hanging\nshutdown\n") {
		t.Errorf("got calls\n%s, want a shutdown at the end", text)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "cache")); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v left", left, err)
	}
}
