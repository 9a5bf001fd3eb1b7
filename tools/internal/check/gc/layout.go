package gc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// tagged is an OCI image layout with a tag for each release.
type tagged struct {
	dir   string
	index *layout.Index
}

// removing stands before the version in a tag whose image is being removed: nobody finds
// it by that, but the next gc, should this one end.
const removing = ".gc-"

func readLayout(root *os.Root, dir string) (*tagged, error) {
	name := path.Join(dir, layout.IndexFile)
	data, err := root.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	index, err := layout.ParseIndex(data)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	return &tagged{dir, index}, nil
}

// split returns the entries with a version's tag, and all others.
func (x *tagged) split(version string) (goes, stays []layout.Entry) {
	for _, d := range x.index.Manifests {
		if d.Tag == version || d.Tag == removing+version {
			goes = append(goes, d)
		} else {
			stays = append(stays, d)
		}
	}
	return goes, stays
}

// aliases returns the other tags of a version's image, except versions.
func (x *tagged) aliases(version string, versions []string) []string {
	goes, stays := x.split(version)
	var list []string
	for _, d := range stays {
		same := func(g layout.Entry) bool { return g.Digest == d.Digest }
		own := slices.Contains(versions, strings.TrimPrefix(d.Tag, removing))
		if d.Tag != "" && !own && slices.ContainsFunc(goes, same) {
			list = append(list, x.dir+":"+d.Tag)
		}
	}
	return list
}

// image removes a version's tag, and the blobs that nothing else in the index needs.
func (r *removed) image(ctx context.Context, x *tagged, all []string) error {
	goes, stays := x.split(r.version)
	stays = slices.DeleteFunc(stays, func(d layout.Entry) bool { return slices.Contains(all, d.Tag) })
	if len(goes) == 0 {
		return nil
	}
	kept, own := &blobs{root: r.l.root, dir: x.dir}, &blobs{root: r.l.root, dir: x.dir}
	var err error
	for _, d := range stays {
		err = errors.Join(err, kept.add(d.Digest))
	}
	for _, d := range goes {
		if ownErr := own.add(d.Digest); !errors.Is(ownErr, fs.ErrNotExist) { // otherwise an earlier gc has removed it
			err = errors.Join(err, ownErr)
		}
	}
	name := path.Join(x.dir, layout.IndexFile)
	r.edits(name+" tag "+r.version, func(_ context.Context, root *os.Root) error { return retag(root, x.dir, r.version, removing+r.version) })
	if err != nil {
		r.l.note("%s: all blobs of release %s stay: which of them others need is not known: %v", x.dir, r.version, err)
	} else {
		for _, d := range own.list {
			if slices.Contains(kept.list, d) {
				continue
			}
			if err := r.goes(ctx, path.Join(x.dir, layout.Blob(d))); err != nil {
				return err
			}
		}
	}
	r.edits(name, func(_ context.Context, root *os.Root) error { return retag(root, x.dir, removing+r.version, "") })
	return nil
}

// retag renames a tag of a layout, or removes it.
func retag(root *os.Root, dir, from, to string) error {
	x, err := readLayout(root, dir)
	if err != nil {
		return err
	}
	kept := []layout.Entry{} // not null
	for _, e := range x.index.Manifests {
		if e.Tag == from {
			if to == "" {
				continue
			}
			if err := e.Retag(to); err != nil {
				return err
			}
		}
		kept = append(kept, e)
	}
	x.index.Manifests = kept
	data, err := jsonfile.Marshal(x.index)
	if err != nil {
		return err
	}
	return rewrite(root, path.Join(dir, layout.IndexFile), data)
}

// blobs returns the blobs of a manifest or an index, each once: itself last.
type blobs struct {
	root *os.Root
	dir  string
	list []digest.Digest
}

func (b *blobs) add(d digest.Digest) error {
	if _, err := digest.Parse(string(d)); err != nil {
		return err
	}
	if slices.Contains(b.list, d) {
		return nil
	}
	f, err := b.root.Open(path.Join(b.dir, layout.Blob(d)))
	if err != nil {
		return err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxDocument))
	if err != nil {
		return err
	}
	doc, err := layout.Parse(raw)
	if err != nil {
		return fmt.Errorf("reading %s: %w", d, err)
	}
	var errs []error
	for _, m := range doc.Manifests {
		errs = append(errs, b.add(layout.DigestOf(m)))
	}
	if doc.Config != nil {
		doc.Layers = append(doc.Layers, *doc.Config)
	}
	for _, blob := range doc.Layers {
		if d := layout.DigestOf(blob); !slices.Contains(b.list, d) {
			b.list = append(b.list, d)
		}
	}
	b.list = append(b.list, d)
	return errors.Join(errs...)
}
