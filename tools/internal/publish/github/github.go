// Package github publishes a release on GitHub: as a release with its assets
// ([New]), and as annotated tags in the repositories that it was built from
// ([NewTags]). [NewDir] stands in for GitHub's releases where there is no account.
//
// A release begins as a draft, which nobody but the repository's writers sees. Its
// assets are sent, listed again and compared; then one request publishes it. What
// is published is never changed, nor is a finished asset of a draft: what differs
// is a conflict.
//
// The client is go-github v32. It does not know what GitHub's API has got since
// then, such as an asset's digest: those requests have their own types here.
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

// Config says where a GitHub release is, and what it is to be.
type Config struct {
	Name        string // of the destination; default github
	Owner, Repo string
	// Token needs the permission contents: write for the repository. Without one,
	// only what is public can be verified.
	Token string
	// BaseURL is that of the API: https://api.github.com/ by default, and
	// https://HOST/api/v3/ for an Enterprise Server.
	BaseURL string
	// Assets are patterns (path.Match) of the release's paths that become assets.
	// By default they are the archives, zips and checksums of the top level,
	// manifest.yaml and lock.json.
	Assets []string
	Tag    string // default: the version
	// Commit is what GitHub tags where the tag is not there when the release is
	// published; a tag that is there has to be on it. The default is the commit that
	// the release pins of this repository; without any, GitHub tags the default branch.
	Commit string
	Title  string // default: the tag
	Notes  string // Markdown; default: those of GenerateNotes
	// Since is the lock of the release that the notes name changes since; nil for none.
	Since *lock.Lock
	// Prerelease marks the release as not ready for production. One that the rule of
	// Latest never takes is marked in any case: of the others, GitHub makes the first
	// one the latest, whatever it is told.
	Prerelease bool
	// Latest says when the release becomes GitHub's latest one; its rule is
	// publish.Stable if it has none.
	Latest publish.Alias
	Jobs   int // uploads at a time; default 4
	// Transport is for all requests; Limits is put around it, if it is none.
	Transport http.RoundTripper
	// Log takes a line for each wait, or is nil.
	Log func(format string, args ...any)
}

// What GitHub takes
// (https://docs.github.com/en/repositories/releasing-projects-on-github/about-releases#storage-and-bandwidth-quotas).
const (
	maxAssets    = 1000
	maxAssetSize = 2<<30 - 1 // bytes
	maxNotes     = 125_000   // characters
	defaultJobs  = 4
)

func defaultAssets() []string {
	return []string{"*.tar.gz", "*.zip", "*.sha256", "manifest.yaml", release.LockFile, release.Checksums}
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
	draft int64                   // made by this destination, or 0
	guard string                  // of that draft
	moved *string                 // the guard of latest before this destination moved it
	sums  map[int64]digest.Digest // of assets that were read, by number
}

// New returns a GitHub release as a destination. Without a tree it can only be
// verified.
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

// Name is that of publish.Destination.
func (d *destination) Name() string { return d.cfg.Name }

// complete sets what has a default and returns the assets.
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
		return nil, errors.New("title or notes: got bytes that are no UTF-8, want text")
	}
	if len(c.Assets) == 0 {
		c.Assets = defaultAssets()
	}
	return chooseAssets(tree.Files, c.Assets)
}

// pinned returns the commit of a repository that a release was built from, if any.
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

// chooseAssets returns the files that a pattern matches, by their names as assets.
func chooseAssets(files []release.File, patterns []string) ([]assetFile, error) {
	var all []assetFile
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("pattern %q of assets: %w", p, err)
		}
	}
	for _, f := range files {
		if slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, f.Path); return ok }) {
			all = append(all, assetFile{f, path.Base(f.Path)})
		}
	}
	slices.SortStableFunc(all, func(a, b assetFile) int { return strings.Compare(a.name, b.name) })
	var errs []error
	for i, a := range all {
		if i > 0 && a.name == all[i-1].name {
			errs = append(errs, fmt.Errorf("assets %q and %q have one name: %q", all[i-1].Path, a.Path, a.name))
		}
		errs = append(errs, checkAsset(a))
	}
	switch {
	case len(all) == 0:
		errs = append(errs, fmt.Errorf("no file of the release is one of the assets %q", patterns))
	case len(all) > maxAssets:
		errs = append(errs, fmt.Errorf("got %d assets, GitHub takes %d", len(all), maxAssets))
	}
	return all, errors.Join(errs...)
}

// checkAsset refuses what GitHub would not take as it is: it renames a file with
// other characters, or with a dot at an end, and wants no empty ones.
func checkAsset(a assetFile) error {
	switch {
	case strings.ContainsFunc(a.name, func(r rune) bool { return !assetRune(r) }):
		return hint.With(fmt.Errorf("asset %q: GitHub would change the name, want only letters, digits and . _ - +", a.Path),
			"give the file another name, or leave it out of the assets")
	case strings.Trim(a.name, ".") != a.name:
		return fmt.Errorf("asset %q: GitHub would change the name, want no dot at its beginning or end", a.Path)
	case a.Size == 0:
		return fmt.Errorf("asset %q is empty: GitHub takes no empty file", a.Path)
	case a.Size > maxAssetSize:
		return fmt.Errorf("asset %q has %d bytes, GitHub takes at most %d", a.Path, a.Size, maxAssetSize)
	}
	return nil
}

// assetRune says whether GitHub keeps a character of an asset's name.
func assetRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-+", r)
}

// checkRepository refuses names that would lead to another path of the API.
func checkRepository(owner, repo string) error {
	for _, s := range []string{owner, repo} {
		if s == "" || s == "." || s == ".." || strings.ContainsFunc(s, func(r rune) bool { return r == '+' || !assetRune(r) }) {
			return fmt.Errorf("GitHub repository %q: want OWNER/REPO of letters, digits and . _ -", owner+"/"+repo)
		}
	}
	return nil
}

// splitURL returns whose repository a git URL means, and its name.
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
