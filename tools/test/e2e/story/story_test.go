// Package story_test uses a line for a year: it releases, patches, promotes, loses machines
// and cleans up. It runs the documented commands in clones of this repository, with its own
// Bazel. testdata/year.txtar is the story. It uses only files of this machine and the loopback
// interface.
//
// `tools/bazel test //tools/test/e2e/story:all --test_output=all` runs it with its output.
package story_test

import (
	"flag"
	"fmt"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the states in testdata")

func TestStory(t *testing.T) {
	w := newWorld(t)
	if otherZip == "" {
		t.Run("another SDK", func(t *testing.T) {
			readers.Require(t, "golang.org/toolchain@v0.0.1-go"+otherSDK+".linux-amd64", false)
		})
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup:               w.setup,
		Condition: func(name string) (bool, error) {
			if name != "sdk" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			return otherZip != "", nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"clone":     w.clone,
			"commit":    w.commit,
			"executed":  executed,
			"interrupt": w.interrupt,
			"crash":     w.crash,
			"machine":   w.machine,
			"sdk":       w.sdk,
			"stall":     w.stall,
			"state":     w.state,
		},
	})
}
