// Package bucket publishes releases to Google Cloud Storage, to Amazon S3 and compatible
// services, and to directories, and reads releases from there.
//
// A release of version V is the objects PREFIX/V/PATH, one for each of its files and
// signatures, and no others. They are created, never replaced: [New]. Aliases are objects PREFIX/ALIAS whose
// body is a version. An alias with a line feed after the version is valid, and is rewritten
// without it. The commit time of a published version, which a rule may compare, is in its
// lock.json. PREFIX/V.receipt.json is the release's receipt ([ReadReceipt]), and
// PREFIX/V.yanked.json says that it was yanked, and why. [NewSource]
// reads a published release. Packages for other content of a bucket, such as a Helm
// repository, use a [Place].
//
// Each object has the SHA-256 of its content as metadata "sha256", so that a listing (Google)
// or one request (S3) is enough to compare it. A multipart upload to S3 that a crash
// interrupted is not an object; a bucket's lifecycle rule for incomplete uploads removes it.
package bucket

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// defaultJobs is the number of objects that are compared or sent at a time. Each of them
// holds at most one chunk in memory.
const (
	defaultJobs = 8
	chunkSize   = 8 << 20 // bytes
)

// Config describes a bucket.
type Config struct {
	// Name is the name of the [publish.Destination].
	Name string
	// URL is gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or file:///DIRECTORY.
	URL string
	// Endpoint is the URL of a service other than Google's or Amazon's own. For gs:// and
	// http:// no credentials are sent. Empty means the service's own; for gs://
	// STORAGE_EMULATOR_HOST is then also used.
	Endpoint string
	// Aliases are the objects below the prefix whose body is a version.
	Aliases []publish.Alias
	// Yank makes the aliases leave a release; nil to publish.
	Yank *publish.Yank
	// Jobs is the number of objects that are sent at a time; 0 means 8. Each takes up to 8
	// MiB of memory.
	Jobs int
	// Transport sends all requests; nil means one from [web.NewTransport].
	Transport http.RoundTripper
}

// New returns the destination for a release: its objects, then the aliases. The tree may be
// nil if only Verify is called.
func New(ctx context.Context, c Config, tree *release.Tree) (publish.Destination, error) {
	p, err := Open(ctx, c, tree)
	if err != nil {
		return nil, err
	}
	for _, a := range c.Aliases {
		if !fs.ValidPath(a.Name) || a.Name == "." || strings.HasSuffix(a.Name, receiptSuffix) || strings.HasSuffix(a.Name, yankSuffix) ||
			tree != nil && (a.Name == tree.Version || strings.HasPrefix(a.Name, tree.Version+"/")) {
			return nil, fmt.Errorf("alias %q: want a path beside the versions and their receipts", a.Name)
		}
	}
	return &bucket{Place: p, aliases: c.Aliases, yank: c.Yank}, nil
}

// A Place is a prefix in a store, and the release that is published there.
type Place struct {
	name   string
	store  store
	prefix string // empty or ends with a slash
	jobs   int
	tree   *release.Tree // nil if only Verify is called
	// headers means that the store keeps headers.
	headers bool
}

// Open returns the place of a configuration. The tree may be nil if nothing is published.
func Open(ctx context.Context, c Config, tree *release.Tree) (*Place, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, urlError(c.URL)
	}
	p := &Place{name: c.Name, jobs: c.Jobs, tree: tree}
	if p.jobs <= 0 {
		p.jobs = defaultJobs
	}
	if c.Transport == nil {
		c.Transport = web.NewTransport()
	}
	if u.Scheme == "file" {
		if (u.Host != "" && u.Host != "localhost") || !filepath.IsAbs(filepath.FromSlash(u.Path)) {
			return nil, urlError(c.URL)
		}
		p.store = &fileStore{dir: filepath.Clean(filepath.FromSlash(u.Path))}
		return p, nil
	}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" {
		if !fs.ValidPath(prefix) {
			return nil, urlError(c.URL)
		}
		p.prefix = prefix + "/"
	}
	p.headers = true
	args := storeArgs{bucket: u.Host, endpoint: strings.TrimSuffix(c.Endpoint, "/"), transport: c.Transport, jobs: p.jobs}
	switch {
	case u.Host == "":
		err = urlError(c.URL)
	case u.Scheme == "gs":
		p.store, err = newGCS(ctx, args)
	case u.Scheme == "s3":
		p.store, err = newS3(ctx, args)
	default:
		err = urlError(c.URL)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// urlError returns the error for a bad URL, without the URL if it may have a password.
func urlError(raw string) error {
	if u, err := url.Parse(raw); err == nil {
		raw = u.Redacted()
	}
	return hint.With(fmt.Errorf("reading bucket URL %q: want gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or file:///DIRECTORY", raw), "correct destinations.yaml")
}

// Name implements [publish.Destination].
func (p *Place) Name() string { return p.name }

// Object returns the key, the name for people and the URL of the object at a path below the
// prefix.
func (p *Place) Object(path string) (key, name, url string) {
	key = p.prefix + path
	return key, p.store.name(key), p.store.url(key)
}

// Key returns the key of the object with an item's name.
func (p *Place) Key(name string) (string, error) {
	key, ok := strings.CutPrefix(name, p.store.name(""))
	if !ok {
		return "", fmt.Errorf("object %q: want one in %s", name, p.store.name(""))
	}
	return key, nil
}
