package main

import (
	"context"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/baseimage"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/scripttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pull": main})
}

type serverKey struct{}

// TestScript runs the scripts, each with a registry of its own at $REGISTRY.
func TestScript(t *testing.T) {
	scripttest.Run(t, testscript.Params{
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"push": push, "pin": pin, "reseal": reseal, "stop": stop, "flip": flip,
		},
		Setup: func(env *testscript.Env) error {
			server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
			env.Defer(server.Close)
			env.Values[serverKey{}] = server
			env.Setenv("REGISTRY", strings.TrimPrefix(server.URL, "http://"))
			return nil
		},
	})
}

// push pushes an index for platforms with a text in its layers: "push REFERENCE text platform...".
func push(ts *testscript.TestScript, _ bool, args []string) {
	idx := v1.ImageIndex(empty.Index)
	for _, platform := range args[2:] {
		p, err := v1.ParsePlatform(platform)
		ts.Check(err)
		img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
		img, err = mutate.ConfigFile(img, &v1.ConfigFile{OS: p.OS, Architecture: p.Architecture, RootFS: v1.RootFS{Type: "layers"}})
		ts.Check(err)
		img, err = mutate.AppendLayers(img, static.NewLayer([]byte(args[1]+platform), types.OCIUncompressedLayer))
		ts.Check(err)
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: p}})
	}
	ref, err := name.ParseReference(args[0])
	ts.Check(err)
	ts.Check(remote.WriteIndex(ref, idx))
}

// pin writes the lock entry of a base, as resolve does: "pin file store base platform...".
func pin(ts *testscript.TestScript, _ bool, args []string) {
	s, err := store.Open(ts.MkAbs(args[1]))
	ts.Check(err)
	img, err := baseimage.Pin(context.Background(), baseimage.Args{Name: "app", Base: args[2], Dir: ts.MkAbs("."), Platforms: args[3:], Store: s})
	ts.Check(err)
	img.Seal()
	ts.Check(jsonfile.Write(ts.MkAbs(args[0]), img))
}

// reseal corrects the seal of an altered entry: "reseal file".
func reseal(ts *testscript.TestScript, _ bool, args []string) {
	var img lock.Image
	ts.Check(jsonfile.Read(ts.MkAbs(args[0]), &img))
	img.Seal()
	ts.Check(jsonfile.Write(ts.MkAbs(args[0]), &img))
}

// stop ends the registry.
func stop(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Value(serverKey{}).(*httptest.Server).Close()
}

// flip alters a bit in the middle of each file: "flip file...".
func flip(ts *testscript.TestScript, _ bool, args []string) {
	for _, arg := range args {
		names, err := filepath.Glob(ts.MkAbs(arg))
		ts.Check(err)
		for _, name := range names {
			data, err := os.ReadFile(name)
			ts.Check(err)
			data[len(data)/2] ^= 1
			ts.Check(os.WriteFile(name, data, 0o644))
		}
	}
}
