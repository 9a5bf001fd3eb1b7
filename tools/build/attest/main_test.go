package main

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"attest": main})
}

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup:               func(env *testscript.Env) error { return jsonfile.Write(filepath.Join(env.WorkDir, "lock.json"), testLock()) },
	})
}

// testLock pins one module.
func testLock() *lock.Lock {
	stamp := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	l := &lock.Lock{
		Schema: lock.Schema, Manifest: digest.FromBytes(nil), Version: "1.0.0", Product: "b",
		Platforms: []string{"linux-amd64"}, Architectures: []string{"linux/amd64"}, Time: stamp,
		Dependencies: []lock.Dependency{
			{Name: "b", Primary: true, Module: &lock.Module{Path: "example.com/b", Version: "v1.0.0"}, Digest: "h1:x", Time: stamp},
		},
	}
	l.Seal()
	return l
}
