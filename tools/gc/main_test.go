package main

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
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
	testscript.Main(m, map[string]func(){"gc": main})
}

// TestScript runs the scripts on a machine with two checkouts, ws and other, each with a line of its
// name, and a store that has what both need and a module that neither does. In
// base/ are the output bases of both, from which gc runs as `bazel run` has it.
// "age DIR…" makes all in it two days old.
func TestScript(t *testing.T) {
	scripttest.Run(t, testscript.Params{
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"age": age},
		Setup: func(env *testscript.Env) error {
			for name, dir := range map[string]string{
				"BUILD_WORKSPACE_DIRECTORY": "ws", "BUILD_WORKING_DIRECTORY": "", "RELEASE_CACHE": "cache", "XDG_STATE_HOME": "state",
				"RELEASE_ROOT": "cache/bazel-7.7.1-0123456789abcdef",
			} {
				env.Setenv(name, filepath.Join(env.WorkDir, filepath.FromSlash(dir)))
			}
			env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
			env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			p := &planter{dir: env.WorkDir}
			p.plant()
			env.Setenv("BASE", p.base("ws"))
			env.Setenv("OTHER", p.base("other"))
			return errors.Join(p.errs...)
		},
	})
}

func age(ts *testscript.TestScript, _ bool, args []string) {
	old := time.Now().Add(-48 * time.Hour)
	for _, dir := range args {
		ts.Check(filepath.WalkDir(ts.MkAbs(dir), func(name string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chtimes(name, old, old)
		}))
	}
}

type planter struct {
	dir  string
	errs []error
}

func (p *planter) plant() {
	s, err := store.Open(filepath.Join(p.dir, "cache", "store"))
	p.errs = append(p.errs, err)
	sdk, err := storetest.Blob(s, "the Go SDK")
	p.errs = append(p.errs, err)
	_, err = storetest.Module(s, "example.com/unneeded", "v1.0.0")
	p.errs = append(p.errs, err)
	for _, name := range []string{"ws", "other"} {
		m, err := storetest.Module(s, "example.com/"+name, "v1.0.0")
		p.errs = append(p.errs, err)
		l := &lock.Lock{
			Schema: lock.Schema, Manifest: digest.FromBytes(nil), Version: "1.0.0", Product: name, Time: time.Unix(1e9, 0).UTC(),
			Platforms: []string{"linux-amd64"}, Architectures: []string{"linux/amd64"},
			Toolchain:    lock.Toolchain{Bazel: "7.7.1", Go: lock.GoSDK{Version: "1.26.8", Archives: map[string]lock.Archive{"linux_amd64": {Sum: "h1:sdk", SHA256: sdk}}}},
			Dependencies: []lock.Dependency{{Name: "app", Primary: true, Module: &lock.Module{Path: m.Path, Version: m.Version}, Digest: m.Sum, Time: time.Unix(1e9, 0).UTC()}},
		}
		l.Seal()
		data, err := jsonfile.Marshal(l)
		p.errs = append(p.errs, err)
		p.write(name+"/manifests/"+name+"/lock.json", string(data))
		p.write(name+"/.bazelversion", "7.7.1\n")
	}
	p.write("cache/bazel-7.7.1-0123456789abcdef/usr/bin/bazel", "in use")
	p.write("cache/bazel-7.6.0-0123456789abcdef/usr/bin/bazel", "of no use")
	p.write("cache/disk/cas/00/00", strings.Repeat("x", 2048))
}

func (p *planter) write(name, text string) {
	name = filepath.Join(p.dir, filepath.FromSlash(name))
	p.errs = append(p.errs, os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644))
}

// base makes the output base of a checkout and returns its directory.
func (p *planter) base(checkout string) string {
	workspace := filepath.Join(p.dir, checkout)
	sum := md5.Sum([]byte(workspace))
	name := "base/" + hex.EncodeToString(sum[:])
	p.write(name+"/DO_NOT_BUILD_HERE", workspace)
	p.write(name+"/execroot/x", "")
	return filepath.Join(p.dir, filepath.FromSlash(name))
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want int
	}{
		{[]string{"-help"}, cli.OK},
		{[]string{"extra"}, cli.Usage},
		{[]string{"--git", ""}, cli.Usage},
		{[]string{"--stage", ""}, cli.Usage},
		{[]string{"--stage", "1.0.0"}, cli.Usage}, // of which line is not known
		{[]string{"--locks", ""}, cli.Usage},
		{[]string{"--min-age", "a day"}, cli.Usage},
		{[]string{"--min-age", "-1h"}, cli.Usage},
		{[]string{"--disk-cache-size", "lots"}, cli.Usage},
		{[]string{"--disk-cache-size", ""}, cli.Usage},
		{[]string{"--disk-cache-size", "G"}, cli.Usage},
		{[]string{"--disk-cache-size", "-1"}, cli.Usage},
		{[]string{"--disk-cache-size", "9999999T"}, cli.Usage},
		{[]string{"--workspace", ""}, cli.Usage},
		{[]string{"--workspace", "/none"}, cli.Failure},
	} {
		var stderr strings.Builder
		if got := run(t.Context(), tt.args, io.Discard, &stderr); got != tt.want {
			t.Errorf("gc %q: got exit status %d, want %d: %s", tt.args, got, tt.want, stderr.String())
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "1024": 1 << 10, "1K": 1 << 10, "10M": 10 << 20, "20G": 20 << 30, "2T": 2 << 40} {
		var s size
		if err := s.Set(text); err != nil || int64(s) != want {
			t.Errorf("%q: got %d, %v, want %d", text, int64(s), err, want)
		}
	}
}
