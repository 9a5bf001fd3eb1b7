package publish

import (
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// TestOwn: what both releases have does not leave an index.
func TestOwn(t *testing.T) {
	both, old := digest.FromBytes([]byte("both")), digest.FromBytes([]byte("old"))
	y := &Yank{Tree: &release.Tree{Files: []release.File{{Path: "helm/a-1.tgz", Digest: both}, {Path: "helm/b-2.tgz", Digest: old}}}}
	to := &release.Tree{Files: []release.File{{Path: "helm/a-1.tgz", Digest: both}}}
	if y.Own(to, both) || !y.Own(to, old) {
		t.Errorf("got %v for what both have, %v for what the yanked one has; want false, true", y.Own(to, both), y.Own(to, old))
	}
}
