package sbom

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/rpm"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// Limits on a layer.
const (
	maxLayerEntries = 2_000_000
	maxLayerBytes   = 16 << 30
	maxProgramBytes = 2 << 30 // of one in which build information is looked for
)

// A layer is what was found in the tar of a layer. Paths are those of the tar, cleaned, and
// without a "/" at the beginning.
type layer struct {
	programs  map[string]*program
	databases map[string][]osPackage // by the path of the database
	logs      map[string]bool        // by the path of a database's log: whether it has something
	release   map[string]osRelease   // by the path of the file
	files     map[string]bool        // every path that is not a directory
	opaque    map[string]bool        // directories whose content in the layers below is hidden
}

// readLayer reads the layer, compressed or not, in the named file.
func readLayer(ctx context.Context, name string) (*layer, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := layout.Decompress(fileio.Reader(ctx, f))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	scratch, err := os.CreateTemp("", "program-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = errors.Join(scratch.Close(), os.Remove(scratch.Name())) }()
	l := &layer{map[string]*program{}, map[string][]osPackage{}, map[string]bool{}, map[string]osRelease{}, map[string]bool{}, map[string]bool{}}
	tr := tar.NewReader(io.LimitReader(r, maxLayerBytes))
	for n := 0; ; n++ {
		h, err := tr.Next()
		if err == io.EOF {
			return l, nil
		}
		if err == nil && n == maxLayerEntries {
			err = fmt.Errorf("more than %d entries", maxLayerEntries)
		}
		if err != nil {
			return nil, err
		}
		if err := l.entry(h, tr, scratch); err != nil {
			return nil, fmt.Errorf("%q: %w", h.Name, err)
		}
	}
}

// entry reads an entry of the tar.
func (l *layer) entry(h *tar.Header, r io.Reader, scratch *os.File) error {
	name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
	switch {
	case path.Base(name) == ".wh..wh..opq":
		l.opaque[path.Dir(name)] = true
		return nil
	case h.Typeflag == tar.TypeDir:
		return nil
	}
	l.files[name] = true
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	delete(l.programs, name)
	var err error
	switch parse := databaseOf(name); {
	case parse != nil:
		l.databases[name], err = parse(r)
		return err
	case rpm.IsDatabase(name):
		l.databases[name], err = readRPM(r, scratch)
		return err
	case rpm.IsLog(name):
		l.logs[name] = h.Size > 0
		return nil
	case isOSRelease(name):
		l.release[name], err = parseOSRelease(r)
		return err
	}
	br := bufio.NewReaderSize(r, 512)
	if head, _ := br.Peek(4); !goinfo.Executable(head) {
		return nil
	}
	p, err := spool(br, h.Size, scratch)
	l.programs[name] = p
	return err
}

// spool reads a program through a file, because build information is read at offsets.
func spool(r io.Reader, size int64, scratch *os.File) (*program, error) {
	if size > maxProgramBytes {
		s, err := sumsOf(r)
		return &program{sums: s, problem: "It is too large to look for Go build information."}, err
	}
	if err := reset(scratch); err != nil {
		return nil, err
	}
	s, err := sumsOf(io.TeeReader(r, scratch))
	if err != nil {
		return nil, err
	}
	p := &program{sums: s}
	p.readInfo(scratch)
	return p, nil
}

func reset(f *os.File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return f.Truncate(0)
}

// hides reports whether the layer hides a file of the layers below it: by a file at its path,
// or in the place of one of its directories, or by a whiteout
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md).
func (l *layer) hides(name string) bool {
	for {
		dir, base := path.Split(name)
		if l.files[name] || l.files[dir+".wh."+base] || l.opaque[path.Clean("/" + dir)[1:]] || dir == "" && l.opaque["."] {
			return true
		}
		if dir == "" {
			return false
		}
		name = strings.TrimSuffix(dir, "/")
	}
}

// visible returns the index of the layer that has the file in the image, or -1 if there is
// none. has reports whether a layer has it.
func visible(layers []*layer, name string, has func(*layer) bool) int {
	for i := len(layers) - 1; i >= 0; i-- {
		if has(layers[i]) {
			return i
		}
		if layers[i].hides(name) {
			return -1
		}
	}
	return -1
}
