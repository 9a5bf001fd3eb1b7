package main

import (
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buildinfotest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/scripttest"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"attest": main}) }

func TestScript(t *testing.T) {
	scripttest.Run(t, testscript.Params{
		Setup: func(env *testscript.Env) error {
			return jsonfile.Write(filepath.Join(env.WorkDir, "lock.json"), testLock())
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"lock": writeLock, "image": writeImage,
			"program": func(ts *testscript.TestScript, _ bool, args []string) { writeProgram(t, ts, args) },
		},
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

// writeLock writes the lock of a source example.com/tool: "lock FILE ALLOWED…".
func writeLock(ts *testscript.TestScript, _ bool, args []string) {
	const h1 = "h1:Khu2En+0gcYPZ2kuIihfswbzxv/mIHXgzPZ018Oty48="
	stamp := time.Unix(1_700_000_000, 0).UTC()
	l := &lock.Lock{
		Schema: lock.Schema, Manifest: digest.FromBytes(nil), Version: "1.0.0", Product: "tool", Platforms: []string{"linux-amd64"},
		Architectures: []string{"linux/amd64"}, Time: stamp, Licenses: &lock.Licenses{Allow: args[1:]},
		Dependencies: []lock.Dependency{{
			Name: "tool", Primary: true, Module: &lock.Module{Path: "example.com/tool", Version: "v1.0.0"}, Digest: h1, Time: stamp,
			GoModules: []lock.GoModule{{Path: "example.com/a", Version: "v1.0.0", Sum: h1}},
		}},
	}
	l.Seal()
	ts.Check(jsonfile.Write(ts.MkAbs(args[0]), l))
}

// writeProgram writes a program of example.com/tool: "program FILE MODULE@VERSION…".
func writeProgram(t *testing.T, ts *testscript.TestScript, args []string) {
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Path: "example.com/tool", Main: debug.Module{Path: "example.com/tool", Version: "v1.0.0"}}
	for _, dep := range args[1:] {
		path, version, _ := strings.Cut(dep, "@")
		info.Deps = append(info.Deps, &debug.Module{Path: path, Version: version})
	}
	buildinfotest.Write(t, ts.MkAbs(args[0]), info)
}

// writeImage writes an empty image for linux/amd64 as a layout: "image DIRECTORY".
func writeImage(ts *testscript.TestScript, _ bool, args []string) {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{
		Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}},
	})
	p, err := layout.Write(ts.MkAbs(args[0]), empty.Index)
	ts.Check(err)
	ts.Check(p.AppendIndex(index))
}

func TestExitStatus(t *testing.T) {
	scripttest.Exits(t, run, []scripttest.Exit{
		{Want: cli.Usage},
		{Args: []string{"sign"}, Want: cli.Usage},
		{Args: []string{"-no-such-flag"}, Want: cli.Usage},
		{Args: []string{"licenses"}, Want: cli.Usage},
		{Args: []string{"vex", "--out", "x", "more"}, Want: cli.Usage},
		{Args: []string{"-help"}, Want: cli.OK},
		{Args: []string{"provenance", "-help"}, Want: cli.OK},
		{Args: []string{"licenses", "--artifacts", "none.json", "--sources", "x", "--lock", "x", "--document", "x", "--out", "none/x"}, Want: cli.Failure},
		{Args: []string{"provenance", "--artifacts", "none.json", "--lock", "x", "--line", "x", "--out", "none/x"}, Want: cli.Failure},
		{Args: []string{"sbom", "--artifacts", "none.json", "--lock", "x", "--documents", "x"}, Want: cli.Failure},
		{Args: []string{"vex", "--artifacts", "none.json", "--statements", "x", "--lock", "x", "--out", "none/x"}, Want: cli.Failure},
	})
}
