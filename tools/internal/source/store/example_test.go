package store_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// A fetched file is added to the store only if its digest matches.
func ExampleStore_Bring() {
	dir, err := os.MkdirTemp("", "store-*")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	s, err := store.Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	serve := func(text string) store.FetchFunc {
		return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	}
	want := digest.FromBytes([]byte("hello"))
	fmt.Println(s.Bring(context.Background(), want, serve("altered")), s.HasBlob(want))
	fmt.Println(s.Bring(context.Background(), want, serve("hello")), s.HasBlob(want))
	// Output:
	// digest of fetched file: got sha256:4aa009153649a0a7c1425387f3da9c72330ad069ea9f69ce1640abe46f92a83b, want sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 false
	// <nil> true
}
