package proxytest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// worldKey is the key of a script's proxy among its values.
type worldKey struct{}

type world struct {
	proxy  *Proxy
	server *Server
}

// ScriptSetup gives a script a proxy with the modules of a txtar archive and those below
// $WORK/mod. GOPROXY and PROXY are its URL, RELEASE_STORE is a store that does not exist
// yet, and the go command of GoCommand is the first on PATH.
func ScriptSetup(env *testscript.Env, archive string) {
	t := env.T().(testing.TB)
	modules := Txtar(t, archive)
	Directory(t, filepath.Join(env.WorkDir, "mod"), modules)
	p := New(t, modules)
	w := &world{p, p.Serve()}
	env.Values[worldKey{}] = w
	for name, value := range Environ(filepath.Join(env.WorkDir, ".go"), w.server.URL) {
		env.Setenv(name, value)
	}
	env.Setenv("PATH", filepath.Dir(GoCommand(t))+string(os.PathListSeparator)+env.Getenv("PATH"))
	env.Setenv("PROXY", w.server.URL)
	env.Setenv("RELEASE_STORE", filepath.Join(env.WorkDir, "store"))
}

// ScriptProxy returns the proxy that ScriptSetup made.
func ScriptProxy(ts *testscript.TestScript) *Proxy { return ts.Value(worldKey{}).(*world).proxy }

// ScriptCommands returns commands for scripts that use ScriptSetup:
//
//	[!] requests                       was the proxy asked since the last time?
//	gosum directory                    write the go.sum that belongs to the go.mod there
//	alter store|proxy module@version   add a file to a module's zip
func ScriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){"requests": requests, "gosum": goSum, "alter": alter}
}

func requests(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) > 0 {
		ts.Fatalf("usage: [!] requests")
	}
	asked := ts.Value(worldKey{}).(*world).server.Requests()
	if (len(asked) > 0) == neg {
		ts.Fatalf("the proxy was asked for %q", asked)
	}
}

func goSum(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: gosum directory")
	}
	dir := ts.MkAbs(args[0])
	data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(dir, "go.sum"), []byte(ScriptProxy(ts).GoSum(string(data))), 0o644))
}

func alter(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 || args[0] != "store" && args[0] != "proxy" {
		ts.Fatalf("usage: alter store|proxy module@version")
	}
	dir := ScriptProxy(ts).Dir
	if args[0] == "store" {
		dir = filepath.Join(ts.MkAbs(ts.Getenv("RELEASE_STORE")), "goproxy")
	}
	name, err := File(dir, args[1], ".zip")
	ts.Check(err)
	ts.Check(Alter(name))
}

// Plant writes files below dir.
func Plant(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for path, data := range files {
		name := filepath.Join(dir, filepath.FromSlash(path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(data), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}
