package workspacefile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// lockName is the file in which Bazel keeps the digests of what it read from registries, if
// --lockfile_mode allows it (https://bazel.build/external/lockfile).
const lockName = "MODULE.bazel.lock"

const maxLock = 64 << 20 // bytes

// fromRegistries returns what Bazel read from module registries: their files, and the archives
// and patches that the files source.json name
// (https://bazel.build/external/registry#index_registry).
func fromRegistries(root string, s *store.Store) ([]Archive, error) {
	data, err := fileio.ReadLimited(filepath.Join(root, lockName), maxLock)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var l struct {
		Files map[string]*string `json:"registryFileHashes"` // null for a file that is not there
	}
	if err := json.Unmarshal(data, &l); err != nil {
		return nil, fmt.Errorf("reading %s: %w", lockName, err)
	}
	var list []Archive
	for _, url := range slices.Sorted(maps.Keys(l.Files)) {
		if l.Files[url] == nil {
			continue
		}
		sum, err := digest.Parse("sha256:" + *l.Files[url])
		if err != nil {
			return nil, fmt.Errorf("reading %s: %s: %w", lockName, url, err)
		}
		list = append(list, Archive{Name: url, File: lockName, Digest: sum})
		if path.Base(url) == "source.json" && s.HasBlob(sum) {
			more, err := sources(s, url, sum)
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", url, err)
			}
			list = append(list, more...)
		}
	}
	return list, nil
}

// sources returns what a source.json names.
func sources(s *store.Store, url string, sum digest.Digest) ([]Archive, error) {
	data, err := os.ReadFile(s.BlobPath(sum))
	if err != nil {
		return nil, err
	}
	var source struct {
		URL       string            `json:"url"`
		Integrity string            `json:"integrity"`
		Patches   map[string]string `json:"patches"`
		Overlay   map[string]string `json:"overlay"`
	}
	if err := json.Unmarshal(data, &source); err != nil {
		return nil, err
	}
	files := map[string]string{source.URL: source.Integrity}
	dir := strings.TrimSuffix(url, path.Base(url))
	for name, integrity := range source.Patches {
		files[dir+"patches/"+name] = integrity
	}
	for name, integrity := range source.Overlay {
		files[dir+"overlay/"+name] = integrity
	}
	var list []Archive
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sum, err := integrityOf(files[name])
		if err != nil {
			return nil, err
		}
		if sum != "" {
			list = append(list, Archive{Name: name, File: url, Digest: sum})
		}
	}
	return list, nil
}
