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
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
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
	// Assets are patterns (path.Match) of the release's files that become assets; by default
	// those of defaultAssets. The signature of an asset is one too.
	Assets []string
	Tag    string // default: the version
	// Commit is the commit that GitHub tags if the tag does not exist; an existing tag must
	// be on it. The default is the commit of this repository in the release's lock; without
	// any, GitHub tags the default branch.
	Commit string
	Title  string // default: the tag
	Notes  string // Markdown; default: that of lockdiff.Markdown
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
		c.Notes = lockdiff.Markdown(c.Since, tree.Lock)
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
