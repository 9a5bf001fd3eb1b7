package bucket

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestBlocked: what is no object, where an object has to go, is a conflict of the plan.
func TestBlocked(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, demo))
	for _, tt := range []struct {
		directory, file, object, found string
	}{
		{directory: "1.2.0/empty", object: "1.2.0/empty", found: "a directory"},
		{directory: "1.2.0/SHA256SUMS/x", object: "1.2.0/SHA256SUMS", found: "a directory"},
		{directory: "1.2.0", file: "1.2.0/helm", object: "1.2.0/helm/web-1.2.0.tgz", found: "no directory at"},
	} {
		dir := t.TempDir()
		check(t, os.MkdirAll(filepath.Join(dir, tt.directory), 0o755))
		if tt.file != "" {
			check(t, os.WriteFile(filepath.Join(dir, tt.file), nil, 0o644))
		}
		items, err := open(t, Config{Name: "bucket", URL: "file://" + dir}, tree).Plan(t.Context())
		check(t, err)
		found := false
		for _, i := range items {
			if i.Name == "file://"+dir+"/"+tt.object {
				found = i.State == publish.Conflict && strings.HasPrefix(i.Found, tt.found)
			}
		}
		if !found {
			t.Errorf("%+v: got %+v, want a conflict", tt, items)
		}
	}
}
