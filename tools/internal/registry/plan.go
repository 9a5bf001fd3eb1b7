package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/digest"
	"github.com/jasonwzm/release-builder/tools/internal/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/registryclient"
)

const (
	versionKey    = "org.opencontainers.image.version" // annotation and label
	maxConfigSize = 8 << 20                            // bytes
)

// Plan is that of [publish.Destination]: images by name, then the tags that never
// move, then the others. Where a tag is as it should be, all below is there.
func (d *destination) Plan(ctx context.Context) ([]publish.Item, error) {
	if len(d.entries) == 0 {
		return nil, nil
	}
	s, err := d.hub.open(ctx, d.names(), true)
	if err != nil {
		return nil, err
	}
	planned := make([][]publish.Item, len(d.entries))
	err = parallel.DoAll(ctx, len(d.entries), d.config.Jobs, func(ctx context.Context, i int) error {
		var err error
		planned[i], err = d.planEntry(ctx, s, d.entries[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	items := slices.Concat(planned...)
	tags := d.revealed()
	rank := func(i publish.Item) int {
		switch {
		case i.Phase == publish.Upload:
			return 0
		case tags[i.Name].never:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(items, func(a, b publish.Item) int { return cmp.Compare(rank(a), rank(b)) })
	return items, nil
}

func (d *destination) planEntry(ctx context.Context, s session, e *entry) ([]publish.Item, error) {
	var tags []publish.Item
	there := false
	for _, tag := range e.tags {
		item, err := d.planTag(ctx, s, e, tag)
		if err != nil {
			return nil, err
		}
		there = there || item.State == publish.Equal
		tags = append(tags, item)
	}
	item := publish.Item{
		Phase: publish.Upload, Kind: e.kind, Name: d.refName(e.name, string(e.root.digest)), Path: e.path,
		Digest: string(e.root.digest), Size: e.size(), State: publish.Absent,
	}
	if !there {
		var err error
		if there, err = d.isThere(ctx, s, e); err != nil {
			return nil, err
		}
	}
	if there {
		item.State, item.Version, item.URL = publish.Equal, item.Digest, d.hub.url(e.name, item.Digest)
	}
	return append([]publish.Item{item}, tags...), nil
}

// isThere reports whether all of an entry is there: its root, which is written
// last, and what may have come to the release later.
func (d *destination) isThere(ctx context.Context, s session, e *entry) (bool, error) {
	for _, n := range append([]*node{e.root}, e.referrers...) {
		found, err := s.head(ctx, e.name, string(n.digest))
		if err != nil || found == "" {
			return false, err
		}
		if found != n.digest {
			return false, fmt.Errorf("digest of %s: got %s, want %s", d.refName(e.name, string(n.digest)), found, n.digest)
		}
	}
	return true, nil
}

func (d *destination) planTag(ctx context.Context, s session, e *entry, tag string) (publish.Item, error) {
	item := publish.Item{
		Phase: publish.Reveal, Kind: "tag", Name: d.refName(e.name, tag), Path: e.path,
		Digest: string(e.root.digest), Size: int64(len(e.root.raw)), State: publish.Absent,
	}
	if tag != e.immutable {
		item.Rule = publish.Highest
	}
	found, err := s.head(ctx, e.name, tag)
	switch {
	case err != nil:
		return item, err
	case found == "":
		return item, nil
	case found == e.root.digest:
		item.State, item.Version, item.URL = publish.Equal, item.Digest, d.hub.url(e.name, tag)
		return item, nil
	}
	item.State, item.Found, item.Guard = publish.Conflict, string(found), string(found)
	if tag == e.immutable {
		return item, nil
	}
	version, err := versionOf(ctx, s, e.name, found)
	if err != nil {
		return item, err
	}
	switch {
	case version == "":
		item.Found += ", which names no version"
		version = "unknown"
	default:
		item.Found = fmt.Sprintf("%.100s, %s", version, found)
	}
	item.State = publish.Move(version, d.version, d.config.AllowDowngrade)
	if item.State == publish.Equal { // the version is, the content is not
		item.State = publish.Conflict
		if d.config.AllowDowngrade {
			item.State = publish.Behind
		}
	}
	return item, nil
}

// versionOf returns the version that an index or manifest names: in an annotation
// of its own or of its first manifest, or in that one's config. It is empty if
// none does.
func versionOf(ctx context.Context, s session, name string, d digest.Digest) (string, error) {
	for range maxDepth {
		raw, mediaType, err := s.manifest(ctx, name, string(d))
		if err != nil || raw == nil {
			return "", err
		}
		n, descs, err := parseNode(raw, mediaType)
		if err != nil {
			return "", nil // it is no image
		}
		if v := n.refers.Annotations[versionKey]; v != "" {
			return v, nil
		}
		if !n.mediaType.IsIndex() {
			return labelOf(ctx, s, name, descs[0])
		}
		i := slices.IndexFunc(descs, func(desc v1.Descriptor) bool { return desc.MediaType.IsImage() || desc.MediaType.IsIndex() })
		if i < 0 {
			return "", nil
		}
		if d, err = digest.Parse(descs[i].Digest.String()); err != nil {
			return "", nil
		}
	}
	return "", nil
}

func labelOf(ctx context.Context, s session, name string, desc v1.Descriptor) (string, error) {
	d, err := digest.Parse(desc.Digest.String())
	if err != nil || !desc.MediaType.IsConfig() && desc.MediaType != types.DockerConfigJSON {
		return "", nil
	}
	r, err := s.openBlob(ctx, name, d)
	if err != nil {
		return "", err
	}
	defer r.Close()
	raw, err := registryclient.ReadAtMost(r, maxConfigSize)
	if err != nil {
		return "", fmt.Errorf("reading config %s of %s: %w", d, name, err)
	}
	var config struct {
		Config struct{ Labels map[string]string } `json:"config"`
	}
	if json.Unmarshal(raw, &config) != nil || digest.FromBytes(raw) != d {
		return "", nil
	}
	return config.Config.Labels[versionKey], nil
}

// A revealed is a tag of an entry.
type revealed struct {
	entry *entry
	tag   string
	never bool // to be moved
}

// revealed returns the tags by the name of their items.
func (d *destination) revealed() map[string]revealed {
	all := map[string]revealed{}
	for _, e := range d.entries {
		for _, tag := range e.tags {
			all[d.refName(e.name, tag)] = revealed{e, tag, tag == e.immutable}
		}
	}
	return all
}
