package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/testing/scripttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pack": main, "list": scripttest.List})
}

func TestScript(t *testing.T) {
	scripttest.Run(t, testscript.Params{})
}

func TestExitStatus(t *testing.T) {
	scripttest.Exits(t, run, []scripttest.Exit{
		{Want: cli.Usage},
		{Args: []string{"-no-such-flag"}, Want: cli.Usage},
		{Args: []string{"-help"}, Want: cli.OK},
		{Args: []string{"-format", "zip", "-entries", "none.json", "-mtime", "0", "-out", "x"}, Want: cli.Failure},
	})
}
