package ociimage

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// UnpackArgs say what Unpack unpacks.
type UnpackArgs struct {
	// Image is the image. Required.
	Image v1.Image

	// Dir is the directory, which must be empty or not be there. Required.
	Dir string

	// MaxBytes limits the decompressed bytes of all layers together. Zero means
	// DefaultMaxBytes.
	MaxBytes int64
}

// Unpack applies the layers of an image to a directory, the lowest first
// (image-spec v1.1, layer.md), whiteouts included, and compares each layer with
// its DiffID in the config; an image from Open compares all digests too. After an
// error the directory is empty again.
//
// The image is not trusted. Nothing outside the directory is written, linked to or
// removed: an entry whose path is absolute, has a "..", or leads out through a
// link is an error, as are a device node, a named pipe, a socket and a path that
// stands twice in a layer. Where a path leads through a symbolic link, an
// absolute link starts at the directory, as it does in a container.
//
// Files get the permissions that the layer says, plus reading by their owner, and
// directories plus all rights of their owner. Owners, times, extended attributes
// and the setuid, setgid and sticky bits are not applied: the directory is for
// looking at programs and running them, not for a container runtime.
func Unpack(ctx context.Context, args UnpackArgs) (err error) {
	if err := makeEmptyDir(args.Dir); err != nil {
		return fmt.Errorf("unpacking into %q: %w", args.Dir, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("unpacking into %q: %w", args.Dir, errors.Join(err, emptyDir(args.Dir)))
		}
	}()
	layers, diffIDs, err := imageLayers(args.Image)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(args.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	u := newUnpacker(root, cmp.Or(args.MaxBytes, DefaultMaxBytes))
	for i, l := range layers {
		u.kept = map[string]bool{".": true}
		if err := readLayer(ctx, l, diffIDs[i], &u.streamLeft, u.entry); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return nil
}

// imageLayers returns the layers of an image and their DiffIDs in its config.
func imageLayers(img v1.Image) ([]v1.Layer, []v1.Hash, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, nil, err
	}
	cf, err := img.ConfigFile()
	if err != nil {
		return nil, nil, fmt.Errorf("reading config: %w", err)
	}
	if len(layers) != len(cf.RootFS.DiffIDs) {
		return nil, nil, fmt.Errorf("reading image: manifest has %d layers, but config has %d diffIDs", len(layers), len(cf.RootFS.DiffIDs))
	}
	return layers, cf.RootFS.DiffIDs, nil
}

// An unpacker applies layers to a directory, one entry at a time.
type unpacker struct {
	root       *os.Root
	streamLeft int64  // bytes of tar that may still come
	filesLeft  int64  // bytes of files that may still come: a sparse file has more than its tar
	buf        []byte // that files go through

	// kept holds the paths that the layer at hand has written, with all
	// directories above them: a whiteout in the same layer spares them.
	kept map[string]bool
}

func newUnpacker(root *os.Root, maxBytes int64) *unpacker {
	return &unpacker{
		root: root, streamLeft: maxBytes, filesLeft: maxBytes,
		buf: make([]byte, 256<<10), kept: map[string]bool{".": true},
	}
}

// entry applies one entry, whose path is name.
func (u *unpacker) entry(name string, h *tar.Header, r io.Reader) error {
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if strings.HasPrefix(part, whiteoutPrefix) {
			return fmt.Errorf("%q is the name of a whiteout and cannot be a directory", part)
		}
	}
	if strings.HasPrefix(path.Base(name), whiteoutPrefix) {
		return u.whiteout(name, h)
	}
	if name == "." {
		if h.Typeflag != tar.TypeDir {
			return fmt.Errorf("the root is a %s, want a directory", typeName(h.Typeflag))
		}
		return nil
	}
	parent, err := u.resolve(path.Dir(name), true)
	if err != nil {
		return err
	}
	name = path.Join(parent, path.Base(name))
	if u.kept[name] && h.Typeflag != tar.TypeDir {
		return errors.New("an entry of the same layer has made this path, or a directory of it")
	}
	switch h.Typeflag {
	case tar.TypeDir:
		err = u.dir(name, h)
	case tar.TypeReg:
		err = u.file(name, h, r)
	case tar.TypeSymlink:
		if h.Linkname == "" || len(h.Linkname) > maxPathLength {
			return fmt.Errorf("target of the symbolic link has %d bytes, want 1 to %d", len(h.Linkname), maxPathLength)
		}
		if err = u.clear(name); err == nil {
			err = u.root.Symlink(h.Linkname, name)
		}
	case tar.TypeLink:
		err = u.link(name, h)
	default:
		err = fmt.Errorf("found a %s, want a file, a directory or a link", typeName(h.Typeflag))
	}
	if err != nil {
		return err
	}
	u.keep(name)
	return nil
}

func (u *unpacker) keep(name string) {
	for ; !u.kept[name]; name = path.Dir(name) {
		u.kept[name] = true
	}
}

func (u *unpacker) dir(name string, h *tar.Header) error {
	info, err := u.root.Lstat(name)
	if err != nil || !info.IsDir() {
		if u.kept[name] {
			return errors.New("an entry of the same layer has made this path as a file or link")
		}
		if err := u.clear(name); err != nil {
			return err
		}
		if err := u.root.Mkdir(name, 0o700); err != nil {
			return err
		}
	}
	return u.root.Chmod(name, fs.FileMode(h.Mode)&0o777|0o700)
}

