package bundle

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/scripttest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/storetest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bundle": func() { cli.Main(Run) }})
}

// TestScript runs the scripts, each with a workspace in $WORK/ws and a store, a root
// directory and modules.txt beside it. "flip FILE OFFSET" flips a bit in a file.
func TestScript(t *testing.T) {
	scripttest.Run(t, testscript.Params{
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"flip": flip},
		Setup: func(env *testscript.Env) error {
			env.Setenv("BUILD_WORKSPACE_DIRECTORY", filepath.Join(env.WorkDir, "ws"))
			env.Setenv("BUILD_WORKING_DIRECTORY", env.WorkDir)
			env.Setenv("RELEASE_STORE", filepath.Join(env.WorkDir, "store"))
			env.Setenv("RELEASE_ROOT", filepath.Join(env.WorkDir, "bazel-7.7.1-0123456789abcdef"))
			return plant(env.WorkDir)
		},
	})
}

// flip flips the lowest bit of the byte at an offset; one that begins with a minus
// sign counts from the end.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	name := ts.MkAbs(args[0])
	data, err := os.ReadFile(name)
	ts.Check(err)
	var at int
	_, err = fmt.Sscan(args[1], &at)
	ts.Check(err)
	if at < 0 {
		at += len(data)
	}
	data[at] ^= 1
	ts.Check(os.WriteFile(name, data, 0o644))
}

// plant makes a workspace with the lines demo and next, and a store that serves both.
func plant(dir string) error {
	s, err := store.Open(filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	p := &planter{dir: dir, store: s}
	rules, lib, app := p.module(rules, "v0.65.0"), p.module("example.com/lib", "v0.1.0"), p.module("example.com/app", "v1.0.0")
	later := p.module("example.com/app", "v1.1.0")
	archives := map[string]lock.Archive{"linux_amd64": {Sum: "h1:sdk", SHA256: p.blob("the Go SDK")}, "linux_arm64": {Sum: "h1:arm", SHA256: digest.FromBytes([]byte("not in the store"))}}
	sdk := lock.GoSDK{Version: "1.26.8", Archives: archives}
	for name, m := range map[string]lock.GoModule{"demo": app, "next": later} {
		l := &lock.Lock{Schema: lock.Schema, Manifest: digest.FromBytes(nil), Version: m.Version[1:], Product: name, Time: time.Unix(1e9, 0).UTC(),
			Platforms: []string{"linux-amd64"}, Architectures: []string{"linux/amd64"},
			Toolchain: lock.Toolchain{Bazel: "7.7.1", Go: sdk, RulesGo: rules},
			Dependencies: []lock.Dependency{{Name: "app", Primary: true, Module: &lock.Module{Path: m.Path, Version: m.Version}, Digest: m.Sum,
				Time: time.Unix(1e9, 0).UTC(), GoModules: []lock.GoModule{lib}}},
			Files: []lock.File{{Name: "tool", URL: "test://tool", Digest: p.blob("a tool"), Size: 6}},
		}
		l.Seal()
		p.json("ws/manifests/"+name+"/lock.json", l)
	}
	p.json("ws/release/sources/go_sdk.json", sdk)
	goMod := "module example.com/ws\n\ngo 1.26.0\n\nrequire (\n"
	sums, vendored := "", ""
	for _, m := range []lock.GoModule{lib, rules} {
		goMod += "\t" + m.Path + " " + m.Version + "\n"
		sums += fmt.Sprintf("%s %s %s\n%s %s/go.mod %s\n", m.Path, m.Version, m.Sum, m.Path, m.Version, m.GoModSum)
		vendored += "# " + m.Path + " " + m.Version + "\n## explicit\n"
	}
	p.write("ws/go.mod", goMod+")\n")
	p.write("ws/go.sum", sums)
	p.write("modules.txt", vendored) // no package of either: lib's content is only for demo
	for name, text := range map[string]string{"etc/hosts": "", "usr/bin/bwrap": "x", "root.packages.json": "{}\n"} {
		p.write("bazel-7.7.1-0123456789abcdef/"+name, text)
	}
	return errors.Join(p.errs...)
}

type planter struct {
	dir   string
	store *store.Store
	errs  []error
}

func (p *planter) write(name, text string) {
	name = filepath.Join(p.dir, filepath.FromSlash(name))
	p.errs = append(p.errs, os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644))
}

func (p *planter) json(name string, v any) {
	data, err := jsonfile.Marshal(v)
	p.errs = append(p.errs, err)
	p.write(name, string(data))
}

func (p *planter) blob(text string) digest.Digest {
	d, err := storetest.Blob(p.store, text)
	p.errs = append(p.errs, err)
	return d
}

func (p *planter) module(path, version string) lock.GoModule {
	m, err := storetest.Module(p.store, path, version)
	p.errs = append(p.errs, err)
	return m
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want int
	}{
		{[]string{"-help"}, cli.OK},
		{nil, cli.Usage},
		{[]string{"unpack"}, cli.Usage},
		{[]string{"pack"}, cli.Usage},
		{[]string{"pack", "--out", "b.tar", "extra"}, cli.Usage},
		{[]string{"pack", "--line", ""}, cli.Usage},
		{[]string{"pack", "-help"}, cli.OK},
		{[]string{"verify"}, cli.Usage},
		{[]string{"verify", "a", "b"}, cli.Usage},
		{[]string{"list", "--no-such-flag"}, cli.Usage},
		{[]string{"list", "/none"}, cli.Failure},
		{[]string{"verify", "/none"}, cli.Failure},
		{[]string{"pack", "--out", "b.tar"}, cli.Failure},
		{[]string{"--workspace", "/none", "pack", "--out", "b.tar"}, cli.Failure},
		{[]string{"--workspace", "/none", "--active", "demo", "pack", "--out", "b.tar"}, cli.Failure},
	} {
		var stderr strings.Builder
		if got := Run(t.Context(), tt.args, io.Discard, &stderr); got != tt.want {
			t.Errorf("bundle %q: got exit status %d, want %d: %s", tt.args, got, tt.want, stderr.String())
		}
	}
}
