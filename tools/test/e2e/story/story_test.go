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
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the states in testdata")

func TestMain(m *testing.M) {
	if os.Getenv("STORY_WORKSPACE") == "" {
		fmt.Println("story: no workspace to build in: STORY_WORKSPACE is not set; tools/bazel test //tools/test/e2e/story:all sets it")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestStory(t *testing.T) {
	if otherZip == "" {
		t.Logf("go mod download golang.org/toolchain@v0.0.1-go%s.linux-amd64 has not been run: the story does not change its SDK", otherSDK)
	}
	w := newWorld(t)
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
