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

// vendoredModules reads dir/vendor/modules.txt, whose format is the go command's
// (https://go.dev/ref/mod#go-mod-vendor), and the sums in dir/go.sum. A module
// that go.mod replaces appears under the path and version of its replacement,
// as in the build information that the go command embeds.
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
		m, folder, err := parseHeader(header)
		if err != nil {
			return nil, fmt.Errorf("reading vendor/modules.txt:%d: %w", n, err)
		}
		if !folder {
			m.Sum = sums[m.Path+" "+m.Version]
		}
		list = append(list, vendored{Module: m})
	}
	return list, scanner.Err()
}

// parseHeader parses "path version", "path version => path version" and "path
// version => ./folder"; the last has no sum.
func parseHeader(header string) (m Module, folder bool, err error) {
	original, replacement, replaced := strings.Cut(header, " => ")
	path, version, _ := strings.Cut(original, " ")
	if !replaced {
		return Module{Path: path, Version: version}, false, nil
	}
	newPath, newVersion, _ := strings.Cut(replacement, " ")
	if newPath == "" {
		return Module{}, false, fmt.Errorf("module %q: replaced by nothing", path)
	}
	if newVersion == "" {
		return Module{Path: path, Version: version}, true, nil // of the same source
	}
	return Module{Path: newPath, Version: newVersion}, false, nil
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
