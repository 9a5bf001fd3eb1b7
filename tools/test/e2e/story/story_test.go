// Package story_test lives with a line for a year: it releases, patches, promotes,
// loses machines and cleans up, with the commands that the documentation has, in
// clones of this repository, with a Bazel of its own. testdata/year.txtar is the
// story; all that it needs is on this machine, and nothing leaves the loopback
// interface.
//
// `tools/bazel test //tools/test/e2e/story:all --test_output=all` tells it.
package story_test

import (
	"flag"
	"fmt"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the states in testdata")

func TestStory(t *testing.T) {
	w := newWorld(t)
	if otherZip == "" {
		t.Run("another SDK", func(t *testing.T) {
			t.Skipf("go mod download golang.org/toolchain@v0.0.1-go%s.linux-amd64 has not been run", otherSDK)
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
