package gc

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// trash is where a directory is renamed to before its content is removed, so that other
// processes find it whole or not at all.
const trash = ".gc-trash"

// looker fills a section.
type looker struct {
	*Section
	root *os.Root
}

func (l *looker) note(format string, args ...any) {
	l.Notes = append(l.Notes, fmt.Sprintf(format, args...))
}

func (l *looker) stays(e entry, why string) {
	e.why, e.goes = why, false
	l.entries = append(l.entries, e)
}

func (l *looker) goes(e entry, why string) {
	e.why, e.goes = why, true
	l.entries = append(l.entries, e)
}

// decide removes an entry unless there is a reason to keep it.
func (l *looker) decide(e entry, keep, why string) {
	if keep != "" {
		l.stays(e, keep)
	} else {
		l.goes(e, why)
	}
}

// list returns the names in a directory, sorted. There are none if it does not exist or is
// not a directory. It notes a directory that it cannot read.
func (l *looker) list(dir string) []fs.DirEntry {
	if info, err := l.root.Lstat(dir); err != nil || !info.IsDir() {
		if err == nil {
			l.note("%s is not a directory: it is left alone", dir)
		}
		return nil
	}
	entries, err := fs.ReadDir(l.root.FS(), dir)
	if err != nil {
		l.note("%s cannot be read: it is left alone: %v", dir, err)
	}
	return entries
}

// walk visits all files below an existing directory. It notes and skips what it cannot read
// and what is neither a file nor a directory.
func (l *looker) walk(ctx context.Context, dir string, visit func(e entry)) error {
	if info, err := l.root.Lstat(dir); err != nil || !info.IsDir() {
		if err == nil {
			l.note("%s is not a directory: it is left alone", dir)
		}
		return nil
	}
	return fs.WalkDir(l.root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			l.note("%s cannot be read: it is left alone: %v", name, err)
			return nil
		case d.IsDir() && d.Name() == trash:
			return fs.SkipDir
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			l.note("%s is neither a file nor a directory: it is left alone", name)
			return nil
		}
		if info, err := d.Info(); err == nil { // otherwise it has just been removed
			visit(entry{path: name, size: info.Size(), time: info.ModTime()})
		}
		return nil
	})
}

// tree returns a directory as one entry. Its time is the latest of its own and of those
// directly in it: files further below may have any time.
func (l *looker) tree(ctx context.Context, dir string) (entry, error) {
	e := entry{path: dir, tree: true}
	err := fs.WalkDir(l.root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return nil // what cannot be read has no size
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		if info.Mode().IsRegular() {
			e.size += info.Size()
		}
		if strings.Count(name, "/") <= strings.Count(dir, "/")+1 && info.ModTime().After(e.time) {
			e.time = info.ModTime()
		}
		return nil
	})
	return e, err
}

// leftovers removes what an interrupted Remove left, of any age: nothing else can find it.
func (l *looker) leftovers(ctx context.Context) error {
	if info, err := l.root.Lstat(trash); err != nil || !info.IsDir() {
		return nil
	}
	e, err := l.tree(ctx, trash)
	e.time = time.Time{}
	l.goes(e, "left behind by an interrupted gc")
	return err
}

// shrink removes the least recently used entries until the rest has at most size bytes.
func (l *looker) shrink(size int64, why string) {
	var total int64
	for _, e := range l.entries {
		total += e.size
	}
	slices.SortFunc(l.entries, func(a, b entry) int { return cmp.Or(a.time.Compare(b.time), cmp.Compare(a.path, b.path)) })
	for i := range l.entries {
		if total <= size {
			return
		}
		e := &l.entries[i]
		e.goes, e.why = true, why
		total -= e.size
	}
}

// shortDuration formats a duration without trailing zeros.
func shortDuration(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}
