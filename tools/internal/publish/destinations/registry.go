package destinations

import (
	"cmp"
	"context"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/registry"
)

// Rules of registries, which also apply to charts.
var (
	hubRule = strictyaml.Rule{Want: "a registry prefix such as docker.io/istio, or file:///directory", Check: checkHub}
	tagRule = strictyaml.Rule{Want: `a registry tag of letters, digits, ".", "_", "-"`, Check: checkTag}
)

// registries is the kind for images.
func registries() Kind {
	return Kind{
		Name: "registry", Noun: "registry", Reveals: 1,
		Kind: profile.Kind{Key: "registries", Fields: []profile.Field{
			// HOST/PATH, or a directory for OCI layouts.
			{Key: "hub", Holds: profile.URL, Rule: hubRule, Required: true, Where: true},
			// The tags of each image; none for the version alone. The version never moves;
			// the others are aliases.
			{Key: "tags", Holds: profile.Names, Rule: tagRule, Example: `["{version}", latest]`},
		}},
		Credentials: func(a *Args, p profile.Place) string { return registryCredentials(a, p.Text("hub")) },
		Open: func(ctx context.Context, o *Opener, p profile.Place) (publish.Destination, error) {
			return registry.New(ctx, o.registryConfig(p), o.Tree)
		},
	}
}

func (o *Opener) registryConfig(p profile.Place) registry.Config {
	hub := p.Text("hub")
	c := registry.Config{
		Name: o.Name, Hub: hub, Tags: o.aliases(p.List("tags")), Keychain: authn.DefaultKeychain, Yank: o.Yank, Transport: o.Transport,
	}
	host, _, _ := strings.Cut(hub, "/")
	for _, from := range o.Promoted.Of("registries") {
		if other := from.Text("hub"); host != "file:" && strings.HasPrefix(other, host+"/") && other != hub {
			c.MountFrom = other
		}
	}
	return c
}

func registryCredentials(a *Args, hub string) string {
	if strings.HasPrefix(hub, "file:") {
		return ""
	}
	return filepath.Join(cmp.Or(a.Env("DOCKER_CONFIG"), filepath.Join(a.Env("HOME"), ".docker")), "config.json")
}

func checkHub(s string) string {
	if strings.HasPrefix(s, "file:") {
		return checkBucket(s)
	}
	return rules.Hub.Check(filled(s))
}

var imageTag = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

func checkTag(s string) string {
	if !imageTag.MatchString(filledName(s)) {
		return "not a tag of the OCI distribution specification"
	}
	return ""
}
