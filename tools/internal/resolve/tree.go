package resolve

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcetar"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// Trees adds sources to the store as canonical tars, and finds out which Go modules they
// need.
type Trees struct {
	// Go returns a go command with an empty module cache, for the named dependency, and a
	// function that removes the cache.
	Go    func(name string) (*gomod.Go, func())
	Store *store.Store
	Kept  *Kept
}

// newTree returns the lock entry of a tree whose content is not known yet.
func newTree(ask *Request) *lock.Dependency {
	return &lock.Dependency{Name: ask.Name, Exclude: ask.Exclude, GoTags: ask.GoTags, Why: ask.Why}
}

// put adds the tar of a repository's commit to the store, and sets d's Digest and Size.
func (t *Trees) put(ctx context.Context, repo *gitsource.Repo, d *lock.Dependency) (tree *gitsource.Tree, err error) {
	sum, err := t.Store.PutStream(func(w io.Writer) error {
		tree, err = repo.WriteTar(ctx, w, d.Exclude)
		return err
	})
	if err != nil {
		return nil, err
	}
	d.Digest, d.Size = string(sum), tree.Size
	return tree, nil
}

// describe sets d's GoRoots and GoModules. It unpacks the tree only if they are not known
// and the tree may have Go files.
func (t *Trees) describe(ctx context.Context, ask *Request, d *lock.Dependency) error {
	if t.Kept.goNeeds(ask, t.Store, d) {
		return nil
	}
	if len(ask.GoModules) == 0 {
		found, err := t.goFiles(d)
		if err != nil || !found {
			return err
		}
	}
	g, done := t.Go(ask.Name)
	defer done()
	dir := filepath.Join(filepath.Dir(g.Cache), "unpacked")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.Open(t.Store.BlobPath(digest.Digest(d.Digest)))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := sourcetar.Extract(f, dir); err != nil {
		return err
	}
	return describeGo(ctx, g, dir, ask, d)
}

// goFiles reports whether there is a Go file in the tree.
func (t *Trees) goFiles(d *lock.Dependency) (found bool, err error) {
	err = t.Store.ScanTree(digest.Digest(d.Digest), func(h *tar.Header, _ io.Reader) error {
		found = found || filepath.Ext(h.Name) == ".go"
		return nil
	})
	return found, err
}

// Open opens a pinned tree. Each requested file is read once from the verified tar.
func (t *Trees) Open(d *lock.Dependency) (*Source, error) {
	var mu sync.Mutex
	known := map[string][]byte{}
	return &Source{
		Name:     d.Name,
		Revision: Revision(d),
		ReadFile: func(_ context.Context, name string) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			if data, ok := known[name]; ok {
				return data, nil
			}
			data, err := t.readFile(d, name)
			if err == nil {
				known[name] = data
			}
			return data, err
		},
	}, nil
}

// maxSourceFile is the largest file of a source, in bytes, that is read to pin others: a
// parsed go.mod file takes about 60 times its size.
const maxSourceFile = 1 << 20

func (t *Trees) readFile(d *lock.Dependency, name string) (data []byte, err error) {
	found := false
	err = t.Store.ScanTree(digest.Digest(d.Digest), func(h *tar.Header, r io.Reader) error {
		if h.Name != name {
			return nil
		}
		found = true
		switch {
		case h.Typeflag != tar.TypeReg:
			return fmt.Errorf("%q is not a file", name)
		case h.Size > maxSourceFile:
			return fmt.Errorf("%q has %d bytes, want at most %d", name, h.Size, maxSourceFile)
		}
		data, err = io.ReadAll(r)
		return err
	})
	if err == nil && !found {
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return data, err
}
