package release_test

import (
	"io/fs"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
)

// FuzzParse: the paths of SHA256SUMS and release.json are below the release and sorted.
func FuzzParse(f *testing.F) {
	const sum = "0000000000000000000000000000000000000000000000000000000000000000"
	f.Add([]byte(sum + "  a\n" + sum + "  b/c\n"))
	f.Add([]byte(sum + "  ../a\n"))
	f.Add([]byte(`{"schema": 1, "product": "demo", "version": "1", "artifacts": [{"path": "a", "digest": "sha256:` + sum + `"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var paths []string
		if files, err := release.ParseChecksums(data); err == nil {
			for _, file := range files {
				paths = append(paths, file.Path)
			}
		}
		if d, err := release.ParseDocument(data); err == nil {
			for _, a := range d.Artifacts {
				if paths = append(paths, a.Path); !fs.ValidPath(a.Path) {
					t.Errorf("got path %q", a.Path)
				}
			}
		}
		for i, p := range paths {
			if p == "" || p[0] == '/' || p == ".." || len(p) > 2 && p[:3] == "../" || i > 0 && paths[i-1] >= p {
				t.Errorf("got paths %q", paths)
			}
		}
	})
}
