package compare

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"
)

// tarArchive is one side of two tars (POSIX.1-2017 pax, and GNU's).
type tarArchive struct {
	c        content
	entries  []entry
	reader   *tar.Reader
	file     io.Closer
	next     int // index of the entry that the reader comes to
	reopened int
}

func (e *explainer) tar(ctx context.Context, p pair) error {
	old, err := e.readTar(ctx, p.old)
	if err != nil {
		return fmt.Errorf("reading the old tar: %w", err)
	}
	new, err := e.readTar(ctx, p.new)
	if err != nil {
		return fmt.Errorf("reading the new tar: %w", err)
	}
	return e.archives(ctx, &archives{p: p, format: formatTar, old: old, new: new})
}

// readTar reads a tar once, and keeps headers and sums.
func (e *explainer) readTar(ctx context.Context, c content) (*tarArchive, error) {
	r, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	a, t, buf, names := &tarArchive{c: c}, tar.NewReader(r), make([]byte, 64<<10), 0
	for {
		h, err := t.Next()
		if err == io.EOF {
			return a, nil
		}
		if err != nil {
			return nil, err
		}
		x := entry{name: limited(h.Name, 4000), attrs: tarAttrs(h)}
		sum := newHash()
		if x.size, err = e.copyBounded(ctx, sum, t, buf); err != nil {
			return nil, err
		}
		sum.Sum(x.sum[:0])
		a.entries = append(a.entries, x)
		for _, attr := range x.attrs {
			names += len(attr.what) + len(attr.value)
		}
		if names += len(x.name); names > maxNames || len(a.entries) > maxEntries {
			return nil, fmt.Errorf("%w: more than %d entries or %d bytes of their headers", errBound, maxEntries, maxNames)
		}
	}
}

// tarAttrs are what a header says; what is as usual is left out.
func tarAttrs(h *tar.Header) attrs {
	a := attrs{
		{"type", tarType(h.Typeflag)}, {"mode", octal(h.Mode)}, {"mtime", stamp(h.ModTime)},
		{"owner", fmt.Sprintf("%d:%d %s:%s", h.Uid, h.Gid, limited(h.Uname, 100), limited(h.Gname, 100))},
		{"header format", h.Format.String()},
	}
	if h.Linkname != "" {
		a = append(a, attr{"link", limited(h.Linkname, 4000)})
	}
	if h.Devmajor != 0 || h.Devminor != 0 {
		a = append(a, attr{"device", strconv.FormatInt(h.Devmajor, 10) + ":" + strconv.FormatInt(h.Devminor, 10)})
	}
	if !h.AccessTime.IsZero() {
		a = append(a, attr{"atime", stamp(h.AccessTime)})
	}
	if !h.ChangeTime.IsZero() {
		a = append(a, attr{"ctime", stamp(h.ChangeTime)})
	}
	for _, k := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		switch k {
		case "mtime", "atime", "ctime", "path", "linkpath", "uid", "gid", "uname", "gname", "size":
		default:
			a = append(a, attr{"header " + limited(k, 100), limited(h.PAXRecords[k], 1000)})
		}
	}
	return a
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func tarType(flag byte) string {
	names := map[byte]string{
		tar.TypeReg: "file", '\x00': "file", tar.TypeLink: "hard link", tar.TypeSymlink: "symbolic link", tar.TypeChar: "character device",
		tar.TypeBlock: "block device", tar.TypeDir: "directory", tar.TypeFifo: "fifo", tar.TypeXGlobalHeader: "global header",
	}
	if n, ok := names[flag]; ok {
		return n
	}
	return fmt.Sprintf("%q", flag)
}

func (a *tarArchive) list() []entry { return a.entries }

// content goes to entry i: forwards, or from the start again, which it does a few
// times only.
func (a *tarArchive) content(ctx context.Context, i int) (content, error) {
	if a.reader == nil || i < a.next {
		if a.reopened++; a.reopened > maxReopened {
			return content{}, fmt.Errorf("%w: entries in another order", errBound)
		}
		a.close()
		f, err := a.c.open(ctx)
		if err != nil {
			return content{}, err
		}
		a.file, a.reader, a.next = f, tar.NewReader(f), 0
	}
	for ; a.next <= i; a.next++ {
		_, err := a.reader.Next()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return content{}, err
		}
	}
	return once(a.reader, a.entries[i].size), nil
}

func (a *tarArchive) close() {
	if a.file != nil {
		a.file.Close()
		a.file, a.reader = nil, nil
	}
}
