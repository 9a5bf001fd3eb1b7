// Package scripttest has what the tests of commands share: scripts, and exit statuses.
package scripttest

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/testing/archivetest"
)

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

// Run runs the scripts in testdata/script. Of p, what is not set has a default.
func Run(t *testing.T, p testscript.Params) {
	t.Helper()
	p.Dir, p.RequireExplicitExec, p.RequireUniqueNames, p.UpdateScripts = "testdata/script", true, true, *update
	testscript.Run(t, p)
}

// List is a command of scripts that lists an archive.
func List() {
	lines, err := archivetest.ListFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(strings.Join(lines, "\n"))
}

// An Exit is a command line, and the exit status that it has to have.
type Exit struct {
	Args []string
	Want int
}

// Exits checks the exit statuses of a command.
func Exits(t *testing.T, run func(ctx context.Context, args []string, stdout, stderr io.Writer) int, all []Exit) {
	t.Helper()
	for _, e := range all {
		if got := run(t.Context(), e.Args, io.Discard, io.Discard); got != e.Want {
			t.Errorf("%q: got exit status %d, want %d", e.Args, got, e.Want)
		}
	}
}
