package bucket

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/filelock"
)

// fileStore is a directory. Its objects are files below it; symbolic links cannot lead out of
// it. An object's version is its SHA-256.
type fileStore struct{ dir string }

// unfinished matches files that are being written, or that a crash left behind.
var unfinished = regexp.MustCompile(`^\.(.+)\.[0-9a-f]{16}\.publishing$`)

// fileLock is the lock file for writing pointers.
const fileLock = ".publish.lock"

func (s *fileStore) name(key string) string {
	return "file://" + strings.TrimSuffix(filepath.ToSlash(s.dir), "/") + "/" + key
}

func (s *fileStore) url(key string) string {
	return (&url.URL{Scheme: "file", Path: strings.TrimPrefix(s.name(key), "file://")}).String()
}

func (s *fileStore) location(object) string                            { return "" }
func (s *fileStore) copy(context.Context, string, write) (bool, error) { return false, nil }

func (s *fileStore) root(key string) (*os.Root, error) {
	if key != "" && (!fs.ValidPath(key) || !filepath.IsLocal(filepath.FromSlash(key))) {
		return nil, fmt.Errorf("path %q is not below %q", key, s.dir)
	}
	return os.OpenRoot(s.dir)
}

func (s *fileStore) list(ctx context.Context, prefix string) ([]object, error) {
	folder := path.Clean(prefix + ".")
	root, err := s.root(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer root.Close()
	var all []object
	err = fs.WalkDir(root.FS(), folder, func(p string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case p == folder && errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil || d.IsDir():
			return err
		case unfinished.MatchString(d.Name()) || p == fileLock:
			return nil
		}
		o := object{key: p, size: -1, partial: true}
		if d.Type().IsRegular() {
			info, err := d.Info()
			if err != nil {
				return err
			}
			o.size = info.Size()
		}
		all = append(all, o)
		return nil
	})
	slices.SortFunc(all, byKey)
	return all, err
}

// blocked finds a directory at the object's path, and a file above it.
func (s *fileStore) blocked(key string) string {
	root, err := s.root(key)
	if err != nil {
		return ""
	}
	defer root.Close()
	if info, err := root.Lstat(key); err == nil && info.IsDir() {
		return "a directory"
	}
	for dir := path.Dir(key); dir != "."; dir = path.Dir(dir) {
		if info, err := root.Stat(dir); err == nil && !info.IsDir() {
			return fmt.Sprintf("no directory at %q", s.name(dir))
		}
	}
	return ""
}

func (s *fileStore) stat(ctx context.Context, key string) (object, error) {
	f, o, err := s.open(ctx, key, "", 0)
	if err != nil {
		return o, err
	}
	defer f.Close()
	o.sha256, o.size, err = digest.FromReader(fileio.Reader(ctx, f))
	o.version, o.checked = string(o.sha256), true
	return o, err
}

// open leaves the object's version empty, because that would need the content.
func (s *fileStore) open(_ context.Context, key, _ string, offset int64) (io.ReadCloser, object, error) {
	root, err := s.root(key)
	if err != nil {
		return nil, object{}, err
	}
	defer root.Close()
	info, err := root.Lstat(key)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("reading %q: got mode %v, want a file", s.name(key), info.Mode().Type())
	}
	if err != nil {
		return nil, object{}, err
	}
	f, err := root.Open(key)
	if err != nil {
		return nil, object{}, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		f.Close()
		return nil, object{}, err
	}
	return f, object{key: key, size: info.Size()}, nil
}

// put writes and syncs a temporary file beside the object, then links or renames it.
func (s *fileStore) put(ctx context.Context, w write) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	root, err := s.root(w.key)
	if err != nil {
		return err
	}
	defer root.Close()
	folder, base := path.Split(w.key)
	folder = path.Clean(folder)
	if err := makeFolders(root, folder); err != nil {
		return err
	}
	if w.guard != "" { // the lock prevents sweeps
		unlock, err := filelock.Lock(filepath.Join(s.dir, fileLock))
		if err != nil {
			return err
		}
		defer unlock()
	}
	temp := path.Join(folder, fmt.Sprintf(".%s.%016x.publishing", base, rand.Uint64()))
	defer root.Remove(temp)
	if err := s.fill(ctx, root, temp, w); err != nil {
		return fmt.Errorf("writing %q: %w", s.name(w.key), err)
	}
	if err := s.reveal(root, temp, w); err != nil {
		return fmt.Errorf("writing %q: %w", s.name(w.key), err)
	}
	sweep(root, folder, base)
	return syncFolder(root, folder)
}

// makeFolders is os.Root.MkdirAll that syncs each new directory.
func makeFolders(root *os.Root, folder string) error {
	if folder == "." {
		return nil
	}
	if err := makeFolders(root, path.Dir(folder)); err != nil {
		return err
	}
	switch err := root.Mkdir(folder, 0o755); {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return syncFolder(root, path.Dir(folder))
}

func (s *fileStore) fill(ctx context.Context, root *os.Root, temp string, w write) error {
	r, err := w.open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, sum), &counter{fileio.Reader(ctx, r), w.sent})
	if got := digest.FromSum(sum.Sum(nil)); err == nil && got != w.digest {
		err = fmt.Errorf("sha256: got %s, want %s", got, w.digest)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (s *fileStore) reveal(root *os.Root, temp string, w write) error {
	if w.guard == "" {
		switch err := root.Link(temp, w.key); {
		case errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrNotExist): // the latter: swept by the writer that was first
			return errTaken
		case err == nil:
			return nil
		}
		unlock, err := filelock.Lock(filepath.Join(s.dir, fileLock)) // the file system has no links
		if err != nil {
			return err
		}
		defer unlock()
	}
	found := ""
	if f, err := root.Open(w.key); err == nil {
		d, _, err := digest.FromReader(f)
		f.Close()
		if err != nil {
			return err
		}
		found = string(d)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if found != w.guard {
		return errTaken
	}
	err := root.Rename(temp, w.key)
	if errors.Is(err, fs.ErrNotExist) {
		return errTaken
	}
	return err
}

// sweep removes temporary files that crashes left beside a file that is now complete.
func sweep(root *os.Root, folder, base string) {
	entries, _ := fs.ReadDir(root.FS(), folder)
	for _, e := range entries {
		if m := unfinished.FindStringSubmatch(e.Name()); m != nil && m[1] == base {
			_ = root.Remove(path.Join(folder, e.Name()))
		}
	}
}
