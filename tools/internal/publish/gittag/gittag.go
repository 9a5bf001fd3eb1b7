// Package gittag publishes a release's version as an annotated tag in the git repository of
// each dependency, on the commit that was built. It never moves an existing tag.
//
// A tag object depends only on the release and the configuration, so that all repositories of
// the stage and of production have the same one. If a repository has the commit, only the tag
// object is sent, however large the repository is.
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

// Config says where tags are pushed and what they contain.
type Config struct {
	// Name is the name of the destination.
	Name string
	// URL is the URL of each repository; default "{url}". In it, "{url}" is the dependency's
	// own URL and "{name}" its name. It is http(s)://, ssh:// or file://, without
	// credentials: git's helpers have these. A repository on this machine is created if it
	// does not exist.
	URL string
	// Prefixed are the dependencies that also get the tag v<version>, which the go command
	// needs for modules.
	Prefixed []string
	// Tagger is the author of the tags. Their time is the release's.
	Tagger Tagger
	// Message is the tags' message; default the product and the version.
	Message string
	// Client runs git, with its limits, retries and log.
	Client gitsource.Client
	// Jobs is the number of repositories that are read at a time; default 8.
	Jobs int
}

// A Tagger is the name and address in a tag.
type Tagger struct{ Name, Email string }

const (
	kind        = "git tag"
	refPrefix   = "refs/tags/"
	defaultJobs = 8
)

// New returns the destination for a release's tags. Without a tree it can only verify. It
// runs no command.
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

// A destination is a set of repositories. It is immutable.
type destination struct {
	name     string
	client   gitsource.Client
	jobs     int
	repos    []repository
	released bool // it was made with a release
}

// Name implements [publish.Destination].
func (d *destination) Name() string { return d.name }

// A repository gets tags, all on one commit of source.
type repository struct {
	url    string
	dir    string // on this machine; empty for others
	source lock.Git
	tags   []tag
}

// A tag is a tag object and the ref that points to it.
type tag struct {
	name    string // of the ref, without refs/tags/
	content string
	object  string // the hash of the content
}

// item returns the name of a tag's item.
func (r *repository) item(t tag) string { return r.url + " tag " + t.name }

// repositories returns the repositories to tag, in the order of the dependencies' names.
func (c *Config) repositories(l *lock.Lock) ([]repository, error) {
	if err := c.check(l); err != nil {
		return nil, err
	}
	var repos []repository
	owners := map[string]lock.Dependency{} // by the item's name
	for _, dep := range l.Dependencies {
		if dep.Git == nil {
			continue
		}
		r := repository{url: strings.NewReplacer("{url}", dep.Git.URL, "{name}", dep.Name).Replace(cmp.Or(c.URL, "{url}")), source: *dep.Git}
		for _, u := range []string{r.url, dep.Git.URL} {
			if err := gitsource.CheckRemote(u); err != nil {
				return nil, fmt.Errorf("dependency %q: %w", dep.Name, err)
			}
		}
		r.dir = gitsource.Directory(r.url)
		for _, name := range c.names(dep.Name, l.Version) {
			t := c.newTag(name, dep.Git.Commit, l)
			owner, taken := owners[r.item(t)]
			if taken && owner.Git.Commit != dep.Git.Commit {
				err := fmt.Errorf("dependencies %q and %q are both to be tagged %s in %q, on commits %s and %s",
					owner.Name, dep.Name, name, r.url, owner.Git.Commit, dep.Git.Commit)
				return nil, hint.With(err, `give each its own repository, for example with "{name}" in the URL`)
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
			return fmt.Errorf("tag v%s is for dependency %q, which the release does not have", l.Version, name)
		}
	}
	who := c.Tagger.Name + c.Tagger.Email
	switch {
	case !gitsource.ValidTag(l.Version):
		return fmt.Errorf("version %q cannot be the name of a git tag", l.Version)
	case strings.TrimSpace(c.Tagger.Name) != c.Tagger.Name || c.Tagger.Name == "" || c.Tagger.Email == "" || strings.ContainsAny(who, "<>\n\x00"):
		return fmt.Errorf("tagger: got name %q, address %q, want both, without < and >", c.Tagger.Name, c.Tagger.Email)
	case strings.Contains(c.Message, "\x00"):
		return errors.New("message: got a zero byte")
	case l.Time.IsZero():
		return errors.New("the lock has no time")
	}
	return nil
}

// names returns the names of a dependency's tags.
func (c *Config) names(dependency, version string) []string {
	if slices.Contains(c.Prefixed, dependency) && !strings.HasPrefix(version, "v") {
		return []string{version, "v" + version}
	}
	return []string{version}
}

// newTag returns a tag object (git-mktag(1)).
func (c *Config) newTag(name, commit string, l *lock.Lock) tag {
	message := strings.TrimRight(cmp.Or(c.Message, l.Product+" "+l.Version), "\n")
	content := fmt.Sprintf("object %s\ntype commit\ntag %s\ntagger %s <%s> %d +0000\n\n%s\n",
		commit, name, c.Tagger.Name, c.Tagger.Email, l.Time.In(time.UTC).Unix(), message)
	return tag{name: name, content: content, object: objectName("tag", content, commit)}
}
