package story_test

import (
	"cmp"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/workspacetest"
)

// otherSDK is the version that the story changes to. `go mod download` must have fetched it;
// .ci/run does that.
const otherSDK = "1.26.7"

const toolchain = "golang.org/toolchain/@v/v0.0.1-go"

// otherZip is the file of that SDK; empty if this machine does not have it. It is found before
// the tests get another home directory.
var otherZip = findZip()

func findZip() string {
	cache := cmp.Or(os.Getenv("GOMODCACHE"), filepath.Join(os.Getenv("HOME"), "go", "pkg", "mod"))
	file := filepath.Join(cache, "cache", "download", filepath.FromSlash(toolchain+otherSDK+".linux-amd64.zip"))
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}

// sdk FILE pins the other SDK.
func (w *world) sdk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sdk FILE")
	}
	sum, err := dirhash.HashZip(otherZip, dirhash.Hash1)
	ts.Check(err)
	d, _, err := digest.FromFile(otherZip)
	ts.Check(err)
	ts.Check(workspacetest.CopyFile(otherZip, filepath.Join(w.sdks, filepath.FromSlash(toolchain+otherSDK+".linux-amd64.zip"))))
	pins := lock.GoSDK{Version: otherSDK, Archives: map[string]lock.Archive{"linux_amd64": {Sum: sum, SHA256: d}}}
	ts.Check(jsonfile.Write(ts.MkAbs(args[0]), pins))
}

// serveSDK makes a module proxy with the pinned SDK from the store.
func (w *world) serveSDK(store string) error {
	var pins lock.GoSDK
	if err := jsonfile.Read(filepath.Join(w.workspace, "release", "sources", "go_sdk.json"), &pins); err != nil {
		return err
	}
	w.sdks = filepath.Join(w.t.TempDir(), "sdks")
	to := filepath.Join(w.sdks, filepath.FromSlash(toolchain+pins.Version+".linux-amd64.zip"))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return workspacetest.CopyFile(filepath.Join(store, "content_addressable", "sha256", pins.Archives["linux_amd64"].SHA256.Hex(), "file"), to)
}
