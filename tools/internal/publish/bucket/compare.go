package bucket

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// smallSize is the size, in bytes, up to which it is faster to read the local file than to
// ask the store for more than its listing has.
const smallSize = 8 << 20

// PlanFile returns the item for a file of the release at a key.
func (p *Place) PlanFile(ctx context.Context, kind, key string, f release.File) (publish.Item, error) {
	o, err := p.store.stat(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return p.item(ctx, kind, key, f, nil)
	} else if err != nil {
		return publish.Item{}, err
	}
	return p.item(ctx, kind, key, f, &o)
}

// item returns the item for a file of the release at a key. o is the existing object, or nil.
func (p *Place) item(ctx context.Context, kind, key string, f release.File, o *object) (publish.Item, error) {
	i := publish.Item{
		Phase: publish.Upload, Kind: kind, Name: p.store.name(key), Path: f.Path, Digest: string(f.Digest), Size: f.Size,
		State: publish.Absent, URL: p.store.url(key),
	}
	p.Serve(&i, key)
	if o == nil {
		if b, ok := p.store.(blocked); ok {
			if i.Found = b.blocked(key); i.Found != "" {
				i.State = publish.Conflict
			}
		}
		return i, nil
	}
	now, found, err := p.compare(ctx, *o, f)
	switch {
	case err != nil:
		return i, fmt.Errorf("comparing object %q: %w", i.Name, err)
	case found == "":
		i.State, i.Version = publish.Equal, now.version
	default:
		i.State, i.Found = publish.Conflict, found
	}
	return i, nil
}

// compare returns what the existing object is instead of the file, or "" if it is the file,
// and the object with all that was learned about it. It makes as few requests as possible.
func (p *Place) compare(ctx context.Context, o object, f release.File) (object, string, error) {
	if o.size != f.Size {
		return o, describe(o), nil
	}
	differs := false
	if o.partial && o.md5 != nil && f.Size <= smallSize {
		same, err := p.sameSums(ctx, o, f)
		if err != nil || same {
			return o, "", err
		}
		differs = true
	}
	if o.partial {
		var err error
		if o, err = p.store.stat(ctx, o.key); err != nil {
			return o, "", err
		}
	}
	switch {
	case o.size != f.Size || o.sha256 != "" && o.sha256 != f.Digest:
		return o, describe(o), nil
	case o.checked, o.sha256 != "" && (!differs || o.md5 == nil):
		return o, "", nil
	case o.md5 != nil && !o.weak:
		if same, err := p.sameSums(ctx, o, f); err != nil || same {
			return o, "", err
		}
		return o, describe(object{size: o.size}), nil
	}
	got, size, err := hash(ctx, p.store, o.key, o.version)
	if err == nil && got != f.Digest {
		return o, describe(object{size: size, sha256: got}), nil
	}
	return o, "", err
}

func describe(o object) string {
	switch {
	case o.size < 0:
		return "not a file"
	case o.sha256 != "":
		return string(o.sha256)
	}
	return fmt.Sprintf("other content of %d bytes", o.size)
}

// sameSums compares the sums that a store computed with those of the file.
func (p *Place) sameSums(ctx context.Context, o object, f release.File) (bool, error) {
	r, err := p.tree.Open(ctx, f.Path)
	if err != nil {
		return false, err
	}
	defer r.Close()
	m, c := md5.New(), crc32.New(castagnoli)
	if _, err := io.Copy(io.MultiWriter(m, c), fileio.Reader(ctx, r)); err != nil {
		return false, err
	}
	return bytes.Equal(m.Sum(nil), o.md5) && (o.crc32c == nil || bytes.Equal(c.Sum(nil), o.crc32c)), nil
}

// create writes the object of an absent item.
func (p *Place) create(ctx context.Context, i publish.Item, report publish.Report) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key, err := p.Key(i.Name)
	if err != nil {
		return err
	}
	f, ok := p.tree.Find(i.Path)
	if !ok || string(f.Digest) != i.Digest {
		return fmt.Errorf("object %q: the release has no file %q with %s", i.Name, i.Path, i.Digest)
	}
	w := write{
		key: key, digest: f.Digest, size: f.Size, headers: headers{contentType(f.Path), immutable},
		open: func(ctx context.Context) (io.ReadCloser, error) { return p.tree.Open(ctx, f.Path) },
		sent: func(n int64) { report(publish.Progress{Bytes: n}) },
	}
	done := false
	if from := p.tree.Location(f.Path); from != "" {
		done, err = p.store.copy(ctx, from, w)
	}
	if !done && err == nil {
		err = p.store.put(ctx, w)
	}
	if errors.Is(err, errTaken) {
		err = p.settle(ctx, key, f, err)
	}
	if err == nil {
		report(publish.Progress{Done: &i})
	}
	return err
}

// settle checks whether an object that appeared since the plan is the one to create.
func (p *Place) settle(ctx context.Context, key string, f release.File, taken error) error {
	o, err := p.store.stat(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return taken
	}
	found := ""
	if err == nil {
		_, found, err = p.compare(ctx, o, f)
	}
	if err == nil && found != "" {
		err = fmt.Errorf("creating object %q: got %s, want none or %s: %w", p.store.name(key), found, f.Digest, publish.ErrChanged)
	}
	return err
}

// VerifyObject checks that an object matches its item, as [publish.Destination] defines it.
func (p *Place) VerifyObject(ctx context.Context, i publish.Item, deep bool) error {
	return p.verify(ctx, i, nil, deep)
}

// verify checks that an object matches its item. If o is nil it requests the object. It reads
// the content if deep, or if the store's metadata is not enough because the object's version
// is not the recorded one.
func (p *Place) verify(ctx context.Context, i publish.Item, o *object, deep bool) error {
	key, err := p.Key(i.Name)
	if err != nil {
		return err
	}
	if o == nil {
		got, err := p.store.stat(ctx, key)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("object %q: got none, want %s", i.Name, i.Digest)
		} else if err != nil {
			return err
		}
		o = &got
	}
	if i.ContentType != "" && o.partial {
		if *o, err = p.store.stat(ctx, key); err != nil {
			return err
		}
	}
	want := digest.Digest(i.Digest)
	switch {
	case o.size != i.Size:
		return fmt.Errorf("object %q: got %d bytes, want %d", i.Name, o.size, i.Size)
	case o.sha256 != "" && o.sha256 != want:
		return fmt.Errorf("object %q: got %s, want %s", i.Name, o.sha256, want)
	case !deep && (o.checked || o.version != "" && o.version == i.Version):
		return p.checkServed(i, *o)
	}
	got, _, err := hash(ctx, p.store, key, o.version)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("object %q: got none, want %s", i.Name, want)
	case err == nil && got != want:
		return fmt.Errorf("object %q: got %s, want %s", i.Name, got, want)
	case err != nil:
		return err
	}
	return p.checkServed(i, *o)
}

// unexpected returns the objects whose keys are not wanted.
func unexpected(objects []object, wanted func(key string) bool) []object {
	var more []object
	for _, o := range objects {
		if !wanted(o.key) {
			more = append(more, o)
		}
	}
	return more
}

// below returns an item's key without its path; false if the key does not end with the path.
func below(key, path string) (string, bool) {
	prefix, ok := strings.CutSuffix(key, path)
	return prefix, ok && (prefix == "" || strings.HasSuffix(prefix, "/"))
}
