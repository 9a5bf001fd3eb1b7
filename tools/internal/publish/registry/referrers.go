package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
)

// referrers are manifests with a subject in a registry without the referrers API. Their list
// is a tag, sha256-HEX of the subject (distribution-spec v1.1, referrers tag schema).
type referrers struct {
	mu  sync.Mutex
	all map[string][]v1.Descriptor // by tag
}

func newReferrers() *referrers { return &referrers{all: map[string][]v1.Descriptor{}} }

func (r *referrers) add(n *node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tag := strings.Replace(n.subject.Digest.String(), ":", "-", 1)
	r.all[tag] = append(r.all[tag], n.refers)
}

// put adds the manifests to the existing lists.
func (r *referrers) put(ctx context.Context, s session, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, tag := range slices.Sorted(maps.Keys(r.all)) {
		raw, mediaType, err := s.manifest(ctx, name, tag)
		if err != nil {
			return err
		}
		list := &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
		if raw != nil {
			if _, err = layout.Parse(raw); err == nil {
				err = json.Unmarshal(raw, list)
			}
			if err == nil && mediaType != types.OCIImageIndex {
				err = fmt.Errorf("mediaType is %q, want %q", mediaType, types.OCIImageIndex)
			}
			if err != nil {
				return fmt.Errorf("reading referrers %s of %s: %w", tag, name, err)
			}
		}
		before := len(list.Manifests)
		slices.SortFunc(r.all[tag], func(a, b v1.Descriptor) int { return cmp.Compare(a.Digest.String(), b.Digest.String()) })
		for _, desc := range r.all[tag] {
			if !slices.ContainsFunc(list.Manifests, func(d v1.Descriptor) bool { return d.Digest == desc.Digest }) {
				list.Manifests = append(list.Manifests, desc)
			}
		}
		if len(list.Manifests) == before {
			continue
		}
		if raw, err = json.Marshal(list); err != nil {
			return err
		}
		n, _, err := parseNode(raw, types.OCIImageIndex)
		if err != nil {
			return err
		}
		if _, err := s.putManifest(ctx, name, tag, n); err != nil {
			return err
		}
	}
	return nil
}
