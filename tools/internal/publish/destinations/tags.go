package destinations

import (
	"context"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/github"
	"github.com/jasonwzm/release-builder/tools/internal/publish/gittag"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
)

var (
	ownerRule = strictyaml.Rule{Want: "the name of an organization or user", Check: rules.FileName}
	lineRule  = strictyaml.Rule{Want: "one line of text", Check: rules.PlainText}
)

// tags is the kind for tags of the commits that the release was built from.
func tags() Kind {
	return Kind{
		Name: "tags", Noun: "tags in", Reveals: 4,
		Kind: profile.Kind{
			Key: "tags", Single: true,
			Fields: []profile.Field{
				// The URL that git pushes to; none for each dependency's own repository.
				{Key: "url", Holds: profile.URL, Where: true, Rule: strictyaml.Rule{
					Want: "a URL that git can push to", Check: func(s string) string { return rules.Git.Check(filled(s)) },
				}},
				// With an owner, GitHub's API sets the tags, in repositories of this owner.
				{Key: "owner", Rule: ownerRule, Where: true},
				{Key: "tagger", Rule: strictyaml.Rule{Want: "a name and address such as Release <release@example.com>", Check: checkTagger}, Required: true},
				{Key: "message", Rule: lineRule},
			},
			Check: func(p *strictyaml.Parser, _ *yaml.Node, f *strictyaml.Fields) { p.Alone(f, "owner", "url") },
		},
		Credentials: githubCredentials,
		Open:        openTags,
	}
}

func openTags(ctx context.Context, o *Opener, p profile.Place) (publish.Destination, error) {
	who, address, _ := strings.Cut(strings.TrimSuffix(p.Text("tagger"), ">"), " <")
	prefixed := o.prefixed()
	message := p.Text("message")
	if message == "" && o.Tree != nil {
		// The same for git and for GitHub, so that production gets the same tag as the stage.
		message = o.Tree.Lock.Product + " " + o.Tree.Version
	}
	if p.Text("owner") == "" {
		return gittag.New(ctx, gittag.Config{
			Name: o.Name, URL: p.Text("url"), Prefixed: prefixed, Tagger: gittag.Tagger{Name: who, Email: address}, Message: message,
			Client: gitsource.Client{Log: func(line string) { o.Log("%s: %s", o.Name, line) }},
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
		Name: o.Name, Owner: p.Text("owner"), Token: token, BaseURL: o.Env("GITHUB_API_URL"), VPrefixed: v,
		TaggerName: who, TaggerEmail: address, Message: strings.TrimSuffix(message, "\n") + "\n", Transport: o.limits, Log: o.Log,
	}, o.Tree)
}

// prefixed returns the dependencies that also get the tag v<version>.
func (o *Opener) prefixed() []string {
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

var tagger = regexp.MustCompile(`^[^<>]+ <[^<>@ ]+@[^<>@ ]+>$`)

func checkTagger(s string) string {
	switch bad := rules.PlainText(s); {
	case bad != "":
		return bad
	case !tagger.MatchString(s):
		return "not a name and address"
	}
	return ""
}
