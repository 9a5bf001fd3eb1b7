package main

import (
	"flag"
	"io"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"package": main})
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
		{[]string{"-no-such-flag"}, cli.Usage},
		{[]string{"-help"}, cli.OK},
		{[]string{"-spec", "none.json", "-out", "x", "-sha256", "x.sha256"}, cli.Failure},
	} {
		if got := run(t.Context(), tt.args, io.Discard, io.Discard); got != tt.want {
			t.Errorf("package %q: got exit status %d, want %d", tt.args, got, tt.want)
		}
	}
}
