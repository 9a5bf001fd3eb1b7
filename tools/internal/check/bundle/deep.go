package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
)

// Deep compares the modules in a verified bundle with the h1 sums that pin them. It unpacks
// them in memory. Pack and builds do this too: Deep is for a bundle from somebody else.
func Deep(ctx context.Context, name string, x *Index) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	offsets, err := x.offsets()
	if err != nil {
		return err
	}
	errs := parallel.Do(len(x.Entries), runtime.GOMAXPROCS(0), func(i int) error {
		e := &x.Entries[i]
		if e.Sum == "" || ctx.Err() != nil {
			return ctx.Err()
		}
		got, err := hashModule(e.Path, io.NewSectionReader(f, offsets[i], e.Size))
		if err == nil && got != e.Sum {
			err = fmt.Errorf("h1 sum: got %s, want %s", got, e.Sum)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", e, err)
		}
		return err
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return hint.With(errors.Join(errs...), "the bundle has another module than the lock pins: pack it again")
}

// offsets returns the offset of each entry's content in a bundle.
func (x *Index) offsets() ([]int64, error) {
	data, err := x.seal()
	if err != nil {
		return nil, err
	}
	at := int64(0)
	var list []int64
	place := func(name string, size int64) error {
		h, err := headerBytes(name, size)
		list = append(list, at+int64(len(h)))
		at += int64(len(h)) + size + padding(size)
		return err
	}
	errs := []error{place(IndexName, int64(len(data)))}
	for i := range x.Entries {
		errs = append(errs, place(x.Entries[i].Path, x.Entries[i].Size))
	}
	return list[1:], errors.Join(errs...)
}

// hashModule returns the h1 sum of a module's zip or go.mod.
func hashModule(path string, r *io.SectionReader) (string, error) {
	if strings.HasSuffix(path, ".zip") {
		return gomod.HashZipReader(r, r.Size())
	}
	return dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return io.NopCloser(r), nil })
}
