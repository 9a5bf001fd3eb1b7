// Package workspacefile reads and edits the files that make a directory a Bazel workspace:
// WORKSPACE and MODULE.bazel.
package workspacefile

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/bazelbuild/buildtools/build"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// The names of the files. A WORKSPACE.bazel has priority over a WORKSPACE.
const (
	moduleFile = "MODULE.bazel"
	maxSize    = 1 << 20 // bytes
)

var workspaceFiles = []string{"WORKSPACE.bazel", "WORKSPACE"}

// Archive is an archive or a file that Bazel downloads before it reads any rule.
type Archive struct {
	Name   string // of the repository or module
	File   string // the file that names it
	Digest digest.Digest
}

// pinned are the calls that download, and the argument that names what.
var pinned = map[string]string{
	"archive_override": "module_name",
	"http_archive":     "name",
	"http_file":        "name",
	"http_jar":         "name",
}

// Archives returns what the files of a workspace pin by digest: its release builder, whatever
// else is written in them, and with MODULE.bazel.lock what Bazel read from module registries.
// Macros that they call are not read.
func Archives(root string, s *store.Store) ([]Archive, error) {
	var list []Archive
	for _, name := range append([]string{moduleFile}, workspaceFiles...) {
		f, err := parse(root, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, statement := range f.Stmt {
			call, ok := statement.(*build.CallExpr)
			if !ok {
				continue
			}
			r := build.NewRule(call)
			key, ok := pinned[r.Kind()]
			if !ok {
				continue
			}
			sum, err := sumOf(r)
			if err != nil {
				line, _ := call.Span()
				return nil, fmt.Errorf("%s:%d: %s %q: %w", name, line.Line, r.Kind(), r.AttrString(key), err)
			}
			if sum != "" {
				list = append(list, Archive{Name: r.AttrString(key), File: name, Digest: sum})
			}
		}
	}
	more, err := fromRegistries(root, s)
	return append(list, more...), err
}

// sumOf returns the SHA-256 of what a call downloads, or "" if the call has none that is
// written out.
func sumOf(r *build.Rule) (digest.Digest, error) {
	if sum := r.AttrString("sha256"); sum != "" {
		return digest.Parse("sha256:" + sum)
	}
	return integrityOf(r.AttrString("integrity"))
}

// integrityOf reads https://www.w3.org/TR/SRI/#the-integrity-attribute. It returns "" for
// another algorithm than SHA-256: the store knows no other.
func integrityOf(integrity string) (digest.Digest, error) {
	encoded, ok := strings.CutPrefix(integrity, "sha256-")
	if !ok {
		return "", nil
	}
	sum, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", fmt.Errorf("integrity: %w", err)
	}
	return digest.Parse("sha256:" + hex.EncodeToString(sum))
}

func parse(root, name string) (*build.File, error) {
	data, err := fileio.ReadLimited(filepath.Join(root, name), maxSize)
	if err != nil {
		return nil, err
	}
	if name == moduleFile {
		return build.ParseModule(name, data)
	}
	return build.ParseWorkspace(name, data)
}
