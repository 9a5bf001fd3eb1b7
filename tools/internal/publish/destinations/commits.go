package destinations

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/gitcommit"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// commits is the kind for git repositories that get files of the release by a commit, such as
// those of package managers.
func commits() Kind {
	return Kind{
		Name: "commits", Noun: "commits in", Reveals: 6, // the files have the URLs of what the others publish
		Kind: profile.Kind{
			Key: "commits",
			Fields: []profile.Field{
				{Key: "url", Holds: profile.URL, Required: true, Where: true, Rule: strictyaml.Rule{
					Want: "a URL that git can push to", Check: func(s string) string { return rules.Git.Check(filled(s)) },
				}},
				{Key: "branches", Holds: profile.Names, Rule: aliasRule, Example: "[main]", Required: true},
				{Key: "files", Holds: profile.Texts, Example: "[homebrew]", Required: true, Rule: strictyaml.Rule{
					Want: "a package manager such as homebrew, or PATTERN=PATH", Check: checkCommitted,
				}},
				{Key: "author", Rule: strictyaml.Rule{Want: "a name and address such as Release <release@example.com>", Check: checkTagger}, Required: true},
				{Key: "message", Rule: lineRule},
				// A token for the repository's server; none for git's credential helpers. It is
				// a file of the machine that publishes, or in its environment.
				{Key: "token", Rule: secretRule},
			},
			Check: func(p *strictyaml.Parser, n *yaml.Node, f *strictyaml.Fields) {
				if f.Values["token"] != nil && f.Values["url"] != nil && tokenServer(f.Values["url"].Value) == "" {
					p.Errorf(f.Keys["token"], "%sgot a token, want none for a URL that is not https", f.In)
				}
			},
		},
		Credentials: func(_ *Args, p profile.Place) string { return tokenFile(p.Text("token")) },
		Open:        openCommits,
	}
}

func openCommits(ctx context.Context, o *Opener, p profile.Place) (publish.Destination, error) {
	client := gitsource.Client{Log: func(line string) { o.Log("%s: %s", o.Name, line) }}
	if from := p.Text("token"); from != "" {
		client.TokenFor = tokenServer(p.Text("url"))
		if client.TokenFor == "" {
			return nil, errors.New("a token is sent by https only")
		}
		var err error
		if client.Token, err = o.readToken("the repository's token", from); err != nil && o.Tree != nil { // what is public can be verified without
			return nil, hint.With(err, "set the variable or write the file; or remove token from destinations.yaml, and git's credential helpers are asked")
		}
	}
	return gitcommit.New(ctx, gitcommit.Config{
		Name: o.Name, URL: strings.TrimSuffix(p.Text("url"), "/"), Branches: o.aliases(p.List("branches")), Files: p.List("files"),
		Author: p.Text("author"), Message: p.Text("message"), Client: client,
	}, o.Tree)
}

// tokenServer returns the server that a token is for, such as https://git.example; empty if
// it cannot be sent there in secret.
func tokenServer(repository string) string {
	u, err := url.Parse(filled(repository))
	if err != nil || u.Scheme != "https" && (u.Scheme != "http" || !web.IsLoopback(u.Hostname())) {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func checkCommitted(s string) string {
	if _, err := gitcommit.ParseRule(s); err != nil {
		return "not a rule for files"
	}
	return ""
}
