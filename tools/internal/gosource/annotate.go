package gosource

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// annotate edits what gazelle wrote, which is one attribute or list element a line.
func annotate(a Args, modules []vendored) error {
	owner := map[string]string{} // package below vendor/ → module path
	for _, m := range modules {
		for _, p := range m.packages {
			owner[p] = m.Path
		}
	}
	return filepath.WalkDir(a.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() != "BUILD.bazel" {
			return err
		}
		rel, err := filepath.Rel(a.Dir, filepath.Dir(path))
		if err != nil {
			return err
		}
		module := a.Main.Path
		if p, ok := strings.CutPrefix(filepath.ToSlash(rel), "vendor/"); ok {
			if module = owner[p]; module == "" {
				return nil // a folder above packages
			}
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, edit(data, module, a.GOROOT), 0o644)
	})
}

var (
	importmap  = regexp.MustCompile(`(?m)^ *importmap = ".*",\n`)
	visibility = regexp.MustCompile(`(?m)^ *visibility = \[[^\]]*\],\n`)
	vendorDep  = regexp.MustCompile(`(?m)^ *"//vendor/([^":]+)(?::[^"]*)?",\n`)
	oneDep     = regexp.MustCompile(`(?m)^( *deps = )\["//vendor/([^":]+)(?::[^"]*)?"\],\n`)
)

// edit makes package paths those of `go build`, makes everything
// visible (Go's own rules for internal packages hold in the source), drops dependencies on packages that are in GOROOT by now, and says
// which module the package belongs to.
func edit(data []byte, module, goroot string) []byte {
	data = importmap.ReplaceAll(data, nil)
	data = visibility.ReplaceAll(data, nil)
	for _, re := range []*regexp.Regexp{vendorDep, oneDep} {
		data = re.ReplaceAllFunc(data, func(line []byte) []byte {
			groups := re.FindSubmatch(line)
			if isStd(goroot, string(groups[len(groups)-1])) {
				return nil
			}
			return line
		})
	}
	pkg := fmt.Appendf(nil, "package(\n    default_package_metadata = [\"//%s:%s\"],\n    default_visibility = [\"//visibility:public\"],\n)\n\n", Meta, metaName(module))
	// A package call stands after the loads.
	at := 0
	if i := bytes.LastIndex(data, []byte("\nload(")); i >= 0 {
		at = i + 1
	}
	if bytes.HasPrefix(data[at:], []byte("load(")) {
		at += bytes.Index(data[at:], []byte(")\n")) + 2
		pkg = append([]byte("\n"), bytes.TrimSuffix(pkg, []byte("\n"))...)
	}
	return bytes.Join([][]byte{data[:at], pkg, data[at:]}, nil)
}

// isStd reports whether the package is in the SDK. gazelle's own list is older.
func isStd(goroot, pkg string) bool {
	if first, _, _ := strings.Cut(pkg, "/"); strings.Contains(first, ".") {
		return false
	}
	info, err := os.Stat(filepath.Join(goroot, "src", filepath.FromSlash(pkg)))
	return err == nil && info.IsDir()
}
