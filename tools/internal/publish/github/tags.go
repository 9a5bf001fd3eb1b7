package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// TagsConfig describes the tags in the repositories of a release's sources.
type TagsConfig struct {
	Name string // the destination's; default tags
	// Owner is the owner of the repositories to tag: forks with the names of the originals.
	// The default is the owner in each dependency's URL.
	Owner string
	// Token needs the permission contents: write for the repositories.
	Token string
	// BaseURL is the same as in Config.
	BaseURL string
	Version string // default: the release's
	// VPrefixed are the names of the dependencies whose repository also gets the tag
	// vVERSION, which Go modules need.
	VPrefixed map[string]bool
	Message   string // default: Release VERSION
	// TaggerName and TaggerEmail are the author of the tags. Their time is the release's.
	TaggerName, TaggerEmail string
	Jobs                    int // repositories at a time; default 4
	// Transport and Log are the same as in Config.
	Transport http.RoundTripper
	Log       func(format string, args ...any)
}

// wantedTag is a tag that a repository should have.
type wantedTag struct{ owner, repo, name, commit string }

func (w wantedTag) String() string { return w.owner + "/" + w.repo + " tag " + w.name }

// tags are annotated tags in several repositories.
type tags struct {
	cfg    TagsConfig
	c      *client
	tree   *release.Tree
	wanted []wantedTag // sorted
	time   time.Time

	mu      sync.Mutex
	objects map[wantedTag]string // created in the upload phase
}

// NewTags returns the destination for annotated tags: one on the pinned commit of each git
// dependency, in its repository. The upload phase creates the tag objects, which nobody sees
// without a ref. Without a tree it can only verify.
func NewTags(_ context.Context, cfg TagsConfig, tree *release.Tree) (publish.Destination, error) {
	cfg.Name, cfg.Jobs = cmp.Or(cfg.Name, "tags"), cmp.Or(max(cfg.Jobs, 0), defaultJobs)
	t := &tags{tree: tree, objects: map[wantedTag]string{}}
	if tree != nil {
		cfg.Version = cmp.Or(cfg.Version, tree.Version)
		cfg.Message = cmp.Or(cfg.Message, "Release "+cfg.Version)
		t.time = tree.Lock.Time
		var err error
		if t.wanted, err = cfg.wanted(tree); err != nil {
			return nil, fmt.Errorf("planning the tags %q: %w", cfg.Version, err)
		}
		if cfg.TaggerName == "" || cfg.TaggerEmail == "" {
			return nil, errors.New("planning the tags: the tagger has no name or no email address")
		}
	}
	c, err := newClient(clientArgs{Token: cfg.Token, BaseURL: cfg.BaseURL, Transport: cfg.Transport, Log: cfg.Log})
	t.cfg, t.c = cfg, c
	return t, err
}

// wanted returns the tags, each once.
func (c *TagsConfig) wanted(tree *release.Tree) ([]wantedTag, error) {
	var all []wantedTag
	var errs []error
	for name := range c.VPrefixed {
		if d, ok := tree.Lock.Find(name); !ok || d.Git == nil {
			errs = append(errs, fmt.Errorf("tag v%s is for %q, which is not a git dependency of the release", c.Version, name))
		}
	}
	for _, d := range tree.Lock.Dependencies {
		if d.Git == nil {
			continue
		}
		owner, repo, err := splitURL(d.Git.URL)
		if err != nil {
			errs = append(errs, fmt.Errorf("dependency %q: %w", d.Name, err))
			continue
		}
		w := wantedTag{cmp.Or(c.Owner, owner), repo, c.Version, d.Git.Commit}
		all = append(all, w)
		if c.VPrefixed[d.Name] {
			w.name = "v" + c.Version
			all = append(all, w)
		}
	}
	slices.SortFunc(all, func(a, b wantedTag) int {
		return cmp.Or(cmp.Compare(a.owner, b.owner), cmp.Compare(a.repo, b.repo), cmp.Compare(a.name, b.name), cmp.Compare(a.commit, b.commit))
	})
	all = slices.Compact(all)
	for i := 1; i < len(all); i++ {
		if a, b := all[i-1], all[i]; a.String() == b.String() {
			errs = append(errs, fmt.Errorf("%s: dependencies pin commits %s and %s of one repository", a, a.commit, b.commit))
		}
	}
	return all, publish.JoinSorted(errs)
}

