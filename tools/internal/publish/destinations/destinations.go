// Package destinations makes the destinations of a profile.
package destinations

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/bucket"
	"github.com/jasonwzm/release-builder/tools/internal/publish/chartrepo"
	"github.com/jasonwzm/release-builder/tools/internal/publish/github"
	"github.com/jasonwzm/release-builder/tools/internal/publish/gittag"
	"github.com/jasonwzm/release-builder/tools/internal/publish/registry"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
)

// Kinds are the kinds of destination, in the order in which they reveal.
func Kinds() []string { return []string{"registry", "charts", "bucket", "tags", "github"} }

// Args says how to make destinations.
type Args struct {
	// Profile is what Expand returned.
	Profile profile.Profile
	// Only are the kinds to make; empty for all.
	Only []string
	// Tree is nil if they are only to verify.
	Tree *release.Tree
	// Back are the aliases that may move to any release, whatever their rules say, by
	// name or by the template that the profile has.
	Back []string
	// MountFrom are the registries that have the same images, of a promotion.
	MountFrom []profile.Registry
	// Notes are those of the GitHub release; empty for what the lock gives.
	Notes string
	// Since is the lock of the release that those notes name changes since; nil for none.
	Since *lock.Lock
	// TokenFile has GitHub's token; empty for the environment's.
	TokenFile string
	// Transport takes all requests.
	Transport http.RoundTripper
	// Env is os.Getenv.
	Env func(string) string
	// Log takes what a person should hear.
	Log func(format string, args ...any)
}

// Open makes the destinations of a profile, in the order in which they reveal.
// The error joins all that is wrong with any of them.
func Open(ctx context.Context, a Args) ([]publish.Destination, error) {
	if a.Log == nil {
		a.Log = func(string, ...any) {}
	}
	back, err := a.back()
	if err != nil {
		return nil, err
	}
	o := &opener{Args: a, names: map[string]int{}, moves: back, limits: github.Limits(a.Transport, a.Log)}
	for _, r := range a.Profile.Registries {
		o.add("registry", "registry", func(name string) (publish.Destination, error) { return o.registry(ctx, name, r) })
	}
	for _, c := range a.Profile.Charts {
		o.add("charts", "charts", func(name string) (publish.Destination, error) { return o.charts(ctx, name, c) })
	}
	for _, b := range a.Profile.Buckets {
		scheme, _, _ := strings.Cut(b.URL, "://")
		name := map[string]string{"gs": "gcs", "s3": "s3"}[scheme]
		if name == "" {
			name = "bucket"
		}
		o.add("bucket", name, func(name string) (publish.Destination, error) { return o.bucket(ctx, name, b) })
	}
	if t := a.Profile.Tags; t != nil {
		o.add("tags", "tags", func(name string) (publish.Destination, error) { return o.tags(ctx, name, t) })
	}
	if g := a.Profile.GitHub; g != nil {
		o.add("github", "github", func(name string) (publish.Destination, error) { return o.github(ctx, name, g) })
	}
	if len(o.all) == 0 && len(o.errs) == 0 {
		return nil, fmt.Errorf("profile %q has no destinations of %s", a.Profile.Name, strings.Join(a.kinds(), ", "))
	}
	return o.all, errors.Join(o.errs...)
}

func (a *Args) kinds() []string {
	if len(a.Only) > 0 {
		return a.Only
	}
	return Kinds()
}

type opener struct {
	Args
	names map[string]int
	moves []string // the names of Back
	// limits keeps to GitHub's limits, one budget for all that is there.
	limits http.RoundTripper
	all    []publish.Destination
	errs   []error
}

