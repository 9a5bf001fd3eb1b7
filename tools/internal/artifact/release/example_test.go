package release_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// A release is opened and checked against its SHA256SUMS, before and after a file is
// altered.
func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "release-*")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := releasetest.Small(dir); err != nil {
		fmt.Println(err)
		return
	}
	tree, err := release.Open(ctx, release.Dir(dir))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tree.Version, tree.Check(ctx))
	for _, f := range tree.Files {
		fmt.Println(f.Path)
	}
	if err := os.WriteFile(filepath.Join(dir, "hello.txt"), []byte("jello"), 0o644); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tree.Check(ctx))
	// Output:
	// 1.2.0 <nil>
	// SHA256SUMS
	// hello.txt
	// lock.json
	// sha256 of "hello.txt": got sha256:187c9bceeb919e1b3e6d20fa50ecabf7d9d50b5343e8f9a3d912abb13929102e, want sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
}
