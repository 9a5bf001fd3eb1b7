package baseimage

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/ociimage"
)

// maxUnnamed limits the manifests that are read because their index does not have their
// platform.
const maxUnnamed = 16

// A choice is the manifest for a platform.
type choice struct {
	platform string // as requested
	desc     v1.Descriptor
}

// A candidate is an image of a base.
type candidate struct {
	platform v1.Platform
	desc     v1.Descriptor
}

// choose returns the image for each platform, in the same order. The error joins one for
// each platform that does not have exactly one, with the platforms of the base.
func (b *bringer) choose(ctx context.Context, root *document, platforms []string) ([]choice, error) {
	wanted, err := parsePlatforms(platforms)
	if err != nil {
		return nil, err
	}
	all, err := b.candidates(ctx, root)
	if err != nil {
		return nil, err
	}
	var chosen []choice
	var errs []error
	for i, want := range wanted {
		desc, err := only(all, want)
		if err != nil {
			errs = append(errs, fmt.Errorf("platform %q: %w", platforms[i], err))
		}
		chosen = append(chosen, choice{platforms[i], desc})
	}
	return chosen, errors.Join(errs...)
}

func only(all []candidate, want v1.Platform) (v1.Descriptor, error) {
	var found []candidate
	var have []string
	for _, c := range all {
		same := func(f candidate) bool { return f.desc.Digest == c.desc.Digest }
		if c.platform.Equals(want) && !slices.ContainsFunc(found, same) {
			found = append(found, c)
		}
		have = append(have, c.platform.String())
	}
	if len(found) == 1 {
		return found[0].desc, nil
	}
	if len(found) == 0 {
		slices.Sort(have)
		return v1.Descriptor{}, fmt.Errorf("no image for it; available: %s", cmp.Or(strings.Join(slices.Compact(have), ", "), "none"))
	}
	var digests []string
	for _, c := range found {
		digests = append(digests, c.desc.Digest.String())
	}
	slices.Sort(digests)
	return v1.Descriptor{}, fmt.Errorf("got %d images for it, want 1: %s", len(found), strings.Join(digests, ", "))
}

// candidates returns the images of a base with their platforms. It leaves out platforms
// that cannot exist, such as an attestation's unknown/unknown.
func (b *bringer) candidates(ctx context.Context, root *document) ([]candidate, error) {
	if root.manifest != nil {
		p, err := b.configPlatform(ctx, root)
		return []candidate{{p, root.desc}}, err
	}
	var all []candidate
	unnamed := 0
	for _, desc := range root.index.Manifests {
		if !desc.MediaType.IsImage() {
			continue
		}
		if desc.Platform != nil {
			// OS features are not compared: the release's platforms have none.
			p, err := ociimage.NormalizePlatform(v1.Platform{OS: desc.Platform.OS, Architecture: desc.Platform.Architecture, Variant: desc.Platform.Variant})
			if err == nil && p.OS != "unknown" {
				all = append(all, candidate{p, desc})
			}
			continue
		}
		if unnamed++; unnamed > maxUnnamed {
			return nil, fmt.Errorf("index has more than %d manifests without a platform", maxUnnamed)
		}
		m, err := b.manifest(ctx, desc)
		if err != nil {
			return nil, err
		}
		p, err := b.configPlatform(ctx, m)
		if err != nil {
			return nil, err
		}
		all = append(all, candidate{p, desc})
	}
	return all, nil
}

// configPlatform returns the platform in an image's config.
func (b *bringer) configPlatform(ctx context.Context, m *document) (v1.Platform, error) {
	raw, err := b.small(ctx, *m.manifest.Config, blobKind, maxConfigSize)
	if err != nil {
		return v1.Platform{}, err
	}
	var cf struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
	}
	if err := json.Unmarshal(raw, &cf); err != nil {
		return v1.Platform{}, fmt.Errorf("parsing config %s: %w", m.manifest.Config.Digest, err)
	}
	p, err := ociimage.NormalizePlatform(v1.Platform{OS: cf.OS, Architecture: cf.Architecture, Variant: cf.Variant})
	if err != nil {
		return p, fmt.Errorf("config %s: %w", m.manifest.Config.Digest, err)
	}
	return p, nil
}
