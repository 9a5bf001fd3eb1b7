package github

import (
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

func TestPreflight(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(s *githubtest.Server, c *Config)
		want publish.Result
		text string
	}{
		{name: "may write", want: publish.Good},
		{name: "may read only", do: func(s *githubtest.Server, _ *Config) { s.Repo(owner, repo, false, false) }, want: publish.Bad, text: "may only read"},
		{name: "archived", do: func(s *githubtest.Server, _ *Config) { s.Repo(owner, repo, true, true) }, want: publish.Bad, text: "archived"},
		{name: "no repository", do: func(_ *githubtest.Server, c *Config) { c.Repo = "none" }, want: publish.Bad, text: "404"},
		{name: "a wrong token", do: func(_ *githubtest.Server, c *Config) { c.Token = "wrong" }, want: publish.Bad, text: "401"},
		{name: "no token", do: func(_ *githubtest.Server, c *Config) { c.Token = "" }, want: publish.Unknown, text: "does not say"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			d := open(t, s, releasetest.Open(t, releasetest.Make(t, args())), func(c *Config) {
				if tt.do != nil {
					tt.do(s, c)
				}
			})
			found := d.Preflight(t.Context(), 1)
			if len(found) != 1 || found[0].Result != tt.want || !strings.Contains(found[0].Detail, tt.text) {
				t.Errorf("got %+v, want it %s with %q", found, tt.want, tt.text)
			}
			if w := s.Writes(); len(w) > 0 {
				t.Errorf("wrote %q", w)
			}
		})
	}
}

func TestPreflightTags(t *testing.T) {
	s := start(t)
	s.Repo(owner, repo, false, false)
	d, err := NewTags(t.Context(), TagsConfig{Token: s.Token, BaseURL: s.URL, Transport: transport(t), TaggerName: "a", TaggerEmail: "a@example.com"}, releasetest.Open(t, releasetest.Make(t, args())))
	if err != nil {
		t.Fatal(err)
	}
	found := d.(publish.Preflighter).Preflight(t.Context(), 1)
	if len(found) != 1 || found[0].Result != publish.Bad || !strings.Contains(found[0].What, "istio/istio") {
		t.Errorf("got %+v, want istio/istio bad", found)
	}
}