// add makes a destination, under a name that no other has.
func (o *opener) add(kind, name string, open func(name string) (publish.Destination, error)) {
	if !slices.Contains(o.kinds(), kind) {
		return
	}
	o.names[name]++
	if n := o.names[name]; n > 1 {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	d, err := open(name)
	if err != nil {
		o.errs = append(o.errs, fmt.Errorf("%s: %w", name, err))
		return
	}
	o.all = append(o.all, d)
}

func (o *opener) registry(ctx context.Context, name string, r profile.Registry) (publish.Destination, error) {
	o.warnDocker(r.Hub)
	return registry.New(ctx, o.registryConfig(name, r), o.Tree)
}

func (o *opener) registryConfig(name string, r profile.Registry) registry.Config {
	c := registry.Config{
		Name: name, Hub: r.Hub, Tags: o.aliases(r.Tags), Keychain: authn.DefaultKeychain, Transport: o.Transport,
	}
	host, _, _ := strings.Cut(r.Hub, "/")
	for _, from := range o.MountFrom {
		if host != "file:" && strings.HasPrefix(from.Hub, host+"/") && from.Hub != r.Hub {
			c.MountFrom = from.Hub
		}
	}
	return c
}

func (o *opener) charts(ctx context.Context, name string, c profile.Charts) (publish.Destination, error) {
	if c.Hub != "" {
		o.warnDocker(c.Hub)
		return registry.NewCharts(ctx, o.registryConfig(name, profile.Registry{Hub: c.Hub, Tags: c.Tags}), o.Tree)
	}
	o.warnBucket(c.Bucket)
	return chartrepo.New(ctx, bucket.Config{Name: name, URL: c.Bucket, Endpoint: c.Endpoint, Transport: o.Transport}, o.Tree)
}

func (o *opener) bucket(ctx context.Context, name string, b profile.Bucket) (publish.Destination, error) {
	o.warnBucket(b.URL)
	return bucket.New(ctx, bucket.Config{
		Name: name, URL: b.URL, Endpoint: b.Endpoint, Aliases: o.aliases(b.Aliases), Transport: o.Transport,
	}, o.Tree)
}

func (o *opener) tags(ctx context.Context, name string, t *profile.Tags) (publish.Destination, error) {
	who, address, _ := strings.Cut(strings.TrimSuffix(t.Tagger, ">"), " <")
	prefixed := o.prefixed()
	message := t.Message
	if message == "" && o.Tree != nil {
		// The same for git and for GitHub: a stage's tag is then production's.
		message = o.Tree.Lock.Product + " " + o.Tree.Version
	}
	if t.Owner == "" {
		return gittag.New(ctx, gittag.Config{
			Name: name, URL: t.URL, Prefixed: prefixed, Tagger: gittag.Tagger{Name: who, Email: address}, Message: message,
			Client: gitsource.Client{Log: func(line string) { o.Log("%s: %s", name, line) }},
		}, o.Tree)
	}
	token, err := o.token()
	if err != nil {
		return nil, err
	}
	v := map[string]bool{}
	for _, p := range prefixed {
		v[p] = true
	}
	return github.NewTags(ctx, github.TagsConfig{
		Name: name, Owner: t.Owner, Token: token, BaseURL: o.Env("GITHUB_API_URL"), VPrefixed: v,
		TaggerName: who, TaggerEmail: address, Message: strings.TrimSuffix(message, "\n") + "\n", Transport: o.limits, Log: o.Log,
	}, o.Tree)
}

// prefixed returns the dependencies that get the tag v<version> too.
func (o *opener) prefixed() []string {
	var names []string
	if o.Tree != nil {
		for _, d := range o.Tree.Lock.Dependencies {
			if d.GoVersionEnabled {
				names = append(names, d.Name)
			}
		}
	}
	return names
}

func (o *opener) github(ctx context.Context, name string, g *profile.GitHub) (publish.Destination, error) {
	c := github.Config{
		Name: name, Owner: g.Owner, Repo: g.Repo, Assets: g.Assets, Title: g.Title, Notes: o.Notes, Since: o.Since, Prerelease: g.Prerelease,
		Latest: o.alias(profile.Latest), BaseURL: o.Env("GITHUB_API_URL"), Transport: o.limits, Log: o.Log,
	}
	if g.Dir != "" {
		return github.NewDir(g.Dir, c, o.Tree)
	}
	var err error
	if c.Token, err = o.token(); err != nil {
		return nil, err
	}
	return github.New(ctx, c, o.Tree)
}

// WithRepo returns a profile whose GitHub release is in the repository of the
// release's primary dependency if it names none.
func WithRepo(p profile.Profile, t *release.Tree) profile.Profile {
	if p.GitHub == nil || p.GitHub.Owner == "" || p.GitHub.Repo != "" {
		return p
	}
	g := *p.GitHub
	g.Repo = primary(t.Lock).Name
	p.GitHub = &g
	return p
}
