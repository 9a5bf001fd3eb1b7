package github

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// The other names in a directory of releases. Those of releases end in .json.
const (
	latestFile = "latest"
	lockFile   = ".publish.lock"
)

// maxTag is the maximum size of a tag in bytes, because of the limits of file names.
const maxTag = 240

// directory has releases, each in a file.
type directory struct {
	dir    string
	cfg    Config
	tree   *release.Tree
	assets []assetFile
	want   record

	mu    sync.Mutex
	guard string // of the draft from the upload phase
}

// NewDir returns a destination that writes to a directory what [New] would publish, in the
// same phases: first a draft with its assets, then the release. Each release is a JSON file,
// TAG.json, with the tag escaped as in a URL's path. The file latest has the tag of the
// latest release. The directory has the assets' digests, not their content. Config needs no
// Owner, Repo, Token and URL.
func NewDir(dir string, cfg Config, tree *release.Tree) (publish.Destination, error) {
	assets, err := cfg.complete(tree)
	if err == nil && len(url.PathEscape(cfg.Tag)) > maxTag {
		err = fmt.Errorf("tag %.50q… has %d bytes as a file's name, want at most %d", cfg.Tag, len(url.PathEscape(cfg.Tag)), maxTag)
	}
	if err != nil {
		return nil, fmt.Errorf("planning the GitHub release in %q: %w", dir, err)
	}
	d := &directory{dir: filepath.Clean(dir), cfg: cfg, tree: tree, assets: assets}
	if tree != nil {
		d.want = cfg.record(assets)
		d.want.Created = tree.Lock.Time
	}
	return d, nil
}

// Name implements [publish.Destination].
func (d *directory) Name() string { return d.cfg.Name }

// file returns the file of a tag's release.
func (d *directory) file(tag string) string { return filepath.Join(d.dir, url.PathEscape(tag)+".json") }

// ofAsset separates a release's file and an asset in the name of an item.
const ofAsset = " asset "

// parse returns the file and the asset in an item's name.
func (d *directory) parse(item publish.Item) (file, asset string, err error) {
	file = item.Name
	if i := strings.LastIndex(file, ofAsset); item.Kind == kindAsset && i >= 0 {
		file, asset = file[:i], file[i+len(ofAsset):]
	}
	if filepath.Dir(file) != d.dir || filepath.Ext(file) != ".json" || (item.Kind == kindAsset) != (asset != "") {
		return "", "", fmt.Errorf("item %q: want one of %q", item.Name, d.dir)
	}
	return file, asset, nil
}

// read returns the release in a file, or nil if there is none.
func (d *directory) read(file string) (*record, error) {
	var r record
	err := jsonfile.Read(file, &r)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading GitHub release: %w", err)
	}
	return &r, nil
}

// latest returns the tag of the latest release, or "".
func (d *directory) latest() (string, error) {
	data, err := fileio.ReadLimited(filepath.Join(d.dir, latestFile), maxTag)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(data), err
}

// timeOf is a [timeOf].
func (d *directory) timeOf(tag string) (time.Time, error) {
	r, err := d.read(d.file(tag))
	if r == nil {
		return time.Time{}, err
	}
	return r.Created, nil
}

// guard identifies the release without its assets, which are compared one by one. It is empty
// without a release.
func (r *record) guard() string {
	if r == nil {
		return ""
	}
	h := hosted{Tag: r.Tag, Commit: r.Commit, Title: r.Title, Notes: r.Notes, Prerelease: r.Prerelease}
	return h.guard()
}

// Plan implements [publish.Destination].
func (d *directory) Plan(ctx context.Context) ([]publish.Item, error) {
	if d.tree == nil {
		return nil, errNoTree
	}
	r, err := d.read(d.file(d.cfg.Tag))
	if err != nil {
		return nil, err
	}
	found, err := d.latest()
	if err != nil {
		return nil, err
	}
	latest, err := d.cfg.latestItem(filepath.Join(d.dir, latestFile), found, d.want.Created, d.timeOf)
	if err != nil {
		return nil, err
	}
	switch latest.State {
	case publish.Behind:
		latest.Guard = found
	case publish.Equal:
		latest.URL = d.url(latest)
	}
	items, diff := d.planAssets(r)
	return append(items, d.planRelease(r, diff), latest), ctx.Err()
}

