package archive

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"time"
)

// copyBufferSize is the size of the copy buffer, in bytes.
const copyBufferSize = 1 << 20

// WriteTar writes entries to w as a tar stream (POSIX.1-2001): ustar headers, and pax
// records only for entries whose name, link target or size does not fit or is not ASCII.
// Entries are sorted by path in byte order. Each parent directory is there once, before
// its files. The owner is 0:0, without names. The order of entries has no effect on the
// output.
//
// All entries are checked before the first byte is written. Errors name the entry, and for
// conflicting paths both entries. A file whose size changes while it is read is an error.
// WriteTar does not close w.
func WriteTar(w io.Writer, entries []Entry, opts Options) error {
	mtime, err := opts.modTime()
	if err != nil {
		return err
	}
	items, err := plan(entries, opts.Prefix)
	if err != nil {
		return err
	}
	if err := opts.check(items); err != nil {
		return err
	}
	if opts.FilesOnly {
		items = slices.DeleteFunc(items, func(it item) bool { return it.kind == kindDir && it.parent })
	}
	if opts.First != "" {
		first := path.Join(opts.Prefix, opts.First)
		if i := slices.IndexFunc(items, func(it item) bool { return it.name == first }); i > 0 {
			items = slices.Concat(items[i:i+1], items[:i], items[i+1:])
		}
	}
	tw := tar.NewWriter(w)
	buf := make([]byte, copyBufferSize)
	for _, it := range items {
		if err := writeTarItem(tw, it, mtime, buf); err != nil {
			return fmt.Errorf("writing tar entry %q: %w", it.name, err)
		}
	}
	return tw.Close()
}

// WriteTarGzip is WriteTar through NewGzipWriter.
func WriteTarGzip(w io.Writer, entries []Entry, opts Options) error {
	return writeTarTo(NewGzipWriter(w), entries, opts)
}

// writeTarTo writes a tar to a compressor, and closes it.
func writeTarTo(z io.WriteCloser, entries []Entry, opts Options) error {
	err := WriteTar(z, entries, opts)
	if closeErr := z.Close(); err == nil {
		err = closeErr
	}
	return err
}

func writeTarItem(tw *tar.Writer, it item, mtime time.Time, buf []byte) error {
	h := &tar.Header{Name: it.name, Mode: int64(it.mode), ModTime: mtime}
	switch it.kind {
	case kindDir:
		h.Typeflag, h.Name = tar.TypeDir, it.name+"/"
	case kindLink:
		h.Typeflag, h.Linkname = tar.TypeSymlink, it.target
	default:
		h.Typeflag, h.Size = tar.TypeReg, it.size
	}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	return it.copyTo(tw, buf)
}

// copyTo writes the content of a file to w. For other kinds it does nothing.
func (it item) copyTo(w io.Writer, buf []byte) error {
	switch {
	case it.kind != kindFile:
		return nil
	case it.source == "":
		_, err := w.Write(it.content)
		return err
	}
	f, err := os.Open(it.source)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := copyExactly(w, f, it.size, buf); err != nil {
		return fmt.Errorf("reading %q: %w", it.source, err)
	}
	return nil
}
