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

// image removes a version's tag, the lists of what refers to it, and the blobs that nothing else
// in the index needs.
func (r *removed) image(ctx context.Context, x *tagged, all []string) error {
	goes, stays := x.split(r.version)
	if len(goes) == 0 {
		return nil
	}
	kept, own, gone, err := r.needed(x.dir, goes, stays, all)
	name := path.Join(x.dir, layout.IndexFile)
	r.edits(name+" tag "+r.version, func(_ context.Context, root *os.Root) error { return retag(root, x.dir, r.version, removing+r.version) })
	if err != nil {
		r.l.note("%s: all blobs of release %s stay: which of them others need is not known: %v", x.dir, r.version, err)
	} else {
		for _, d := range own.list {
			if kept.has(d) {
				continue
			}
			if err := r.goes(ctx, path.Join(x.dir, layout.Blob(d))); err != nil {
				return err
			}
		}
	}
	// The version's own entry is the last: with that, a later gc finds what is left.
	for _, tag := range append(tagsOf(gone), removing+r.version) {
		r.edits(name+" tag "+tag, func(_ context.Context, root *os.Root) error { return retag(root, x.dir, tag, "") })
	}
	return nil
}

// needed returns the blobs of a layout's entries that stay, and of those that go. gone are the
// lists of referrers whose subject goes. What belongs to all other versions that go is in
// neither.
func (r *removed) needed(dir string, goes, stays []layout.Entry, all []string) (kept, own *blobs, gone []layout.Entry, err error) {
	kept, own = &blobs{root: r.l.root, dir: dir}, &blobs{root: r.l.root, dir: dir}
	others := &blobs{root: r.l.root, dir: dir}
	stays = slices.DeleteFunc(stays, func(d layout.Entry) bool {
		if !slices.Contains(all, d.Tag) {
			return false
		}
		_ = others.add(d.Digest) // of a version that goes too; its own removal reports errors
		return true
	})
	var lists []layout.Entry
	for _, d := range stays {
		if strings.HasPrefix(d.Tag, referrersPrefix) {
			lists = append(lists, d)
			continue
		}
		err = errors.Join(err, kept.add(d.Digest))
	}
	add := func(d layout.Entry) {
		if ownErr := own.add(d.Digest); !errors.Is(ownErr, fs.ErrNotExist) { // otherwise an earlier gc has removed it
			err = errors.Join(err, ownErr)
		}
	}
	for _, d := range goes {
		add(d)
	}
	for _, d := range lists {
		switch subject := digest.Digest("sha256:" + strings.TrimPrefix(d.Tag, referrersPrefix)); {
		case kept.has(subject), !own.has(subject) && !others.has(subject) && own.exists(subject):
			err = errors.Join(err, kept.add(d.Digest))
		case own.has(subject), !own.exists(subject):
			gone = append(gone, d)
			add(d)
		}
	}
	return kept, own, gone, err
}

// referrersPrefix begins the tag with the list of the manifests that refer to another, whose
// digest follows (distribution-spec v1.1, referrers tag schema).
const referrersPrefix = "sha256-"

func tagsOf(entries []layout.Entry) []string {
	var tags []string
	for _, d := range entries {
		tags = append(tags, d.Tag)
	}
	return tags
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

func (b *blobs) has(d digest.Digest) bool { return slices.Contains(b.list, d) }

func (b *blobs) exists(d digest.Digest) bool {
	_, err := b.root.Lstat(path.Join(b.dir, layout.Blob(d)))
	return err == nil
}

func (b *blobs) add(d digest.Digest) error {
	if _, err := digest.Parse(string(d)); err != nil {
		return err
	}
	if b.has(d) {
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
