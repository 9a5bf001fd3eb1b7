// Package github publishes a release on GitHub: as a release with its assets ([New]), and as
// annotated tags in the repositories that it was built from ([NewTags]). [NewDir] imitates
// GitHub's releases in a directory.
//
// A release starts as a draft, which only the repository's writers see. Its assets are
// uploaded, listed again and compared. Then one request publishes it. Published releases and
// finished assets of a draft are never changed: a difference is a conflict.
//
// The client is go-github v32. Newer features of GitHub's API, such as an asset's digest,
// have their own types here.
package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// Config describes a GitHub release.
type Config struct {
	Name        string // the destination's; default github
	Owner, Repo string
	// Token needs the permission contents: write for the repository. Without a token, only
	// public releases can be verified.
	Token string
	// BaseURL is the API's URL: https://api.github.com/ by default, and https://HOST/api/v3/
	// for an Enterprise Server.
	BaseURL string
	// Assets are patterns (path.Match) of the release's files that become assets. By default
	// these are the archives, zips and checksums of the top level, manifest.yaml, lock.json and
	// the provenance. The signature of an asset is one too.
	Assets []string
	Tag    string // default: the version
	// Commit is the commit that GitHub tags if the tag does not exist; an existing tag must
	// be on it. The default is the commit of this repository in the release's lock; without
	// any, GitHub tags the default branch.
	Commit string
	Title  string // default: the tag
	Notes  string // Markdown; default: from GenerateNotes
	// Since is the lock of the release whose changes since the notes list; nil for none.
	Since *lock.Lock
	// Prerelease marks the release as not ready for production. Releases that the rule of
	// Latest never takes are always marked, because GitHub makes the first unmarked release
	// the latest one.
	Prerelease bool
	// Latest decides whether the release becomes GitHub's latest one. The default rule is
	// publish.Stable.
	Latest publish.Alias
	Jobs   int // uploads at a time; default 4
	// Transport sends all requests. It is wrapped in Limits unless it is one.
	Transport http.RoundTripper
	// Log prints a line for each wait; it may be nil.
	Log func(format string, args ...any)
}

// GitHub's limits
// (https://docs.github.com/en/repositories/releasing-projects-on-github/about-releases#storage-and-bandwidth-quotas).
const (
	maxAssets    = 1000
	maxAssetSize = 2<<30 - 1 // bytes
	maxNotes     = 125_000   // characters
	defaultJobs  = 4
)

func defaultAssets() []string {
	return []string{"*.tar.gz", "*.tar.xz", "*.tar.zst", "*.zip", "*.sha256", "manifest.yaml", release.LockFile, release.Checksums, release.Provenance}
}

// assetFile is a file of the release that becomes an asset.
type assetFile struct {
	release.File
	name string
}

// destination is a release on GitHub.
type destination struct {
	cfg    Config
	c      *client
	tree   *release.Tree
	repo   string      // OWNER/REPO
	assets []assetFile // sorted by name

	mu    sync.Mutex
	draft int64                   // created by this destination, or 0
	guard string                  // of that draft
	moved *string                 // guard of latest before this destination moved it
	sums  map[int64]digest.Digest // of assets that were read, by ID
}