// planAssets returns the items of the assets, and how the assets of r differ.
func (d *directory) planAssets(r *record) ([]publish.Item, differences) {
	there := r.byName()
	var items []publish.Item
	var diff differences
	for i := range d.assets {
		item := d.planAsset(&d.assets[i], r, there)
		if item.State != publish.Equal {
			diff.missing = append(diff.missing, d.assets[i].name)
		}
		delete(there, d.assets[i].name)
		items = append(items, item)
	}
	for name := range there {
		diff.strange = append(diff.strange, name)
	}
	slices.Sort(diff.strange)
	return items, diff
}

func (r *record) byName() map[string]recordAsset {
	there := map[string]recordAsset{}
	if r != nil {
		for _, a := range r.Assets {
			there[a.Name] = a
		}
	}
	return there
}

func (d *directory) planAsset(want *assetFile, r *record, there map[string]recordAsset) publish.Item {
	item := publish.Item{
		Phase: publish.Upload, Kind: kindAsset, Name: d.file(d.cfg.Tag) + ofAsset + want.name, Path: want.Path,
		Digest: string(want.Digest), State: publish.Absent,
	}
	a, ok := there[want.name]
	switch {
	case ok && a == want.record():
		item.State, item.Version = publish.Equal, string(a.Digest)
	case ok:
		item.State, item.Found = publish.Conflict, fmt.Sprintf("%s (%d bytes, %s)", a.Digest, a.Size, a.ContentType)
	case r != nil && !r.Draft:
		item.State, item.Found = publish.Conflict, "a published release without it"
	}
	return item
}

func (d *directory) planRelease(r *record, diff differences) publish.Item {
	item := publish.Item{
		Phase: publish.Reveal, Kind: kindRelease, Name: d.file(d.cfg.Tag), Digest: string(d.want.sum()), State: publish.Absent,
	}
	switch {
	case r == nil:
	case r.Tag != d.cfg.Tag:
		item.State, item.Found = publish.Conflict, fmt.Sprintf("release %q", r.Tag)
	case !r.Draft && diff.String() != "":
		item.State, item.Found = publish.Conflict, "published "+diff.String()
	case !r.Draft && r.other(&d.want) != "":
		item.State, item.Found = publish.Conflict, "published with "+r.other(&d.want)
	case !r.Draft:
		d.complete(&item)
	case len(diff.strange) > 0:
		item.State, item.Found = publish.Conflict, "draft "+differences{strange: diff.strange}.String()
	default:
		item.State, item.Found, item.Guard = publish.Behind, "draft", r.guard()
	}
	return item
}

func (d *directory) complete(item *publish.Item) {
	item.State, item.Found, item.Guard, item.Version, item.URL = publish.Equal, "", "", item.Digest, d.url(*item)
}

// url returns the URL of an item; an asset has none.
func (d *directory) url(item publish.Item) string {
	abs, err := filepath.Abs(item.Name)
	if err != nil || item.Kind == kindAsset {
		return ""
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}).String()
}

// Verify implements [publish.Destination]. The directory has no content to read.
func (d *directory) Verify(ctx context.Context, items []publish.Item, _ bool) error {
	var errs []error
	for _, item := range items {
		if err := d.verify(item); err != nil {
			errs = append(errs, fmt.Errorf("%s %q: %w", item.Kind, item.Name, err))
		}
	}
	return errors.Join(ctx.Err(), publish.JoinSorted(errs))
}

func (d *directory) verify(item publish.Item) error {
	if item.Kind == kindAlias {
		return d.verifyLatest(item)
	}
	file, name, err := d.parse(item)
	if err != nil {
		return err
	}
	r, err := d.read(file)
	switch {
	case err != nil:
		return err
	case r == nil:
		return errors.New("got no release, want one")
	case item.Kind == kindAsset:
		return r.verifyAsset(item, name)
	case r.Draft:
		return errors.New("got a draft, want a published release")
	}
	return r.verify(item.Digest)
}

func (d *directory) verifyLatest(item publish.Item) error {
	found, err := d.latest()
	if err == nil && found != "" {
		var r *record
		if r, err = d.read(d.file(found)); err == nil && (r == nil || r.Draft) {
			err = fmt.Errorf("got %q, which is not a published release", found)
		}
	}
	if err != nil {
		return err
	}
	return verifyLatest(item, found, d.timeOf)
}

func (r *record) verifyAsset(item publish.Item, name string) error {
	a, ok := r.byName()[name]
	switch {
	case !ok:
		return errors.New("got none, want one")
	case string(a.Digest) != item.Digest:
		return fmt.Errorf("sha256: got %s, want %s", a.Digest, item.Digest)
	case a.ContentType != mediaType(name):
		return fmt.Errorf("content type: got %q, want %q", a.ContentType, mediaType(name))
	}
	return nil
}
