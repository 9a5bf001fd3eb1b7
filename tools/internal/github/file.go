package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/jasonwzm/release-builder/tools/internal/cli"
	"github.com/jasonwzm/release-builder/tools/internal/digest"
	"github.com/jasonwzm/release-builder/tools/internal/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/release"
)

// fileRelease is a release as the file of NewFile has it: the fields of GitHub's
// API that a publisher decides.
type fileRelease struct {
	Tag        string      `json:"tag_name"`
	Title      string      `json:"name"`
	Notes      string      `json:"body"`
	Draft      bool        `json:"draft"`
	Prerelease bool        `json:"prerelease"`
	Commit     string      `json:"target_commitish"`
	Assets     []fileAsset `json:"assets"` // sorted by name
}

type fileAsset struct {
	Name        string        `json:"name"`
	Size        int64         `json:"size"`
	Digest      digest.Digest `json:"digest"`
	ContentType string        `json:"content_type"`
}

// guard names the release without its assets, which are compared one by one.
// Without a release it is empty.
func (r *fileRelease) guard() string {
	if r == nil {
		return ""
	}
	h := hosted{Tag: r.Tag, Commit: r.Commit, Title: r.Title, Notes: r.Notes, Prerelease: r.Prerelease}
	return h.guard()
}

// file is a release in a file.
type file struct {
	path   string
	cfg    Config
	tree   *release.Tree
	assets []assetFile

	mu    sync.Mutex
	guard string // of the draft that the upload phase made
}

// NewFile returns a destination that writes what [New] would publish to a JSON
// file, through the same phases: a draft first, with its assets, then the release.
// It has the assets' digests, not their content. One file is for one release.
// Config needs no Owner, Repo, Token and URL.
func NewFile(path string, cfg Config, tree *release.Tree) (publish.Destination, error) {
	assets, err := cfg.complete(tree)
	if err != nil {
		return nil, fmt.Errorf("planning the GitHub release in %q: %w", path, err)
	}
	return &file{path: path, cfg: cfg, tree: tree, assets: assets}, nil
}

// Name is that of publish.Destination.
func (f *file) Name() string { return f.cfg.Name }

func (f *file) assetName(name string) string { return f.path + " asset " + name }

// read returns what is in the file, or nil if there is none.
func (f *file) read() (*fileRelease, error) {
	var r fileRelease
	err := jsonfile.Read(f.path, &r)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading GitHub release: %w", err)
	}
	return &r, nil
}

// Plan is that of publish.Destination.
func (f *file) Plan(ctx context.Context) ([]publish.Item, error) {
	if f.tree == nil {
		return nil, errNoTree
	}
	r, err := f.read()
	if err != nil {
		return nil, err
	}
	there := r.byName()
	var items []publish.Item
	for _, a := range f.assets {
		items = append(items, f.planAsset(a, r, there))
	}
	return append(items, f.planRelease(r, compareNames(namesOnly(items), there))), ctx.Err()
}

// namesOnly makes the names of items end in those of their assets, as URLs do.
func namesOnly(items []publish.Item) []publish.Item {
	var all []publish.Item
	for _, item := range items {
		item.Name = item.Name[strings.LastIndex(item.Name, " ")+1:]
		all = append(all, item)
	}
	return all
}

func (r *fileRelease) byName() map[string]asset {
	there := map[string]asset{}
	if r == nil {
		return there
	}
	for _, a := range r.Assets {
		there[a.Name] = asset{Name: a.Name, State: "uploaded", Size: a.Size, Digest: a.Digest}
	}
	return there
}

func (f *file) planAsset(want assetFile, r *fileRelease, there map[string]asset) publish.Item {
	item := publish.Item{
		Phase: publish.Upload, Kind: kindAsset, Name: f.assetName(want.name), Path: want.Path,
		Digest: string(want.Digest), State: publish.Absent,
	}
	a, ok := there[want.name]
	switch {
	case ok && a.Digest == want.Digest && a.Size == want.Size:
		item.State, item.Version = publish.Equal, string(a.Digest)
	case ok:
		item.State, item.Found = publish.Conflict, fmt.Sprintf("%s (%d bytes)", a.Digest, a.Size)
	case r != nil && !r.Draft:
		item.State, item.Found = publish.Conflict, "a published release without it"
	}
	return item
}

func (f *file) planRelease(r *fileRelease, diff differences) publish.Item {
	item := publish.Item{
		Phase: publish.Reveal, Kind: kindRelease, Name: f.path, Digest: string(sumOf(f.assets)), State: publish.Absent,
	}
	switch {
	case r == nil:
	case r.Tag != f.cfg.Tag:
		item.State, item.Found = publish.Conflict, fmt.Sprintf("release %q", r.Tag)
	case !r.Draft && diff.String() != "":
		item.State, item.Found = publish.Conflict, "published "+diff.String()
	case !r.Draft && r.Commit != f.cfg.Commit:
		item.State, item.Found = publish.Conflict, fmt.Sprintf("published on %q", r.Commit)
	case !r.Draft:
		f.complete(&item)
	case len(diff.strange) > 0:
		item.State, item.Found = publish.Conflict, "draft "+differences{strange: diff.strange}.String()
	default:
		item.State, item.Found, item.Guard = publish.Behind, "draft", r.guard()
	}
	return item
}

