// Package registry publishes a release's images and charts to an OCI registry
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md), or to a
// directory of OCI layouts.
//
// The image images/NAME is pushed to HUB/NAME, a chart to HUB/CHART. A variant of an image is
// pushed to the image's repository; its tags are those of the image with the variant at the
// end, such as 1.2.3-debug. Upload sends blobs, then manifests and their referrers, and last
// the index, each by its digest. So if an index is there, everything below it is too. Reveal
// writes the tags: the index's bytes again, under a name.
//
// Referrers are what the release has about an image, and signatures
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers).
// Each is an item of its own, so that one can be added to an image that is there. A registry
// without the referrers API has a tag with their list.
//
// A first push takes at least these requests: for each distinct blob two (POST, PUT), for
// each further repository with it one (a mount), one for each manifest and index, one for
// each tag, and for each manifest with referrers one or two for their list. In addition, each image takes a HEAD of a tag and of the index (plan), a HEAD of
// its largest blob (does it exist from an earlier or interrupted run?), and a HEAD of each
// tag right before it is written, since a registry has no compare-and-swap. The whole run
// takes the login and a HEAD of the first blob.
package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/web"
	"github.com/jasonwzm/release-builder/tools/internal/web/registryclient"
)

const defaultJobs = 32

// Config says where and how to publish.
type Config struct {
	// Name is the destination's name; the default is "registry", or "charts".
	Name string

	// Hub is HOST/PATH, to which the names of images are added; or file:///DIR, where DIR/NAME
	// becomes an OCI layout with an entry in its index.json for each tag. Only one process at a
	// time may write there. Required.
	Hub string

	// Tags are the tags of each image or chart, to which a variant adds its name. An image's tag that is the release's version
	// never moves, and is the default. Charts also have a tag for their own version, which
	// never moves. The other tags are aliases. Each + is replaced by _.
	Tags []publish.Alias

	// Jobs is the number of requests at a time; 0 means 32.
	Jobs int

	// Keychain has the credentials; nil for none.
	Keychain authn.Keychain

	// Transport sends the requests; nil means one from [web.NewTransport]. Plain HTTP is used
	// only on loopback, for registries without TLS.
	Transport http.RoundTripper

	// Yank makes the aliases leave a release; nil to publish.
	Yank *publish.Yank

	// MountFrom is another hub in the same registry. Blobs are mounted from its repositories
	// of the same names instead of sent. Empty means none.
	MountFrom string
}

// A hub has repositories by name.
type hub interface {
	// open logs in to read the repositories, and with write to write them. It changes
	// nothing.
	open(ctx context.Context, names []string, write bool) (session, error)
	// url returns the URL of a manifest.
	url(name, ref string) string
}

// A session reads and writes repositories of a hub. It is safe for concurrent use. A ref is a
// tag or a digest.
type session interface {
	// head returns the digest of ref; empty if there is nothing.
	head(ctx context.Context, name, ref string) (digest.Digest, error)
	// manifest returns the index or manifest of ref; nil if there is nothing. If ref is a
	// digest, it is checked.
	manifest(ctx context.Context, name, ref string) ([]byte, types.MediaType, error)
	// hasBlob reports whether a repository has a blob.
	hasBlob(ctx context.Context, name string, d digest.Digest) (bool, error)
	// openBlob returns the content of a blob, unchecked. The error for a missing blob wraps
	// errAbsent.
	openBlob(ctx context.Context, name string, d digest.Digest) (io.ReadCloser, error)
	// pushBlob writes a blob to a repository.
	pushBlob(ctx context.Context, p blobPush) error
	// referrers returns the manifests in the list of those whose subject is a manifest.
	referrers(ctx context.Context, name string, subject digest.Digest) ([]v1.Descriptor, error)
	// putManifest writes an index or manifest under a digest or tag; a tag is written at most
	// once. Its blobs and children must be there. It reports whether the hub itself adds n to the referrers of n's
	// subject.
	putManifest(ctx context.Context, name, ref string, n *node) (listed bool, err error)
}

// A blobPush is a blob to write to a repository.
type blobPush struct {
	name string
	blob blob
	from string // path in the registry of a repository that has it; may be empty
	open func(ctx context.Context) (io.ReadCloser, error)
	sent func(n int64) // called with bytes sent; negative if they have to be sent again
}

var errAbsent = errors.New("it is not there")

type destination struct {
	config  Config
	release publish.Candidate
	tree    *release.Tree
	hub     hub
	mount   string        // the path of MountFrom in the registry; empty for none
	path    string        // the path of the hub in the registry
	entries []*entry      // sorted by name, variants after all others
	pause   time.Duration // the first
}

