package reproduce

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

func TestParseVariations(t *testing.T) {
	for _, tt := range []struct{ list, want string }{
		{"all", joined(All())},
		{"none", ""},
		{"tz", "tz"},
		{"umask, path", "path,umask"},
		{"all,-clock,-cpus", "path,output-base,home,user,host,tz,lang,umask,jobs,env,dirorder,disk-cache"},
		{"-path", strings.TrimPrefix(joined(All()), "path,")},
		{"none,tz", "tz"},
		{"tz,-tz", ""},
	} {
		got, err := ParseVariations(tt.list)
		if err != nil || joined(got) != tt.want {
			t.Errorf("%q: got %q, %v, want %q", tt.list, joined(got), err, tt.want)
		}
	}
	for _, list := range []string{"", "moon", "tz,", "--tz", "-none", "TZ"} {
		if got, err := ParseVariations(list); err == nil {
			t.Errorf("%q: got %q, want an error", list, got)
		}
	}
}

// TestWorlds asks programs in both worlds what they see.
func TestWorlds(t *testing.T) {
	root := scratch(t)
	environ := append(os.Environ(), "BUILD_WORKSPACE_DIRECTORY=/x", "RUNFILES_DIR=/x", "KEPT=yes", "LC_TIME=C")
	w, err := NewWorlds(t.Context(), WorldsArgs{Root: root, Vary: All(), Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(w *World) string {
		if err := errors.Join(w.prepare(), os.MkdirAll(w.Dir, 0o755)); err != nil {
			t.Fatal(err)
		}
		cmd, err := w.Command(t.Context(), "sh", "-c", `id -u; id -g; hostname; umask; pwd; echo "$HOME $TMPDIR $TZ $LC_ALL ${KEPT-} ${BUILD_WORKSPACE_DIRECTORY-none} ${RUNFILES_DIR-none} ${LC_TIME-none}"; grep Cpus_allowed_list /proc/self/status; grep -E '^Cap(Eff|Amb)' /proc/self/status; id -un; touch "$HOME/file"; exit 3`)
		if err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		out, err := cmd.CombinedOutput()
		if !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("%s: got %v, want the command's own exit status 3\n%s", w.Name, err, out)
		}
		return string(out)
	}
	first, second := ask(w.First), ask(w.Second)
	t.Logf("%s\n%s", first, second)
	for what, want := range map[Variation]string{
		User: "23456\n23456\n", Host: "\nfarawayhost\n", Umask: "\n0077\n", Path: "\n" + w.Second.Dir + "\n",
		Home: w.Second.Home + " " + w.Second.Temp + " ", TZ: " Pacific/Kiritimati ", Lang: " tr_TR.UTF-8 ", Clock: "yes none none none\n",
	} {
		if !w.Made(what) && what != Clock {
			t.Run(string(what), func(t *testing.T) { readers.Require(t, "variation-"+string(what), false) })
			continue
		}
		if !strings.Contains(second, want) {
			t.Errorf("%s: got\n%s\nwant %q", what, second, want)
		}
		if what != Clock && strings.Contains(first, want) {
			t.Errorf("%s: the first world has %q too", what, want)
		}
	}
	if w.Made(User) && (!strings.Contains(second, "CapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n"+otherUser+"\n")) {
		t.Errorf("got\n%s\nwant no capabilities, and the other user's name", second)
	}
	if err := errors.Join(w.First.remove(), w.Second.remove()); err != nil {
		t.Error(err)
	}
}

// TestNotVaried makes two worlds that are alike.
func TestNotVaried(t *testing.T) {
	w, err := NewWorlds(t.Context(), WorldsArgs{Root: t.TempDir(), Environ: []string{"PATH=/bin", "A=b"}})
	if err != nil {
		t.Fatal(err)
	}
	if w.First.Dir != w.Second.Dir || w.First.Jobs != w.Second.Jobs || !slices.Equal(w.First.Environ, w.Second.Environ) || !w.Second.view.empty() {
		t.Errorf("got %+v and %+v", w.First, w.Second)
	}
	for _, s := range w.Status {
		if s.Made || s.Why != notAsked {
			t.Errorf("got %+v, want it not asked for", s)
		}
	}
}

// TestClone clones a workspace with changes in it.
func TestClone(t *testing.T) {
	source := sources(t)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(source, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("README.md", "untracked\n")
	write("LICENSE", "changed \x00 binary\n")
	if err := os.Remove(filepath.Join(source, "share", "a0.txt")); err != nil {
		t.Fatal(err)
	}
	for _, reorder := range []bool{false, true} {
		w := &World{Dir: filepath.Join(t.TempDir(), "deep", "clone"), Environ: os.Environ(), Reorder: reorder}
		changed, err := Clone(t.Context(), source, w)
		if err != nil || !slices.Equal(changed, []string{"LICENSE", "share/a0.txt"}) {
			t.Errorf("got %q, %v", changed, err)
		}
		if got, err := os.ReadFile(filepath.Join(w.Dir, "LICENSE")); err != nil || string(got) != "changed \x00 binary\n" {
			t.Errorf("got %q, %v", got, err)
		}
		for _, name := range []string{"README.md", "share/a0.txt"} {
			if _, err := os.Stat(filepath.Join(w.Dir, name)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is in the clone: %v", name, err)
			}
		}
		if info, err := os.Stat(filepath.Join(w.Dir, "complete.sh")); err != nil || info.Mode().Perm()&0o100 == 0 {
			t.Errorf("got %v, %v, want an executable file", info, err)
		}
		status, err := git(t.Context(), w.Dir, "status", "--porcelain")
		if want := " M LICENSE\n D share/a0.txt\n"; err != nil || string(status) != want {
			t.Errorf("got status %q, %v, want %q", status, err, want)
		}
	}
	if _, err := Clone(t.Context(), t.TempDir(), &World{Dir: filepath.Join(t.TempDir(), "x"), Environ: os.Environ()}); err == nil || !strings.Contains(err.Error(), "running git rev-parse") {
		t.Errorf("no repository: got %v", err)
	}
}

func TestRemoveAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"a/b", "a", ""} {
		if err := os.Chmod(filepath.Join(dir, d), 0o500); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeAll(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
}

func TestProgress(t *testing.T) {
	var log bytes.Buffer
	var lines []string
	p := &progressWriter{w: &log, name: "first", linef: func(format string, args ...any) { lines = append(lines, format) }}
	for _, s := range []string{"Analyzing: x\n", "[1 / 2", "0] Compiling\n", strings.Repeat("x", 1<<20), "\n[2 / 20] y\n"} {
		if n, err := p.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	}
	if p.last != "2 of 20 actions" || len(lines) == 0 || len(p.line) > 4096 {
		t.Errorf("got %q after %d lines", p.last, len(lines))
	}
	if !strings.HasSuffix(log.String(), "[2 / 20] y\n") {
		t.Error("the log lacks something")
	}
}
