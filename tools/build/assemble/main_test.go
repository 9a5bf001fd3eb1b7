package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/scripttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"assemble": main, "program": program})
}

func TestScript(t *testing.T) {
	scripttest.Run(t, testscript.Params{
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"lock": writeLock, "empty": empty, "fifo": fifo},
	})
}

// program is a built program whose output a release has.
func program() {
	switch verb := strings.Join(os.Args[1:], " "); verb {
	case "env":
		env := os.Environ()
		slices.Sort(env)
		for _, e := range env {
			if dir, ok := strings.CutPrefix(e, "HOME="); ok {
				entries, err := os.ReadDir(dir)
				e = fmt.Sprintf("HOME with %d files, %v", len(entries), err)
				if err := os.WriteFile(dir+"/.programrc", nil, 0o644); err != nil {
					e = err.Error()
				}
			}
			fmt.Println(e)
		}
	case "fail":
		fmt.Println("half of it")
		fmt.Fprintln(os.Stderr, "program: it went wrong")
		os.Exit(3)
	case "nothing":
	default:
		fmt.Println("completions:", verb)
		fmt.Fprintln(os.Stderr, "chatter")
	}
}

// writeLock writes a lock that was made from a manifest: "lock manifest lock",
// with the pins name=path@version.
func writeLock(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: lock manifest lock name=path@version...")
	}
	l := &lock.Lock{
		Schema: lock.Schema, Manifest: digest.FromBytes([]byte(ts.ReadFile(args[0]))), Version: "1.0.0", Product: "toolbox",
		Platforms: []string{"linux-amd64"}, Architectures: []string{"linux/amd64"},
		Time: time.Unix(0, 0).UTC(),
	}
	for i, pin := range args[2:] {
		name, module, _ := strings.Cut(pin, "=")
		d := lock.Dependency{Name: name, Primary: i == 0, Digest: "h1:x"}
		if path, version, ok := strings.Cut(module, "@"); ok {
			d.Module = &lock.Module{Path: path, Version: version}
		} else {
			d.Local, d.Digest = &lock.Local{Path: module}, string(digest.FromBytes(nil))
		}
		l.Dependencies = append(l.Dependencies, d)
	}
	slices.SortFunc(l.Dependencies, func(a, b lock.Dependency) int { return strings.Compare(a.Name, b.Name) })
	l.Seal()
	ts.Check(jsonfile.Write(ts.MkAbs(args[1]), l))
}

// empty fails the script unless a directory has no files: "empty directory".
func empty(ts *testscript.TestScript, _ bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(entries) > 0 {
		ts.Fatalf("%s has %v", args[0], entries)
	}
}

func TestExitStatus(t *testing.T) {
	scripttest.Exits(t, run, []scripttest.Exit{
		{Want: cli.Usage},
		{Args: []string{"build"}, Want: cli.Usage},
		{Args: []string{"-no-such-flag"}, Want: cli.Usage},
		{Args: []string{"manifest", "-no-such-flag"}, Want: cli.Usage},
		{Args: []string{"manifest"}, Want: cli.Usage},
		{Args: []string{"capture", "--", "true"}, Want: cli.Usage},
		{Args: []string{"-help"}, Want: cli.OK},
		{Args: []string{"tree", "-help"}, Want: cli.OK},
		{Args: []string{"capture", "--out", "none/x"}, Want: cli.Failure},
		{Args: []string{"tree", "--entries", "none.json", "--out", "none/x"}, Want: cli.Failure},
	})
}