func (u *unpacker) file(name string, h *tar.Header, r io.Reader) error {
	if u.filesLeft -= h.Size; u.filesLeft < 0 {
		return errors.New("files have more bytes than the limit")
	}
	if isSparse(h) { // some bytes would become any number of zeros; see image-spec v1.1, layer.md
		return errors.New("it is sparse, want a plain file")
	}
	if err := u.clear(name); err != nil {
		return err
	}
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	// The wrapper hides ReadFrom, which would not use the buffer.
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, r, u.buf); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Chmod(fs.FileMode(h.Mode)&0o777 | 0o400); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// isSparse reports whether a file has holes in one of the forms of PAX.
func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// link makes a hard link to a regular file that is there already.
func (u *unpacker) link(name string, h *tar.Header) error {
	target, err := entryName(h.Linkname)
	if err != nil {
		return fmt.Errorf("hard link to %.200q: %w", h.Linkname, err)
	}
	parent, err := u.resolve(path.Dir(target), false)
	if err != nil {
		return fmt.Errorf("hard link to %.200q: %w", h.Linkname, err)
	}
	target = path.Join(parent, path.Base(target))
	info, err := u.root.Lstat(target)
	switch {
	case err != nil:
		return fmt.Errorf("hard link to %.200q: %w", h.Linkname, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("hard link to %.200q: target is no regular file: %s", h.Linkname, info.Mode())
	case target == name:
		return fmt.Errorf("hard link to %.200q: target is the link itself", h.Linkname)
	}
	if err := u.clear(name); err != nil {
		return err
	}
	return u.root.Link(target, name)
}

// clear removes what stands at name, with all below it.
func (u *unpacker) clear(name string) error { return u.root.RemoveAll(name) }

const maxLinks = 40 // symbolic links on the way to one path, as Linux has it

// resolve returns the path of the directory dir without symbolic links. Absolute
// links start at the root of the image; a ".." above the root is an error.
// Directories that are not there are made, or an error if mkdir is false.
func (u *unpacker) resolve(dir string, mkdir bool) (string, error) {
	done, links := ".", 0
	for todo := strings.Split(dir, "/"); len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		if part == "" || part == "." {
			continue
		}
		if part == ".." {
			if done == "." {
				return "", fmt.Errorf("%q leads out of the image", dir)
			}
			done = path.Dir(done)
			continue
		}
		next := path.Join(done, part)
		info, err := u.root.Lstat(next)
		switch {
		case errors.Is(err, fs.ErrNotExist) && mkdir:
			if err := u.root.Mkdir(next, 0o755); err != nil {
				return "", err
			}
			if err := u.root.Chmod(next, 0o755); err != nil {
				return "", err
			}
		case err != nil:
			return "", err
		case info.Mode()&fs.ModeSymlink != 0:
			if links++; links > maxLinks {
				return "", fmt.Errorf("%q leads through more than %d symbolic links", dir, maxLinks)
			}
			target, err := u.root.Readlink(next)
			if err != nil {
				return "", err
			}
			if path.IsAbs(target) {
				done = "."
			}
			todo = append(strings.Split(target, "/"), todo...)
			continue
		case !info.IsDir():
			return "", fmt.Errorf("%q is no directory", next)
		}
		done = next
	}
	return done, nil
}

// whiteout removes what lower layers have at the path that name stands for.
func (u *unpacker) whiteout(name string, h *tar.Header) error {
	base := path.Base(name)
	if h.Typeflag != tar.TypeReg || h.Size != 0 {
		return fmt.Errorf("a whiteout is a %s of %d bytes, want an empty file", typeName(h.Typeflag), h.Size)
	}
	victim := strings.TrimPrefix(base, whiteoutPrefix)
	if base != opaqueWhiteout && (victim == "" || victim == "." || victim == ".." || strings.HasPrefix(victim, whiteoutPrefix)) {
		return fmt.Errorf("%q is not the name of a whiteout: want .wh.NAME or %s", base, opaqueWhiteout)
	}
	dir, err := u.resolve(path.Dir(name), false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing to remove
	}
	if err != nil {
		return err
	}
	if base == opaqueWhiteout {
		return u.hideBelow(dir)
	}
	return u.hide(path.Join(dir, victim))
}

// hide removes what lower layers have at name and below it.
func (u *unpacker) hide(name string) error {
	if !u.kept[name] {
		return u.clear(name)
	}
	info, err := u.root.Lstat(name)
	if err != nil || !info.IsDir() {
		return err
	}
	return u.hideBelow(name)
}

func (u *unpacker) hideBelow(dir string) error {
	f, err := u.root.Open(dir)
	if err != nil {
		return err
	}
	names, err := f.Readdirnames(-1)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	for _, n := range names {
		if err := u.hide(path.Join(dir, n)); err != nil {
			return err
		}
	}
	return nil
}

// typeName names the type of a tar entry.
func typeName(flag byte) string {
	switch flag {
	case tar.TypeReg:
		return "file"
	case tar.TypeDir:
		return "directory"
	case tar.TypeSymlink:
		return "symbolic link"
	case tar.TypeLink:
		return "hard link"
	case tar.TypeChar:
		return "character device"
	case tar.TypeBlock:
		return "block device"
	case tar.TypeFifo:
		return "named pipe"
	}
	return fmt.Sprintf("tar entry of type %q", flag)
}
