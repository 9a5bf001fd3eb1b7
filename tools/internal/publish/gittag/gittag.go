// Package gittag publishes a release's version as an annotated tag in the git
// repository of each of its dependencies, on the commit that was built. A tag that
// is there is never moved.
//
// A tag object depends on nothing but the release and the configuration, so that
// all repositories of a stage, and production's, have the same one. Only that
// object travels to a repository which has the commit, however large it is.
package gittag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
)

// Config says where tags go and what they say.
type Config struct {
	// Name is the destination's.
	Name string
	// URL is that of each repository; default "{url}". In it, "{url}" is the one that
	// the dependency was built from, "{name}" the dependency's name. It is http(s)://,
	// ssh:// or file://, and has no credentials: git has them from its helpers. A
	// repository of this machine that is not there is made.
	URL string
	// Prefixed are the dependencies that get the tag v<version> as well, as the go
	// command wants it of a module's repository.
	Prefixed []string
	// Tagger is who tags, at the time of the release's lock.
	Tagger Tagger
	// Message is the tag's; default the product and the version.
	Message string
	// Client says how git is run: its command, limits, retries and log.
	Client gitsource.Client
	// Jobs is how many repositories are asked at a time; default 8.
	Jobs int
}

// A Tagger is the name and address in a tag.
type Tagger struct{ Name, Email string }

const (
	kind        = "git tag"
	refPrefix   = "refs/tags/"
	defaultJobs = 8
)

// New returns the destination of a release's tags. Without a tree it can only
// verify. It runs nothing.
func New(_ context.Context, c Config, tree *release.Tree) (publish.Destination, error) {
	d := &destination{name: c.Name, client: c.Client, jobs: cmp.Or(c.Jobs, defaultJobs)}
	if tree == nil {
		return d, nil
	}
	repos, err := c.repositories(tree.Lock)
	if err != nil {
		return nil, fmt.Errorf("preparing git tags of %q: %w", c.Name, err)
	}
	d.repos, d.released = repos, true
	return d, nil
}

// A destination is a set of repositories. It does not change.
type destination struct {
	name     string
	client   gitsource.Client
	jobs     int
	repos    []repository
	released bool // whether it was made with a release
}

// Name is that of [publish.Destination].
func (d *destination) Name() string { return d.name }

// A repository gets tags, all on one commit, which is in source.
type repository struct {
	url    string
	dir    string // where it is on this machine; empty if it is elsewhere
	source lock.Git
	tags   []tag
}

// A tag is an object that a ref is to point to.
type tag struct {
	name    string // of the ref, without refs/tags/
	content string
	object  string // the name of the content
}

// item is the name of a tag's item.
func (r *repository) item(t tag) string { return r.url + " tag " + t.name }

// repositories returns what is to be tagged, in the order of the dependencies' names.
func (c *Config) repositories(l *lock.Lock) ([]repository, error) {
	if err := c.check(l); err != nil {
		return nil, err
	}
	var repos []repository
	owners := map[string]lock.Dependency{} // by item
	for _, dep := range l.Dependencies {
		if dep.Git == nil {
			continue
		}
		r := repository{url: strings.NewReplacer("{url}", dep.Git.URL, "{name}", dep.Name).Replace(cmp.Or(c.URL, "{url}")), source: *dep.Git}
		for _, u := range []string{r.url, dep.Git.URL} {
			if err := checkURL(u); err != nil {
				return nil, fmt.Errorf("dependency %q: %w", dep.Name, err)
			}
		}
		r.dir = directory(r.url)
		for _, name := range c.names(dep.Name, l.Version) {
			t := c.newTag(name, dep.Git.Commit, l)
			owner, taken := owners[r.item(t)]
			if taken && owner.Git.Commit != dep.Git.Commit {
				err := fmt.Errorf("dependencies %q and %q are both to be tagged %s in %q, on commits %s and %s",
					owner.Name, dep.Name, name, r.url, owner.Git.Commit, dep.Git.Commit)
				return nil, hint.With(err, `give each a repository of its own, as by "{name}" in the URL`)
			}
			if !taken {
				owners[r.item(t)] = dep
				r.tags = append(r.tags, t)
			}
		}
		if len(r.tags) > 0 {
			repos = append(repos, r)
		}
	}
	return repos, nil
}

func (c *Config) check(l *lock.Lock) error {
	for _, name := range c.Prefixed {
		if _, ok := l.Find(name); !ok {
			return fmt.Errorf("tag v%s is for dependency %q, and the release has none of that name", l.Version, name)
		}
	}
	who := c.Tagger.Name + c.Tagger.Email
	switch {
	case !gitsource.ValidTag(l.Version):
		return fmt.Errorf("version %q cannot be the name of a git tag", l.Version)
	case strings.TrimSpace(c.Tagger.Name) != c.Tagger.Name || c.Tagger.Name == "" || c.Tagger.Email == "" || strings.ContainsAny(who, "<>\n\x00"):
		return fmt.Errorf("tagger: got name %q, address %q, want both, without < and >", c.Tagger.Name, c.Tagger.Email)
	case strings.Contains(c.Message, "\x00"):
		return errors.New("message: it has a zero byte")
	case l.Time.IsZero():
		return errors.New("the lock has no time")
	}
	return nil
}

// names are the tags of a dependency.
func (c *Config) names(dependency, version string) []string {
	if slices.Contains(c.Prefixed, dependency) && !strings.HasPrefix(version, "v") {
		return []string{version, "v" + version}
	}
	return []string{version}
}

// newTag makes a tag object (git-mktag(1)).
func (c *Config) newTag(name, commit string, l *lock.Lock) tag {
	message := strings.TrimRight(cmp.Or(c.Message, l.Product+" "+l.Version), "\n")
	content := fmt.Sprintf("object %s\ntype commit\ntag %s\ntagger %s <%s> %d +0000\n\n%s\n",
		commit, name, c.Tagger.Name, c.Tagger.Email, l.Time.In(time.UTC).Unix(), message)
	return tag{name: name, content: content, object: objectName("tag", content, commit)}
}
