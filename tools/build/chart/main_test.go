package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/testing/scripttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"chart": main, "list": scripttest.List})
}

func TestScript(t *testing.T) {
	scripttest.Run(t, testscript.Params{})
}

func TestExitStatus(t *testing.T) {
	scripttest.Exits(t, run, []scripttest.Exit{
		{Want: cli.Usage},
		{Args: []string{"-help"}, Want: cli.OK},
		{Args: []string{"push"}, Want: cli.Usage},
		{Args: []string{"package", "--no-such-flag"}, Want: cli.Usage},
		{Args: []string{"yaml", "--file", "none.yaml", "--out", "x"}, Want: cli.Usage},
		{Args: []string{"yaml", "--file", "none.yaml", "--values", "none.json", "--out", "x", "y"}, Want: cli.Usage},
		{Args: []string{"yaml", "--file", "none.yaml", "--values", "none.json", "--out", "x"}, Want: cli.Failure},
		{Args: []string{"package", "--spec", "none.json", "--mtime", "yesterday", "--out", "x"}, Want: cli.Usage},
	})
}
