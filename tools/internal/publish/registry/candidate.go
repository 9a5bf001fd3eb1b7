package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/web/registryclient"
)

// Annotations and labels that identify a release
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md). The time of an
// image is the commit time of its release.
const (
	versionKey = "org.opencontainers.image.version"
	createdKey = "org.opencontainers.image.created"

	maxConfigSize = 8 << 20 // bytes
)

// candidate returns the release of an index or manifest, from its own annotations, those of
// its first manifest, or that one's config. It stops reading when enough is known.
func candidate(ctx context.Context, s session, name string, d digest.Digest, enough func(publish.Candidate) bool) (publish.Candidate, error) {
	var c publish.Candidate
	for range maxDepth {
		raw, mediaType, err := s.manifest(ctx, name, string(d))
		if err != nil || raw == nil {
			return c, err
		}
		n, descs, err := parseNode(raw, mediaType)
		if err != nil {
			return c, nil // not an image
		}
		if add(&c, n.refers.Annotations); enough(c) {
			return c, nil
		}
		if !n.mediaType.IsIndex() {
			return c, addConfig(ctx, s, name, descs[0], &c)
		}
		i := slices.IndexFunc(descs, func(desc v1.Descriptor) bool { return desc.MediaType.IsImage() || desc.MediaType.IsIndex() })
		if i < 0 {
			return c, nil
		}
		if d, err = digest.Parse(descs[i].Digest.String()); err != nil {
			return c, nil
		}
	}
	return c, nil
}

// add sets unknown fields of a candidate from annotations or labels.
func add(c *publish.Candidate, said map[string]string) {
	c.Version = cmp.Or(c.Version, said[versionKey])
	if t, err := time.Parse(time.RFC3339, said[createdKey]); err == nil && c.Time.IsZero() {
		c.Time = t
	}
}

// addConfig sets unknown fields of a candidate from the config of an image.
func addConfig(ctx context.Context, s session, name string, desc v1.Descriptor, c *publish.Candidate) error {
	d, err := digest.Parse(desc.Digest.String())
	if err != nil || !desc.MediaType.IsConfig() && desc.MediaType != types.DockerConfigJSON {
		return nil
	}
	r, err := s.openBlob(ctx, name, d)
	if err != nil {
		return err
	}
	defer r.Close()
	raw, err := registryclient.ReadAtMost(r, maxConfigSize)
	if err != nil {
		return fmt.Errorf("reading config %s of %s: %w", d, name, err)
	}
	var config struct {
		Created string                             `json:"created"`
		Config  struct{ Labels map[string]string } `json:"config"`
	}
	if json.Unmarshal(raw, &config) != nil || digest.FromBytes(raw) != d {
		return nil
	}
	add(c, config.Config.Labels)
	add(c, map[string]string{createdKey: config.Created})
	return nil
}

// verifyTag checks that a tag matches a receipt. An alias may have moved since by its rule.
func verifyTag(ctx context.Context, s session, name, tag string, item publish.Item) error {
	want := digest.Digest(item.Digest)
	if item.State == publish.Kept {
		if want = digest.Digest(item.Version); want == "" {
			return nil
		}
	}
	found, err := s.head(ctx, name, tag)
	switch {
	case err != nil:
		return err
	case found == "":
		return fmt.Errorf("got nothing there, want %s", want)
	case found == want:
		return nil
	case item.Alias == "":
		return fmt.Errorf("got %s, want %s", found, want)
	}
	all := func(c publish.Candidate) bool { return c.Version != "" && !c.Time.IsZero() }
	then, err := candidate(ctx, s, name, want, all)
	if err != nil {
		return err
	}
	now, err := candidate(ctx, s, name, found, all)
	if err != nil {
		return err
	}
	why := item.Rule.Since(then, now)
	if why == nil && then.Version == now.Version {
		why = errors.New("it has other content of the same version")
	}
	if why != nil {
		return fmt.Errorf("got %s, want %s or that of a later release: %w", found, want, why)
	}
	return nil
}
