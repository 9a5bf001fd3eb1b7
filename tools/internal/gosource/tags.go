package gosource

import (
	"bytes"
	"go/build/constraint"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/jsonfile"
)

// maxGoFile is how large a Go file may be, in bytes.
const maxGoFile = 32 << 20

// keptOut reports whether the build constraint of a Go file cannot hold where the
// tags do, on any platform and whatever other tags hold. gazelle would take a
// file for which a tag must not hold beside those for which it must.
func keptOut(path string, d fs.DirEntry, tags []string) (bool, error) {
	if len(tags) == 0 || !d.Type().IsRegular() || filepath.Ext(path) != ".go" {
		return false, nil
	}
	data, err := jsonfile.ReadLimited(path, maxGoFile)
	if err != nil {
		return false, err
	}
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if bytes.HasPrefix(line, []byte("package ")) {
			break
		}
		if !constraint.IsGoBuild(string(line)) {
			continue
		}
		expr, err := constraint.Parse(string(line))
		return err == nil && !possible(expr, tags, true), nil // an error is the compiler's to report
	}
	return false, nil
}

// possible reports whether expr can have the given value where the tags hold.
func possible(expr constraint.Expr, tags []string, value bool) bool {
	switch e := expr.(type) {
	case *constraint.TagExpr:
		return value || !slices.Contains(tags, e.Tag)
	case *constraint.NotExpr:
		return possible(e.X, tags, !value)
	case *constraint.AndExpr:
		if value {
			return possible(e.X, tags, true) && possible(e.Y, tags, true)
		}
		return possible(e.X, tags, false) || possible(e.Y, tags, false)
	case *constraint.OrExpr:
		if value {
			return possible(e.X, tags, true) || possible(e.Y, tags, true)
		}
		return possible(e.X, tags, false) && possible(e.Y, tags, false)
	}
	return true
}
