package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/testing/archivetest"
)

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"chart": main, "list": list})
}

// list lists an archive for the scripts.
func list() {
	lines, err := archivetest.ListFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(strings.Join(lines, "\n"))
}

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
	})
}

func TestExitStatus(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want int
	}{
		{nil, cli.Usage},
		{[]string{"help"}, cli.OK},
		{[]string{"push"}, cli.Usage},
		{[]string{"package", "--no-such-flag"}, cli.Usage},
		{[]string{"yaml", "--file", "none.yaml", "--out", "x"}, cli.Usage},
		{[]string{"yaml", "--file", "none.yaml", "--values", "none.json", "--out", "x", "y"}, cli.Usage},
		{[]string{"yaml", "--file", "none.yaml", "--values", "none.json", "--out", "x"}, cli.Failure},
		{[]string{"package", "--spec", "none.json", "--mtime", "yesterday", "--out", "x"}, cli.Failure},
	} {
		if got := run(t.Context(), tt.args, io.Discard, io.Discard); got != tt.want {
			t.Errorf("chart %q: got exit status %d, want %d", tt.args, got, tt.want)
		}
	}
}
