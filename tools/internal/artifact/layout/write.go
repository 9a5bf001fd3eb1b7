package layout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
)

// WriteArgs are the arguments of Write.
type WriteArgs struct {
	// Dir is the directory, which must be empty or not exist. Required.
	Dir string

	// Index is what the layout's index.json points to: an index over images.
	// Required.
	Index v1.ImageIndex

	// Ref is the name of Index in the layout. Empty means none.
	Ref string
}

// Write writes an OCI image layout (image-spec v1.1, image-layout.md): oci-layout, an
// index.json with one descriptor, and each blob once. Files have mode 0644, directories
// 0755.
//
// Layers are copied, never linked. The copy is compared with the digest, the size and the
// DiffID of the layer. oci-layout is written last. After an error the directory is empty.
func Write(ctx context.Context, args WriteArgs) (err error) {
	if err := makeEmptyDir(args.Dir); err != nil {
		return fmt.Errorf("writing layout %q: %w", args.Dir, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing layout %q: %w", args.Dir, errors.Join(err, emptyDir(args.Dir)))
		}
	}()
	for _, dir := range []string{"blobs", "blobs/sha256"} {
		if err := makeDir(filepath.Join(args.Dir, dir)); err != nil {
			return err
		}
	}
	small, layers, err := collectBlobs(args.Index)
	if err != nil {
		return err
	}
	for _, b := range small {
		if err := writeFile(Path(args.Dir).Blob(digest.FromBytes(b)), b); err != nil {
			return err
		}
	}
	if err := copyLayers(ctx, Path(args.Dir), layers); err != nil {
		return err
	}
	desc := v1.Descriptor{MediaType: types.OCIImageIndex, Size: int64(len(small[0])), Digest: Hash(digest.FromBytes(small[0]))}
	if args.Ref != "" {
		desc.Annotations = map[string]string{RefName: args.Ref}
	}
	index, err := jsonfile.Marshal(NewIndex(desc))
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(args.Dir, IndexFile), index); err != nil {
		return err
	}
	return writeFile(filepath.Join(args.Dir, MarkerFile), []byte(Marker))
}

// collectBlobs returns idx with its manifests and configs, and its layers, each once, in
// order.
func collectBlobs(idx v1.ImageIndex) (small [][]byte, layers []v1.Layer, err error) {
	im, err := idx.IndexManifest()
	if err != nil {
		return nil, nil, err
	}
	raw, err := idx.RawManifest()
	if err != nil {
		return nil, nil, err
	}
	small = append(small, raw)
	seen := map[v1.Hash]bool{}
	for _, desc := range im.Manifests {
		img, err := idx.Image(desc.Digest)
		if err != nil {
			return nil, nil, err
		}
		manifest, err := img.RawManifest()
		if err != nil {
			return nil, nil, err
		}
		config, err := img.RawConfigFile()
		if err != nil {
			return nil, nil, err
		}
		small = append(small, manifest, config)
		all, err := img.Layers()
		if err != nil {
			return nil, nil, err
		}
		for _, l := range all {
			h, err := l.Digest()
			if err != nil {
				return nil, nil, err
			}
			if !seen[h] {
				seen[h] = true
				layers = append(layers, l)
			}
		}
	}
	return small, layers, nil
}

// copyLayers copies the layers, one at a time for each CPU: the DiffID needs
// decompression, which keeps a CPU busy.
func copyLayers(ctx context.Context, dir Path, layers []v1.Layer) error {
	return parallel.DoAll(ctx, len(layers), runtime.GOMAXPROCS(0), func(ctx context.Context, i int) error {
		return copyLayer(ctx, dir, layers[i])
	})
}

// copyBlock is the number of bytes that are copied between two checks of the context.
const copyBlock = 64 << 20

func copyLayer(ctx context.Context, dir Path, l v1.Layer) error {
	h, err := l.Digest()
	if err != nil {
		return err
	}
	src, err := l.Compressed()
	if err != nil {
		return fmt.Errorf("reading layer %s: %w", h, err)
	}
	defer src.Close()
	name := "layer " + h.String()
	if f, ok := src.(*os.File); ok {
		name = fmt.Sprintf("layer %q", f.Name())
	}
	dst, err := create(dir.Blob(digest.Digest(h.String())))
	if err != nil {
		return err
	}
	defer dst.Close()
	// Between two files io.CopyN uses copy_file_range(2), which shares blocks if the
	// file system can. The copy is checked below, not the source.
	for n := int64(copyBlock); n == copyBlock; {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("copying %s: %w", name, err)
		}
		if n, err = io.CopyN(dst, src, copyBlock); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("copying %s: %w", name, err)
		}
	}
	if _, err := dst.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := CheckLayer(fileio.Reader(ctx, dst), name, l); err != nil {
		return err
	}
	return dst.Close()
}

// create makes a new file with mode 0644, whatever the umask is.
func create(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(0o644); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// writeFile writes a new file with mode 0644. An existing file must have the same
// content: two images can have the same config.
func writeFile(name string, data []byte) error {
	f, err := create(name)
	if errors.Is(err, fs.ErrExist) {
		d, _, err := digest.FromFile(name)
		if err == nil && d != digest.FromBytes(data) {
			err = fmt.Errorf("writing %q: file exists with different content", name)
		}
		return err
	}
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// makeDir makes a directory with mode 0755, whatever the umask is.
func makeDir(name string) error {
	if err := os.Mkdir(name, 0o755); err != nil {
		return err
	}
	return os.Chmod(name, 0o755)
}

// makeEmptyDir makes a directory, or checks that an existing one is empty.
func makeEmptyDir(name string) error {
	err := makeDir(name)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	list, err := os.ReadDir(name)
	if err != nil {
		return err
	}
	if len(list) > 0 {
		return fmt.Errorf("directory is not empty: found %q", list[0].Name())
	}
	return nil
}

// emptyDir removes the directory's entries.
func emptyDir(name string) error {
	list, err := os.ReadDir(name)
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range list {
		errs = append(errs, os.RemoveAll(filepath.Join(name, d.Name())))
	}
	return errors.Join(errs...)
}
