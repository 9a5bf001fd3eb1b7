package gosource

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// vendored is one module of vendor/modules.txt.
type vendored struct {
	Module
	packages []string
}

// Imported returns the paths of the modules of which the one in dir vendors packages.
func Imported(dir string) ([]string, error) {
	modules, err := vendoredModules(dir)
	var paths []string
	for _, m := range modules {
		if len(m.packages) > 0 {
			paths = append(paths, m.Path)
		}
	}
	return paths, err
}

// vendoredModules reads dir/vendor/modules.txt, whose format is the go command's
// (https://go.dev/ref/mod#go-mod-vendor), and the sums in dir/go.sum.
func vendoredModules(dir string) ([]vendored, error) {
	f, err := os.Open(filepath.Join(dir, "vendor", "modules.txt"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // nothing is imported
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sums, err := readSums(filepath.Join(dir, "go.sum"))
	if err != nil {
		return nil, err
	}
	var list []vendored
	scanner := bufio.NewScanner(f)
	for n := 1; scanner.Scan(); n++ {
		line := scanner.Text()
		if strings.HasPrefix(line, "##") {
			continue
		}
		header, ok := strings.CutPrefix(line, "# ")
		if !ok {
			if len(list) == 0 {
				return nil, fmt.Errorf("reading vendor/modules.txt:%d: package %q before any module", n, line)
			}
			last := &list[len(list)-1]
			last.packages = append(last.packages, line)
			continue
		}
		m, err := parseHeader(header, sums)
		if err != nil {
			return nil, fmt.Errorf("reading vendor/modules.txt:%d: %w", n, err)
		}
		list = append(list, vendored{Module: m})
	}
	return list, scanner.Err()
}

// parseHeader parses "path version", "path version => path version" and "path
// version => ./directory". What is replaced has no sum, and no directory has.
func parseHeader(header string, sums map[string]string) (Module, error) {
	original, replacement, replaced := strings.Cut(header, " => ")
	m := parseModule(original, sums)
	if replaced {
		m.Sum = ""
		r := parseModule(replacement, sums)
		if r.Path == "" {
			return Module{}, fmt.Errorf("module %q: replaced by nothing", m.Path)
		}
		m.Replace = &r
	}
	return m, nil
}

func parseModule(text string, sums map[string]string) Module {
	path, version, _ := strings.Cut(text, " ")
	return Module{Path: path, Version: version, Sum: sums[path+" "+version]}
}

// readSums reads a go.sum: "path version" → h1 sum of the content.
func readSums(name string) (map[string]string, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 && !strings.HasSuffix(f[1], "/go.mod") {
			sums[f[0]+" "+f[1]] = f[2]
		}
	}
	return sums, nil
}