// New returns the destination for a GitHub release. Without a tree it can only verify.
func New(_ context.Context, cfg Config, tree *release.Tree) (publish.Destination, error) {
	if err := checkRepository(cfg.Owner, cfg.Repo); err != nil {
		return nil, err
	}
	assets, err := cfg.complete(tree)
	if err != nil {
		return nil, fmt.Errorf("planning the GitHub release of %s/%s: %w", cfg.Owner, cfg.Repo, err)
	}
	c, err := newClient(clientArgs{Token: cfg.Token, BaseURL: cfg.BaseURL, Transport: cfg.Transport, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	return &destination{
		cfg: cfg, c: c, tree: tree, repo: cfg.Owner + "/" + cfg.Repo, assets: assets, sums: map[int64]digest.Digest{},
	}, nil
}

// Name implements [publish.Destination].
func (d *destination) Name() string { return d.cfg.Name }

// complete sets defaults and returns the assets.
func (c *Config) complete(tree *release.Tree) ([]assetFile, error) {
	c.Name, c.Jobs = cmp.Or(c.Name, "github"), cmp.Or(max(c.Jobs, 0), defaultJobs)
	if tree == nil {
		return nil, nil
	}
	c.Tag = cmp.Or(c.Tag, tree.Version)
	c.Title = cmp.Or(c.Title, c.Tag)
	c.Commit = cmp.Or(c.Commit, pinned(tree.Lock, c.Owner, c.Repo))
	if c.Notes == "" {
		c.Notes = GenerateNotes(c.Since, tree.Lock)
	}
	c.Latest.Name, c.Latest.Rule = "latest", cmp.Or(c.Latest.Rule, publish.Stable)
	rule := publish.Alias{Rule: c.Latest.Rule}
	if state, _ := rule.Start(publish.Candidate{Version: versionOf(c.Tag)}); state == publish.Kept {
		c.Prerelease = true
	}
	if n := utf8.RuneCountInString(c.Notes); n > maxNotes {
		return nil, fmt.Errorf("notes have %d characters, want at most %d", n, maxNotes)
	}
	if !utf8.ValidString(c.Notes) || !utf8.ValidString(c.Title) {
		return nil, errors.New("title or notes: got bytes that are not UTF-8, want text")
	}
	if len(c.Assets) == 0 {
		c.Assets = defaultAssets()
	}
	return chooseAssets(tree.Published(), c.Assets)
}

// pinned returns the commit of a repository in a lock, or "".
func pinned(l *lock.Lock, owner, repo string) string {
	for _, d := range l.Dependencies {
		if d.Git == nil {
			continue
		}
		if o, r, err := splitURL(d.Git.URL); err == nil && strings.EqualFold(o, owner) && strings.EqualFold(r, repo) {
			return d.Git.Commit
		}
	}
	return ""
}

// chooseAssets returns the files that match a pattern, by their names as assets.
func chooseAssets(files []release.File, patterns []string) ([]assetFile, error) {
	var all []assetFile
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("pattern %q of assets: %w", p, err)
		}
	}
	for _, f := range files {
		subject := f.Path
		if release.IsSignature(f.Path) {
			subject = strings.TrimSuffix(f.Path, release.SignatureSuffix)
		}
		if slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, subject); return ok }) {
			all = append(all, assetFile{f, path.Base(f.Path)})
		}
	}
	slices.SortStableFunc(all, func(a, b assetFile) int { return strings.Compare(a.name, b.name) })
	var errs []error
	for i, a := range all {
		if i > 0 && a.name == all[i-1].name {
			errs = append(errs, fmt.Errorf("assets %q and %q: duplicate name %q", all[i-1].Path, a.Path, a.name))
		}
		errs = append(errs, checkAsset(a))
	}
	switch {
	case len(all) == 0:
		errs = append(errs, fmt.Errorf("no file of the release matches the assets %q", patterns))
	case len(all) > maxAssets:
		errs = append(errs, fmt.Errorf("got %d assets, GitHub accepts at most %d", len(all), maxAssets))
	}
	return all, errors.Join(errs...)
}

// checkAsset refuses files that GitHub would rename, because of other characters or a dot at
// an end, and empty files, which it does not accept.
func checkAsset(a assetFile) error {
	switch {
	case strings.ContainsFunc(a.name, func(r rune) bool { return !assetRune(r) }):
		return hint.With(fmt.Errorf("asset %q: GitHub would change the name, want only letters, digits and . _ - +", a.Path),
			"rename the file, or leave it out of the assets")
	case strings.Trim(a.name, ".") != a.name:
		return fmt.Errorf("asset %q: GitHub would change the name, want no dot at its beginning or end", a.Path)
	case a.Size == 0:
		return fmt.Errorf("asset %q is empty: GitHub does not accept empty files", a.Path)
	case a.Size > maxAssetSize:
		return fmt.Errorf("asset %q has %d bytes, GitHub accepts at most %d", a.Path, a.Size, maxAssetSize)
	}
	return nil
}

// assetRune reports whether GitHub keeps a character in an asset's name.
func assetRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-+", r)
}

// checkRepository refuses names that would change the API's path.
func checkRepository(owner, repo string) error {
	for _, s := range []string{owner, repo} {
		if s == "" || s == "." || s == ".." || strings.ContainsFunc(s, func(r rune) bool { return r == '+' || !assetRune(r) }) {
			return fmt.Errorf("GitHub repository %q: want OWNER/REPO of letters, digits and . _ -", owner+"/"+repo)
		}
	}
	return nil
}

// splitURL returns the owner and the name of the repository in a git URL.
func splitURL(s string) (owner, repo string, err error) {
	rest := s
	if u, err := url.Parse(s); err == nil && u.Scheme != "" && u.Host != "" {
		rest = u.Path
	} else if _, after, ok := strings.Cut(s, ":"); ok && strings.Contains(s, "@") {
		rest = after // git@github.com:istio/api
	} else {
		rest = ""
	}
	owner, repo, _ = strings.Cut(strings.TrimSuffix(strings.Trim(rest, "/"), ".git"), "/")
	return owner, repo, checkRepository(owner, repo)
}
