package gc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
)

// Remove removes what the plan lists, one thing at a time, and counts it in Freed. What was
// used since the plan was made stays. If ctx ends, the rest stays, and a new plan finds it.
// The error joins one for each thing that cannot be removed.
func (p *Plan) Remove(ctx context.Context) error {
	var errs []error
	for _, s := range p.Sections {
		freed, err := s.removeAll(ctx)
		p.Freed += freed
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *Section) removeAll(ctx context.Context) (freed int64, err error) {
	var errs []error
	root, err := os.OpenRoot(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer root.Close()
	if s.before != nil {
		if err := s.before(root); err != nil {
			return 0, fmt.Errorf("removing from %s %q: %w", s.Name, s.Dir, err)
		}
	}
	for i := range s.entries {
		e := &s.entries[i]
		if !e.goes {
			continue
		}
		if ctx.Err() != nil {
			return freed, errors.Join(append(errs, ctx.Err())...)
		}
		removed, err := s.removeOne(ctx, root, e)
		if removed {
			freed += e.size
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("removing from %s %q: %w", s.Name, s.Dir, err))
			if e.named {
				break // names and pointers of a release before its content
			}
		}
	}
	_ = root.Remove(trash) // if it is empty
	return freed, errors.Join(errs...)
}

func (s *Section) removeOne(ctx context.Context, root *os.Root, e *entry) (bool, error) {
	if s.hold != nil {
		unlock, err := s.hold()
		if err != nil {
			return false, err
		}
		defer unlock()
	}
	return remove(ctx, root, e)
}

// remove removes an entry unless it was used meanwhile or is already gone.
func remove(ctx context.Context, root *os.Root, e *entry) (bool, error) {
	if e.do != nil {
		return true, e.do(ctx, root)
	}
	info, err := root.Lstat(e.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case e.path == trash:
		return true, removeTree(root, trash)
	case info.IsDir() != e.tree || !e.named && info.ModTime().After(e.time):
		return false, nil
	}
	if !e.tree {
		err = root.Remove(e.path)
	} else {
		err = removeWhole(root, e.path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		removeEmpty(root, path.Dir(e.path))
	}
	return err == nil, err
}

// removeWhole makes a directory vanish at once: it renames it, then removes it.
func removeWhole(root *os.Root, dir string) error {
	if err := root.Mkdir(trash, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	to := path.Join(trash, fmt.Sprintf("%d-%s", os.Getpid(), path.Base(dir)))
	if err := root.Rename(dir, to); err != nil {
		return err
	}
	return removeTree(root, to)
}

// removeTree removes a directory, including write-protected parts.
func removeTree(root *os.Root, dir string) error {
	if root.RemoveAll(dir) == nil {
		return nil
	}
	err := fs.WalkDir(root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = root.Chmod(name, 0o700)
		}
		return nil
	})
	return errors.Join(err, root.RemoveAll(dir))
}

// removeEmpty removes a directory, and those above it, while they are empty.
func removeEmpty(root *os.Root, dir string) {
	for dir != "." && root.Remove(dir) == nil {
		dir = path.Dir(dir)
	}
}
