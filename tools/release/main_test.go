package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/scripttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"release": main})
}

type tbKey struct{}

// TestScript runs the scripts. "make DIRECTORY VERSION" makes a release.
func TestScript(t *testing.T) {
	scripttest.Run(t, testscript.Params{
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"make": makeRelease},
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Values[tbKey{}] = env.T().(testing.TB)
			return nil
		},
	})
}

func makeRelease(ts *testscript.TestScript, _ bool, args []string) {
	tb := ts.Value(tbKey{}).(testing.TB)
	dir := releasetest.Make(tb, releasetest.Args{
		Version: args[1], Files: map[string]string{"demo-" + args[1] + ".tar.gz": "demo"}, Images: []string{"app"}, Charts: []string{"web"},
	})
	ts.Check(os.Rename(dir, ts.MkAbs(args[0])))
}

// TestHelp checks that the help of each verb fits a screen of 50 lines and 100 columns.
func TestHelp(t *testing.T) {
	for _, v := range verbs {
		var help strings.Builder
		if status := run(t.Context(), []string{v.name, "--help"}, &strings.Builder{}, &help); status != cli.OK {
			t.Errorf("%s --help: got status %d", v.name, status)
		}
		lines := strings.Split(strings.TrimSpace(help.String()), "\n")
		if len(lines) < 2 || len(lines) > 50 {
			t.Errorf("%s --help: got %d lines, want 2 to 50", v.name, len(lines))
		}
		for _, line := range lines {
			if utf8.RuneCountInString(line) > 100 {
				t.Errorf("%s --help: got %q, want at most 100 columns", v.name, line)
			}
		}
	}
}