func (f *file) complete(item *publish.Item) {
	item.State, item.Found, item.Guard, item.Version = publish.Equal, "", "", item.Digest
	if abs, err := filepath.Abs(f.path); err == nil && item.Kind == kindRelease {
		item.URL = "file://" + filepath.ToSlash(abs)
	}
}

// Apply is that of publish.Destination.
func (f *file) Apply(ctx context.Context, phase publish.Phase, items []publish.Item, report publish.Report) error {
	if f.tree == nil {
		return errNoTree
	}
	if report == nil {
		report = func(publish.Progress) {}
	}
	if len(items) == 0 {
		return ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	apply := f.upload
	if phase == publish.Reveal {
		apply = f.reveal
	}
	if err := apply(ctx, items); err != nil {
		return fmt.Errorf("writing GitHub release %q to %q: %w", f.cfg.Tag, f.path, err)
	}
	for _, item := range items {
		f.complete(&item)
		report(publish.Progress{Done: &item})
	}
	return nil
}

// upload adds assets to the draft. It reads them, so that no altered one is in it.
func (f *file) upload(ctx context.Context, items []publish.Item) error {
	err := parallel.DoAll(ctx, len(items), f.cfg.Jobs, func(ctx context.Context, i int) error {
		return f.check(ctx, items[i].Path)
	})
	if err != nil {
		return err
	}
	r, err := f.read()
	if err != nil {
		return err
	}
	if r == nil {
		r = &fileRelease{Tag: f.cfg.Tag, Title: f.cfg.Title, Notes: f.cfg.Notes, Prerelease: f.cfg.Prerelease, Commit: f.cfg.Commit, Draft: true}
		f.guard = r.guard()
	}
	there, wanted := r.byName(), map[string]bool{}
	for _, item := range items {
		wanted[item.Path] = true
	}
	changed := false
	for _, a := range f.assets {
		was, ok := there[a.name]
		switch {
		case r.Tag != f.cfg.Tag:
			return fmt.Errorf("got release %q: %w", r.Tag, publish.ErrChanged)
		case !wanted[a.Path], ok && was.Digest == a.Digest && was.Size == a.Size:
			continue
		case ok || !r.Draft:
			return fmt.Errorf("asset %q: got %q in a release that is draft: %v, want %s: %w", a.name, was.Digest, r.Draft, a.Digest, publish.ErrChanged)
		}
		r.Assets, changed = append(r.Assets, fileAsset{a.name, a.Size, a.Digest, mediaType(a.name)}), true
	}
	slices.SortFunc(r.Assets, func(a, b fileAsset) int { return strings.Compare(a.Name, b.Name) })
	if !changed {
		return nil
	}
	return jsonfile.Write(f.path, r)
}

// check reads a file of the release to its end.
func (f *file) check(ctx context.Context, path string) error {
	r, err := f.tree.Open(ctx, path)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	}))
	if err != nil && ctx.Err() == nil {
		err = cli.WithHint(err, "build the release again: tools/bazel build //release:all")
	}
	return err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// reveal makes the draft a release.
func (f *file) reveal(ctx context.Context, items []publish.Item) error {
	r, err := f.read()
	if err != nil {
		return err
	}
	var planned []publish.Item
	there := r.byName()
	for _, a := range f.assets {
		planned = append(planned, f.planAsset(a, r, there))
	}
	diff := compareNames(namesOnly(planned), there)
	state := f.planRelease(r, diff)
	switch want := cmp.Or(items[0].Guard, f.guard); {
	case state.State == publish.Equal:
		return nil
	case r == nil:
		return fmt.Errorf("there is no draft: %w", publish.ErrChanged)
	case state.State == publish.Conflict || diff.String() != "":
		return fmt.Errorf("got %s %s: %w", cmp.Or(state.Found, "draft"), diff, publish.ErrChanged)
	case want != "" && r.guard() != want:
		return fmt.Errorf("got %s, want %s: %w", r.guard(), want, publish.ErrChanged)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	r.Title, r.Notes, r.Prerelease, r.Commit, r.Draft = f.cfg.Title, f.cfg.Notes, f.cfg.Prerelease, f.cfg.Commit, false
	return jsonfile.Write(f.path, r)
}

// Verify is that of publish.Destination. The file has no content to be read.
func (f *file) Verify(ctx context.Context, items []publish.Item, _ bool) error {
	r, err := f.read()
	if err != nil {
		return err
	}
	there := r.byName()
	var errs []error
	for _, item := range items {
		var err error
		a, ok := there[item.Name[strings.LastIndex(item.Name, " ")+1:]]
		switch {
		case r == nil:
			err = errors.New("got no release, want one")
		case item.Kind == kindRelease:
			err = r.verify(item)
		case !ok:
			err = errors.New("got none, want one")
		case string(a.Digest) != item.Digest:
			err = fmt.Errorf("sha256: got %s, want %s", a.Digest, item.Digest)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %q: %w", item.Kind, item.Name, err))
		}
	}
	return cmp.Or(ctx.Err(), joinSorted(errs))
}

func (r *fileRelease) verify(item publish.Item) error {
	if r.Draft {
		return errors.New("got a draft, want a published release")
	}
	var all []assetFile
	for _, a := range r.Assets {
		all = append(all, assetFile{release.File{Digest: a.Digest}, a.Name})
	}
	if got := sumOf(all); string(got) != item.Digest {
		return fmt.Errorf("sha256 of the list of its %d assets: got %s, want %s", len(all), got, item.Digest)
	}
	return nil
}
