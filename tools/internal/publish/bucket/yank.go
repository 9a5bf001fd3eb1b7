package bucket

import (
	"context"
	"errors"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

const (
	yankKind = "yank"
	// yankSuffix follows the version in the key of the record of a yank, which is beside the
	// release's objects.
	yankSuffix = ".yanked.json"
)

// planYank returns the item of the record: of the yank, or a conflict if the release to publish
// was yanked.
func (b *bucket) planYank(ctx context.Context) ([]publish.Item, error) {
	version := b.tree.Version
	if b.yank != nil {
		version = b.yank.Tree.Version
	}
	key := b.prefix + version + yankSuffix
	found, o, err := readPointer(ctx, b.store, key, jsonfile.MaxSize)
	if err != nil && !errors.Is(err, ErrTooLarge) {
		return nil, err
	}
	i := publish.Item{Phase: publish.Upload, Kind: yankKind, Name: b.store.name(key), State: publish.Absent, Leaves: version, URL: b.store.url(key)}
	if b.yank == nil {
		if o.version == "" && err == nil {
			return nil, nil
		}
		i.State, i.Found, i.Digest, i.Leaves = publish.Conflict, b.yanked(i.Name, found), "none", ""
		i.Reason = "a yanked release is not published again, unless somebody deletes this record"
		return []publish.Item{i}, nil
	}
	data, err := b.yank.Record()
	if err != nil {
		return nil, err
	}
	i.Digest, i.Size = string(digest.FromBytes(data)), int64(len(data))
	b.Serve(&i, key)
	// The first record stays: a second yank may give another reason.
	if _, err := publish.ParseYank(i.Name, found); err == nil {
		i.State, i.Version, i.Digest = publish.Equal, o.version, string(digest.FromBytes(found))
	} else if o.version != "" {
		i.State, i.Found = publish.Conflict, "not the record of a yank"
	}
	return []publish.Item{i}, nil
}

// yanked describes a record for people.
func (b *bucket) yanked(name string, data []byte) string {
	r, err := publish.ParseYank(name, data)
	if err != nil {
		return "a record that cannot be read"
	}
	return "that " + r.String()
}

// record writes the record of the yank.
func (b *bucket) record(ctx context.Context, i publish.Item, report publish.Report) error {
	if b.yank == nil {
		return errors.New("writing the record of a yank: this run publishes")
	}
	key, err := b.Key(i.Name)
	if err != nil {
		return err
	}
	data, err := b.yank.Record()
	if err != nil {
		return err
	}
	if err := b.Create(ctx, key, data); err != nil {
		return err
	}
	report(publish.Progress{Bytes: i.Size, Done: &i})
	return nil
}

// ReadYank returns the record of the yank of a version in a bucket, nil if there is none.
func ReadYank(ctx context.Context, c Config, version string) (*publish.YankRecord, error) {
	p, err := Open(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	key := p.prefix + version + yankSuffix
	data, o, err := readPointer(ctx, p.store, key, jsonfile.MaxSize)
	if err != nil || o.version == "" {
		return nil, err
	}
	return publish.ParseYank(p.store.name(key), data)
}

// Yanked returns the versions of a bucket whose yank is on record.
func Yanked(ctx context.Context, c Config) (map[string]bool, error) {
	names, err := beside(ctx, c, yankSuffix)
	all := map[string]bool{}
	for _, v := range names {
		all[v] = true
	}
	return all, err
}

// beside returns the versions with an object that has the suffix beside the release, sorted as
// text.
func beside(ctx context.Context, c Config, suffix string) ([]string, error) {
	p, err := Open(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	objects, err := p.store.list(ctx, p.prefix)
	if err != nil {
		return nil, err
	}
	var versions []string
	for _, o := range objects {
		version, ok := strings.CutSuffix(strings.TrimPrefix(o.key, p.prefix), suffix)
		if ok && !strings.Contains(version, "/") {
			versions = append(versions, version)
		}
	}
	return versions, nil
}
