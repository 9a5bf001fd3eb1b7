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

// smallSize is up to where, in bytes, reading a file here is faster than asking the
// store for more than its listing says.
const smallSize = 8 << 20

// PlanFile returns the item of a release's file at a key.
func (p *Place) PlanFile(ctx context.Context, kind, key string, f release.File) (publish.Item, error) {
	o, err := p.store.stat(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return p.item(ctx, kind, key, f, nil)
	} else if err != nil {
		return publish.Item{}, err
	}
	return p.item(ctx, kind, key, f, &o)
}

// item returns the item of a release's file at a key, with what is there: nil if
// nothing is.
func (p *Place) item(ctx context.Context, kind, key string, f release.File, o *object) (publish.Item, error) {
	i := publish.Item{
		Phase: publish.Upload, Kind: kind, Name: p.store.name(key), Path: f.Path, Digest: string(f.Digest), Size: f.Size,
		State: publish.Absent, URL: p.store.url(key),
	}
	if o == nil {
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

// compare returns what is there instead of the file, or nothing if it is the file,
// and all that was learned of the object. It asks for no more than it needs.
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
		return "no file"
	case o.sha256 != "":
		return string(o.sha256)
	}
	return fmt.Sprintf("other content of %d bytes", o.size)
}

// sameSums compares the sums that a store computed with those of the release's file.
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

// create writes the object of an item that was absent.
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
		key: key, digest: f.Digest, size: f.Size, contentType: contentType(f.Path), cacheControl: immutable,
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

// settle says whether what came since the plan is what was to be created.
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

// VerifyObject checks that an object is what an item says, as [publish.Destination] has it.
func (p *Place) VerifyObject(ctx context.Context, i publish.Item, deep bool) error {
	return p.verify(ctx, i, nil, deep)
}

// verify checks that an object is what an item says. Without o it asks for it.
// The content is read if deep, or if the store's own word does not do: its version
// is another one than that which was recorded.
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
	want := digest.Digest(i.Digest)
	switch {
	case o.size != i.Size:
		return fmt.Errorf("object %q: got %d bytes, want %d", i.Name, o.size, i.Size)
	case o.sha256 != "" && o.sha256 != want:
		return fmt.Errorf("object %q: got %s, want %s", i.Name, o.sha256, want)
	case !deep && (o.checked || o.version != "" && o.version == i.Version):
		return nil
	}
	got, _, err := hash(ctx, p.store, key, o.version)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("object %q: got none, want %s", i.Name, want)
	} else if err == nil && got != want {
		err = fmt.Errorf("object %q: got %s, want %s", i.Name, got, want)
	}
	return err
}

// unexpected are the objects below a prefix whose keys are not among the wanted.
func unexpected(objects []object, wanted func(key string) bool) []object {
	var more []object
	for _, o := range objects {
		if !wanted(o.key) {
			more = append(more, o)
		}
	}
	return more
}

// below returns the prefix that an item's key has without its path; false if the
// object is not at its path.
func below(key, path string) (string, bool) {
	prefix, ok := strings.CutSuffix(key, path)
	return prefix, ok && (prefix == "" || strings.HasSuffix(prefix, "/"))
}
