package resolve

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/lock"
	"github.com/jasonwzm/release-builder/tools/internal/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/sourcetar"
	"github.com/jasonwzm/release-builder/tools/internal/store"
)

// Folders resolves plain folders of this machine: it pins their content.
type Folders struct {
	Go    func() (*gomod.Go, func())
	Store *store.Store
	Base  string // the manifest's folder
	// Time stands for the commit time that a folder has not.
	Time time.Time
}

// Resolve implements Resolver.
func (r *Folders) Resolve(ctx context.Context, dep *manifest.Dependency, _ *Primary) (*lock.Dependency, error) {
	dir := r.path(dep.LocalPath)
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("localpath: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("localpath: %q is no folder", dir)
	}
	tree, err := r.Store.PutTree(dir)
	if err != nil {
		return nil, err
	}
	d := &lock.Dependency{
		Local:  &lock.Local{Path: filepath.ToSlash(dep.LocalPath)},
		Digest: string(tree.Digest), Size: tree.Size, Time: r.Time, Why: "content of localpath",
	}
	g, done := r.Go()
	defer done()
	unpacked := filepath.Join(filepath.Dir(g.Cache), "unpacked")
	if err := os.MkdirAll(unpacked, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Open(r.Store.BlobPath(tree.Digest))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := sourcetar.Extract(f, unpacked); err != nil {
		return nil, err
	}
	return d, describeGo(ctx, g, unpacked, d)
}

func (r *Folders) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(r.Base, filepath.FromSlash(p))
}

// OpenFolder gives access to the files of a pinned folder.
func (r *Folders) OpenFolder(d *lock.Dependency) (*Primary, error) {
	root, err := os.OpenRoot(r.path(d.Local.Path))
	if err != nil {
		return nil, err
	}
	return &Primary{
		Name:     d.Name,
		Revision: d.Local.Path,
		ReadFile: func(_ context.Context, name string) ([]byte, error) { return fs.ReadFile(root.FS(), name) },
	}, nil
}

// contentSize returns the sum of the sizes of a module's files, in bytes.
func contentSize(name string) (int64, error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return 0, err
	}
	defer z.Close()
	var size int64
	for _, f := range z.File {
		size += int64(f.UncompressedSize64)
	}
	return size, nil
}

// readZip returns one file of a zip, of at most jsonfile.MaxSize bytes.
func readZip(name, member string) ([]byte, error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	f, err := z.Open(member)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, jsonfile.MaxSize+1))
	if err == nil && len(data) > jsonfile.MaxSize {
		err = errors.New("file is too large")
	}
	return data, err
}

func equalJSON(a, b any) bool {
	x, errA := jsonfile.Marshal(a)
	y, errB := jsonfile.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}
