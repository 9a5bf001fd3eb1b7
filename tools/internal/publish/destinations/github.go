package destinations

import (
	"context"
	"errors"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/github"
)

const (
	// latest is GitHub's own alias.
	latest = "latest"
	// fileKey is the former name of dir.
	fileKey = "file"
)

// githubReleases is the kind for releases on GitHub, or in a directory that imitates it.
func githubReleases() Kind {
	return Kind{
		Name: "github", Noun: "GitHub releases in", Reveals: 5,
		Kind: profile.Kind{
			Key: "github", Single: true, Aliases: []string{latest},
			Fields: []profile.Field{
				{Key: "owner", Rule: ownerRule, Where: true},
				{Key: "repo", Rule: ownerRule, Where: true, Default: func(p profile.Place, l *lock.Lock) string {
					if p.Text("owner") == "" {
						return ""
					}
					return primary(l).Name
				}},
				// A directory that imitates the repository, with a JSON file for each
				// release.
				{Key: "dir", Rule: rules.Path, Where: true},
				{Key: fileKey, Holds: profile.Gone},
				// Patterns of release paths (path.Match); none for the files at the top.
				{Key: "assets", Holds: profile.Texts, Example: `["*.tar.gz"]`, Rule: strictyaml.Rule{
					Want: "a pattern of release paths such as *.tar.gz", Check: rules.Exclude.Check,
				}},
				{Key: "title", Rule: lineRule},
				{Key: "prerelease", Holds: profile.Flag},
			},
			Check: checkGitHub,
		},
		Credentials: githubCredentials,
		Open: func(ctx context.Context, o *Opener, p profile.Place) (publish.Destination, error) {
			c := github.Config{
				Name: o.Name, Owner: p.Text("owner"), Repo: p.Text("repo"), Assets: p.List("assets"), Title: p.Text("title"), Notes: o.Notes, Since: o.Since,
				Prerelease: p.Flag("prerelease"), Latest: o.alias(latest), BaseURL: o.Env("GITHUB_API_URL"), Transport: o.limits, Log: o.Log,
			}
			if dir := p.Text("dir"); dir != "" {
				return github.NewDir(dir, c, o.Tree)
			}
			var err error
			if c.Token, err = o.token(); err != nil {
				return nil, err
			}
			return github.New(ctx, c, o.Tree)
		},
	}
}

func checkGitHub(p *strictyaml.Parser, n *yaml.Node, f *strictyaml.Fields) {
	if file := p.Text(f, fileKey, rules.Path); f.Keys[fileKey] != nil {
		p.Errorf(f.Keys[fileKey], "%sgot key %q, which was replaced by dir: write dir: %q", f.In, fileKey, strings.TrimSuffix(file, ".json"))
	} else if len(f.Present("dir", "owner")) == 0 {
		p.Errorf(n, "%sno owner and no dir, want one", f.In)
	}
	p.Alone(f, "dir", "owner")
}

// githubCredentials returns the file with GitHub's token, for a place at GitHub.
func githubCredentials(a *Args, p profile.Place) string {
	if p.Text("owner") == "" {
		return ""
	}
	return tokenFile(a.TokenFile)
}

// token returns GitHub's token. To publish without one is an error before any request.
func (a *Args) token() (string, error) {
	token, err := a.readToken("GitHub's token", a.TokenFile, "GH_TOKEN", "GITHUB_TOKEN")
	if err != nil || token != "" || a.Tree == nil { // what is public can be verified without
		return token, err
	}
	return "", hint.With(errors.New("no token for GitHub"), "pass --githubtoken FILE or --githubtoken env://NAME, or set GH_TOKEN or GITHUB_TOKEN; the token needs permission to write contents")
}