// Name implements [publish.Destination].
func (t *tags) Name() string { return t.cfg.Name }

// object and tag return the names of a tag's two items.
func (t *tags) object(w wantedTag) string {
	return t.c.web + "/" + w.owner + "/" + w.repo + " tag object " + w.name
}

func (t *tags) tag(w wantedTag) string { return t.c.web + "/" + w.String() }

// named returns the tag in an item's name.
func (t *tags) named(item publish.Item) (wantedTag, error) {
	rest, ok := strings.CutPrefix(item.Name, t.c.web+"/")
	repo, name, found := strings.Cut(rest, " tag ")
	name = strings.TrimPrefix(name, "object ")
	owner, repo, _ := strings.Cut(repo, "/")
	w := wantedTag{owner, repo, name, item.Digest}
	if !ok || !found || name == "" || checkRepository(owner, repo) != nil {
		return w, fmt.Errorf("item %q: want %s/OWNER/REPO tag NAME", item.Name, t.c.web)
	}
	return w, nil
}

// Plan implements [publish.Destination].
func (t *tags) Plan(ctx context.Context) ([]publish.Item, error) {
	if t.tree == nil {
		return nil, errNoTree
	}
	n := len(t.wanted)
	items := make([]publish.Item, 2*n)
	errs := parallel.Do(n, t.cfg.Jobs, func(i int) (err error) {
		if err = ctx.Err(); err == nil {
			items[i], items[n+i], err = t.planTag(ctx, t.wanted[i])
		}
		return err
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return items, publish.JoinSorted(errs)
}

// planTag returns the items of a tag: its object and the ref.
func (t *tags) planTag(ctx context.Context, w wantedTag) (object, ref publish.Item, err error) {
	object = publish.Item{Phase: publish.Upload, Kind: kindObject, Name: t.object(w), Digest: w.commit, State: publish.Absent}
	ref = publish.Item{Phase: publish.Reveal, Kind: kindTag, Name: t.tag(w), Digest: w.commit, State: publish.Absent}
	there, err := t.c.tag(ctx, w.owner, w.repo, w.name)
	switch {
	case err != nil:
	case there.object == "":
		err = t.planObject(ctx, w, &object)
	case !there.annotated || there.commit != w.commit:
		object.State, object.Found = publish.Conflict, there.String()
		ref.State, ref.Found = publish.Conflict, there.String()
	default:
		t.complete(&object, w, there.object)
		t.complete(&ref, w, there.object)
	}
	return object, ref, err
}

// planObject looks for the object of a tag without a ref. Only the run that created it knows
// its name; another run creates the same object again.
func (t *tags) planObject(ctx context.Context, w wantedTag, item *publish.Item) error {
	t.mu.Lock()
	object := t.objects[w]
	t.mu.Unlock()
	if object == "" {
		return t.c.checkCommit(ctx, w.owner, w.repo, w.commit)
	}
	var there gitTag
	_, err := t.c.call(ctx, http.MethodGet, gitPath(w.owner, w.repo, "tags", object), nil, &there)
	if err == nil && there.Object.SHA == w.commit {
		t.complete(item, w, object)
	}
	return about(err, w.owner+"/"+w.repo, "reading the object of tag %q", w.name)
}

// complete sets the item of an existing tag.
func (t *tags) complete(item *publish.Item, w wantedTag, object string) {
	item.State, item.Version = publish.Equal, object
	if item.Kind == kindTag {
		item.URL = t.c.web + "/" + w.owner + "/" + w.repo + "/releases/tag/" + url.PathEscape(w.name)
	}
}

// Apply implements [publish.Destination].
func (t *tags) Apply(ctx context.Context, phase publish.Phase, items []publish.Item, report publish.Report) error {
	if t.tree == nil {
		return errNoTree
	}
	if report == nil {
		report = func(publish.Progress) {}
	}
	apply, jobs := t.create, t.cfg.Jobs
	if phase == publish.Reveal {
		apply, jobs = t.reveal, 1 // in their order
	}
	return parallel.DoAll(ctx, len(items), jobs, func(ctx context.Context, i int) error {
		item := items[i]
		w, err := t.named(item)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		var object string
		err = t.c.repeat(ctx, func() (err error) {
			object, err = apply(ctx, w)
			return err
		})
		if err != nil {
			return about(err, w.owner+"/"+w.repo, "creating tag %q", w.name)
		}
		t.complete(&item, w, object)
		report(publish.Progress{Done: &item})
		return nil
	})
}

// create creates the tag's object. Its name is always the same, because its content depends
// only on the release.
func (t *tags) create(ctx context.Context, w wantedTag) (string, error) {
	in := map[string]any{
		"tag": w.name, "message": t.cfg.Message, "object": w.commit, "type": "commit",
		"tagger": map[string]any{"name": t.cfg.TaggerName, "email": t.cfg.TaggerEmail, "date": t.time},
	}
	var made gitTag
	_, err := t.c.call(ctx, http.MethodPost, gitPath(w.owner, w.repo, "tags"), in, &made)
	switch {
	case err != nil:
		return "", err
	case made.SHA == "" || made.Object.SHA != w.commit:
		return "", fmt.Errorf("tag object: got one of commit %q, want %s", made.Object.SHA, w.commit)
	}
	t.mu.Lock()
	t.objects[w] = made.SHA
	t.mu.Unlock()
	return made.SHA, nil
}

// reveal creates the ref. GitHub refuses to replace one.
func (t *tags) reveal(ctx context.Context, w wantedTag) (string, error) {
	t.mu.Lock()
	object := t.objects[w]
	t.mu.Unlock()
	if object == "" {
		var err error
		if object, err = t.create(ctx, w); err != nil {
			return "", err
		}
	}
	var made gitRef
	in := map[string]string{"ref": "refs/tags/" + w.name, "sha": object}
	_, err := t.c.call(ctx, http.MethodPost, gitPath(w.owner, w.repo, "refs"), in, &made)
	if err == nil && made.Object.SHA != object {
		return "", fmt.Errorf("ref: got object %q, want %s", made.Object.SHA, object)
	}
	if err == nil || !temporary(err) && !hasStatus(err, http.StatusUnprocessableEntity) {
		return object, err
	}
	there, readErr := t.c.tag(ctx, w.owner, w.repo, w.name)
	switch {
	case readErr != nil || there.object == "":
		return "", err
	case !there.annotated || there.commit != w.commit:
		return "", fmt.Errorf("got %s, want an annotated tag on %s: %w", there, w.commit, publish.ErrChanged)
	}
	return there.object, nil // created by somebody else, or by a request whose answer was lost
}

// Verify implements [publish.Destination]. It always reads the name of a tag's commit, so
// deep adds nothing.
func (t *tags) Verify(ctx context.Context, items []publish.Item, _ bool) error {
	return publish.JoinSorted(parallel.Do(len(items), t.cfg.Jobs, func(i int) error {
		item := items[i]
		w, err := t.named(item)
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = t.verify(ctx, item, w)
		}
		if err != nil {
			err = fmt.Errorf("%s %q: %w", item.Kind, item.Name, err)
		}
		return err
	}))
}

func (t *tags) verify(ctx context.Context, item publish.Item, w wantedTag) error {
	if item.Kind == kindObject && item.Version == "" {
		return nil // only its tag has its name
	}
	if item.Kind == kindObject {
		commit, err := t.c.peel(ctx, w.owner, w.repo, gitObject{SHA: item.Version, Type: "tag"})
		switch {
		case hasStatus(err, http.StatusNotFound):
			return fmt.Errorf("got none, want %s", item.Version)
		case err == nil && commit != w.commit:
			return fmt.Errorf("got commit %s, want %s", commit, w.commit)
		}
		return err
	}
	there, err := t.c.tag(ctx, w.owner, w.repo, w.name)
	switch {
	case err != nil:
		return err
	case there.object == "":
		return fmt.Errorf("got none, want a tag on %s", w.commit)
	case !there.annotated || there.commit != w.commit:
		return fmt.Errorf("got %s, want an annotated tag on %s", there, w.commit)
	}
	return nil
}
