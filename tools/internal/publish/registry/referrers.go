package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/web"
	"github.com/jasonwzm/release-builder/tools/internal/web/registryclient"
)

// maxPages limits the pages of a list of referrers.
const maxPages = 100

// referrersTag returns the tag with the list of the referrers of a manifest in a registry
// without the referrers API (distribution-spec v1.1, referrers tag schema).
func referrersTag(subject digest.Digest) string { return "sha256-" + subject.Hex() }

// referrers are manifests with a subject in a registry without the referrers API.
type referrers struct {
	mu  sync.Mutex
	all map[string][]v1.Descriptor // by tag
}

func newReferrers() *referrers { return &referrers{all: map[string][]v1.Descriptor{}} }

func (r *referrers) add(n *node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tag := referrersTag(layout.DigestOf(*n.subject))
	r.all[tag] = append(r.all[tag], n.refers)
}

// put adds the manifests to the existing lists.
func (r *referrers) put(ctx context.Context, s session, name string, retry web.Retry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, tag := range slices.Sorted(maps.Keys(r.all)) {
		err := retry.Do(ctx, func(int) error { return r.merge(ctx, s, name, tag) })
		if err != nil {
			return err
		}
	}
	return nil
}

// merge adds manifests to the list at a tag.
func (r *referrers) merge(ctx context.Context, s session, name, tag string) error {
	list, err := readList(ctx, s, name, tag)
	if err != nil {
		return err
	}
	before := len(list.Manifests)
	slices.SortFunc(r.all[tag], func(a, b v1.Descriptor) int { return cmp.Compare(a.Digest.String(), b.Digest.String()) })
	for _, desc := range r.all[tag] {
		if !lists(list.Manifests, layout.DigestOf(desc)) {
			list.Manifests = append(list.Manifests, desc)
		}
	}
	if len(list.Manifests) == before {
		return nil
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	n, _, err := parseNode(raw, types.OCIImageIndex)
	if err != nil {
		return err
	}
	_, err = s.putManifest(ctx, name, tag, n)
	return err
}

// readList returns the list of referrers at a tag; empty if there is none.
func readList(ctx context.Context, s session, name, tag string) (*v1.IndexManifest, error) {
	list := &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	raw, mediaType, err := s.manifest(ctx, name, tag)
	if err != nil || raw == nil {
		return list, err
	}
	if _, err = layout.Parse(raw); err == nil {
		err = json.Unmarshal(raw, list)
	}
	if err == nil && mediaType != types.OCIImageIndex {
		err = fmt.Errorf("mediaType is %q, want %q", mediaType, types.OCIImageIndex)
	}
	if err != nil {
		return nil, fmt.Errorf("reading referrers %s of %s: %w", tag, name, err)
	}
	return list, nil
}

func lists(all []v1.Descriptor, d digest.Digest) bool {
	return slices.ContainsFunc(all, func(desc v1.Descriptor) bool { return layout.DigestOf(desc) == d })
}

// unlisted returns the referrers of an entry that are not in the list of their subject.
// Registries list a manifest only when they have it.
func unlisted(ctx context.Context, s session, e *entry) (map[*node]bool, error) {
	found := map[digest.Digest][]v1.Descriptor{}
	missing := map[*node]bool{}
	for _, n := range e.referrers {
		subject := layout.DigestOf(*n.subject)
		if _, ok := found[subject]; !ok {
			all, err := s.referrers(ctx, e.name, subject)
			if err != nil {
				return nil, err
			}
			found[subject] = all
		}
		if !lists(found[subject], n.digest) {
			missing[n] = true
		}
	}
	return missing, nil
}

func (h *dirHub) referrers(ctx context.Context, repo string, subject digest.Digest) ([]v1.Descriptor, error) {
	list, err := readList(ctx, h, repo, referrersTag(subject))
	if err != nil {
		return nil, err
	}
	return list.Manifests, nil
}

// referrers asks the referrers API. If that is not there, or lists nothing, the list at the tag
// counts.
func (s *remoteSession) referrers(ctx context.Context, repo string, subject digest.Digest) ([]v1.Descriptor, error) {
	all, err := s.listReferrers(ctx, repo, subject)
	if err != nil {
		return nil, s.wrap(err, "listing referrers of", repo, string(subject))
	}
	if len(all) > 0 {
		return all, nil
	}
	list, err := readList(ctx, s, repo, referrersTag(subject))
	if err != nil {
		return nil, err
	}
	return list.Manifests, nil
}

// listReferrers returns what the referrers API lists; nothing if the registry does not have it
// (distribution-spec v1.1, listing referrers).
func (s *remoteSession) listReferrers(ctx context.Context, repo string, subject digest.Digest) ([]v1.Descriptor, error) {
	var all []v1.Descriptor
	next := s.hub.endpoint(repo, "referrers", string(subject))
	for range maxPages {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, next.String(), nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Accept", string(types.OCIImageIndex))
		resp, err := s.do(req, http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed)
		if err != nil {
			return nil, err
		}
		raw, err := registryclient.ReadAtMost(resp.Body, maxManifestSize)
		finish(resp)
		if err != nil || resp.StatusCode != http.StatusOK {
			return nil, err
		}
		if _, err := layout.Parse(raw); err != nil {
			return nil, err
		}
		var list v1.IndexManifest
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
		all = append(all, list.Manifests...)
		link, more := nextPage(resp.Header.Get("Link"))
		if !more {
			return all, nil
		}
		to, err := resp.Request.URL.Parse(link)
		if err != nil || to.Host != next.Host {
			return nil, fmt.Errorf("link to the next page: got %.100q, want one on %s", link, next.Host)
		}
		next = to
	}
	return nil, fmt.Errorf("got more than %d pages", maxPages)
}

// nextPage returns the URL in a Link header (RFC 8288) with the relation next.
func nextPage(header string) (string, bool) {
	target, params, ok := strings.Cut(header, ">")
	target, open := strings.CutPrefix(strings.TrimSpace(target), "<")
	return target, ok && open && strings.Contains(strings.ReplaceAll(params, `"`, ""), "rel=next")
}