func (d *destination) retry() web.Retry {
	return web.Retry{Attempts: 4, Pause: d.pause, May: registryclient.MayPass}
}

// New returns the destination for the release's images. The tree may be nil if only Verify is
// called.
func New(ctx context.Context, c Config, tree *release.Tree) (publish.Destination, error) {
	c.Name = cmp.Or(c.Name, "registry")
	d, err := newDestination(c, tree)
	if err != nil || tree == nil {
		return d, err
	}
	tags := d.tags()
	if len(tags) == 0 {
		tags = []publish.Alias{{Name: layout.TagOf(d.release.Version)}}
	}
	l := &loader{tree: tree}
	var variants []*entry
	for _, name := range tree.Images() {
		e, err := l.image(ctx, name)
		if err != nil {
			return nil, err
		}
		e.release, e.tags, e.immutable = d.release, tags, layout.TagOf(d.release.Version)
		if e.suffix != "" {
			variants = append(variants, e)
			continue
		}
		d.entries = append(d.entries, e)
	}
	d.entries = append(d.entries, variants...)
	d.join()
	return d, checkNames(d.entries)
}

// join has entries with the content of an earlier one, such as a variant that starts from scratch
// as its image does, add only their tags to it.
func (d *destination) join() {
	for i, e := range d.entries {
		same := slices.IndexFunc(d.entries[:i], func(other *entry) bool { return other.name == e.name && other.root.digest == e.root.digest })
		if same < 0 {
			continue
		}
		e.joined, e.root = true, d.entries[same].root
		e.referrers = slices.DeleteFunc(e.referrers, func(n *node) bool {
			return slices.ContainsFunc(d.entries[same].referrers, func(other *node) bool { return other.digest == n.digest })
		})
	}
}

func newDestination(c Config, tree *release.Tree) (*destination, error) {
	c.Jobs = cmp.Or(c.Jobs, defaultJobs)
	c.Hub = strings.TrimSuffix(c.Hub, "/")
	d := &destination{config: c, tree: tree, pause: 400 * time.Millisecond}
	if tree != nil {
		d.release = publish.Candidate{Version: tree.Version, Time: tree.Lock.Time}
	}
	if strings.HasPrefix(c.Hub, "file:") {
		u, err := url.Parse(c.Hub)
		if err != nil || u.Host != "" || !strings.HasPrefix(u.Path, "/") || u.RawQuery+u.Fragment != "" {
			return nil, hint.With(fmt.Errorf("parsing hub %q: want file:///DIR", c.Hub), "write HOST/PATH or file:///DIR")
		}
		if c.MountFrom != "" {
			return nil, fmt.Errorf("hub %q: a directory cannot mount blobs from hub %q", c.Hub, c.MountFrom)
		}
		d.hub = &dirHub{dir: filepath.FromSlash(u.Path), base: c.Hub}
		return d, nil
	}
	h, err := newRemoteHub(d)
	if err != nil {
		return nil, err
	}
	d.hub, d.path = h, h.path
	if c.MountFrom == "" {
		return d, nil
	}
	host, path, err := parseHub(c.MountFrom)
	if err == nil && host != h.registry {
		err = fmt.Errorf("hub %q is in another registry than hub %q: blobs cannot be mounted", c.MountFrom, c.Hub)
	}
	d.mount = path
	return d, err
}

// tags returns the configured tags in the syntax of registries.
func (d *destination) tags() []publish.Alias {
	tags := slices.Clone(d.config.Tags)
	for i := range tags {
		tags[i].Name = layout.TagOf(tags[i].Name)
	}
	return tags
}

// Name implements [publish.Destination].
func (d *destination) Name() string { return d.config.Name }

// names returns the names of the repositories, without duplicates.
func (d *destination) names() []string {
	var names []string
	for _, e := range d.entries {
		names = append(names, e.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// refName returns the name of a tag or a digest for people.
func (d *destination) refName(name, ref string) string {
	if strings.HasPrefix(ref, "sha256:") {
		return d.config.Hub + "/" + name + "@" + ref
	}
	return d.config.Hub + "/" + name + ":" + ref
}

// parseName is the inverse of refName.
func (d *destination) parseName(s string) (name, ref string, err error) {
	rest, ok := strings.CutPrefix(s, d.config.Hub+"/")
	name, ref, found := strings.Cut(rest, "@")
	valid := false
	if found {
		_, err := digest.Parse(ref)
		valid = err == nil
	} else {
		name, ref, _ = strings.Cut(rest, ":")
		valid = tagPattern.MatchString(ref)
	}
	if !ok || !valid || !namePattern.MatchString(name) {
		return "", "", fmt.Errorf("%q is not in hub %q", s, d.config.Hub)
	}
	return name, ref, nil
}
