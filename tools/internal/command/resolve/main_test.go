package resolve

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/scripttest"
)

var (
	modulesFile   = filepath.Join("testdata", "modules.txtar")
	workspaceFile = filepath.Join("testdata", "workspace.txtar")
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"resolve": func() { cli.Main(Run) }})
}

// TestScript runs the scripts, each with a workspace in $WORK/ws, an empty store
// and a module proxy of its own.
func TestScript(t *testing.T) {
	scripttest.Run(t, testscript.Params{
		Cmds: proxytest.ScriptCommands(),
		Setup: func(env *testscript.Env) error {
			ws := filepath.Join(env.WorkDir, "ws")
			t := env.T().(testing.TB)
			proxytest.Plant(t, ws, proxytest.Txtar(t, workspaceFile))
			proxytest.ScriptSetup(env, modulesFile)
			env.Setenv("BUILD_WORKSPACE_DIRECTORY", ws)
			env.Setenv("BUILD_WORKING_DIRECTORY", env.WorkDir)
			return nil
		},
	})
}
