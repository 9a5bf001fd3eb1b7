// Package toolchain reads what pins the programs that build a release.
package toolchain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	releasebuilder "github.com/jasonwzm/release-builder"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
)

// The pins, below the root directory of the release builder.
const (
	GoMod = "go.mod"
	GoSum = "go.sum"
	SDK   = "release/sources/go_sdk.json"
)

// bazelVersion is in the root directory of every workspace: tools/bazel reads it.
const bazelVersion = ".bazelversion"

// Pins are the files that pin everything except Bazel.
type Pins struct {
	GoMod, GoSum []byte
	SDK          []byte
	Go           lock.GoSDK // what is in SDK
}

// Read returns the pins of a workspace: its own if it is the release builder's, and else
// those of the release builder that this program was built from.
func Read(root string) (*Pins, error) {
	files := fs.FS(releasebuilder.Pins)
	if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(SDK))); !errors.Is(err, fs.ErrNotExist) {
		files = os.DirFS(root)
	}
	p := &Pins{}
	for name, data := range map[string]*[]byte{GoMod: &p.GoMod, GoSum: &p.GoSum, SDK: &p.SDK} {
		var err error
		if *data, err = fs.ReadFile(files, name); err != nil {
			return nil, fmt.Errorf("reading what pins the toolchain: %w", err)
		}
	}
	if err := jsonfile.Unmarshal(p.SDK, &p.Go); err != nil {
		return nil, fmt.Errorf("reading the Go SDK's pins: %s:%w", SDK, err)
	}
	return p, nil
}

// Lock returns what a lock says about the toolchain of a workspace.
func Lock(root string) (lock.Toolchain, error) {
	var t lock.Toolchain
	p, err := Read(root)
	if err != nil {
		return t, err
	}
	t.Go = p.Go
	version, err := os.ReadFile(filepath.Join(root, bazelVersion))
	if errors.Is(err, fs.ErrNotExist) {
		return t, hint.With(err, "write Bazel's version to it, such as 7.7.1")
	}
	if err != nil {
		return t, err
	}
	t.Bazel = strings.TrimSpace(string(version))
	if t.RulesGo, err = gomod.Required(p.GoMod, p.GoSum, "github.com/bazelbuild/rules_go"); err != nil {
		return t, err
	}
	t.Gazelle, err = gomod.Required(p.GoMod, p.GoSum, "github.com/bazelbuild/bazel-gazelle")
	return t, err
}
