package destinations

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
)

func TestProfiles(t *testing.T) {
	got, err := All().Schema().Parse("d.yaml", []byte(`
stage:
  buckets:
    - url: file://{state}/bucket
production:
  aliases: {latest: stable, "{major}.{minor}": stable, dev: newest, "{commit}": highest}
  buckets:
    - {url: gs://releases/demo, aliases: [latest, "{major}.{minor}", "{commit}"]}
    - {url: s3://releases/demo, endpoint: https://s3.example}
  registries:
    - {hub: registry.example/demo, tags: ["{version}", latest, "{major}.{minor}.{patch}", edge]}
  charts:
    - bucket: gs://releases/charts
    - {hub: registry.example/demo/charts, tags: [dev]}
  tags: {owner: demo, tagger: Release <release@example.com>, message: Release}
  github: {owner: demo, repo: demo, assets: ["*.tar.gz"], title: Demo, prerelease: true}
`))
	want := []profile.Profile{
		{Name: "stage", Places: []profile.Place{place("buckets", "url", "file://{state}/bucket")}},
		{
			Name: "production", From: "stage",
			Aliases: map[string]string{"latest": profile.RuleStable, "{major}.{minor}": profile.RuleStable, "dev": profile.RuleNewest, "{commit}": profile.RuleHighest},
			Places: []profile.Place{
				place("buckets", "url", "gs://releases/demo", "aliases", []string{"latest", "{major}.{minor}", "{commit}"}),
				place("buckets", "url", "s3://releases/demo", "endpoint", "https://s3.example"),
				place("registries", "hub", "registry.example/demo", "tags", []string{"{version}", "latest", "{major}.{minor}.{patch}", "edge"}),
				place("charts", "bucket", "gs://releases/charts"),
				place("charts", "hub", "registry.example/demo/charts", "tags", []string{"dev"}),
				place("tags", "owner", "demo", "tagger", "Release <release@example.com>", "message", "Release"),
				place("github", "owner", "demo", "repo", "demo", "assets", []string{"*.tar.gz"}, "title", "Demo", "prerelease", true),
			},
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestProfileErrors(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", "d.yaml: file is empty, want a mapping of profile: destinations"},
		{"list", "- a\n", "d.yaml:1:1: got a list, want a mapping of profile: destinations"},
		{"unknown key", "stage:\n  bucket: []\n", `d.yaml:2:3: unknown key "bucket" in profile "stage": want one of aliases, apk, approval, apt, buckets, charts, commits, from, github, grafana, registries, sign, tags, yum; did you mean "buckets"?`},
		{"bucket is text", "stage:\n  buckets: gs://a\n", `d.yaml:2:12: profile "stage": buckets: got "gs://a", want a list of mappings`},
		{"bucket without URL", "stage:\n  buckets:\n    - aliases: [latest]\n", `d.yaml:3:7: profile "stage": buckets: no url`},
		{"scheme", "stage:\n  buckets:\n    - url: ftp://a/b\n", `d.yaml:3:12: profile "stage": buckets: url: got "ftp://a/b" (scheme "ftp"), want a URL such as gs://bucket/prefix`},
		{"secret", "stage:\n  buckets:\n    - url: s3://me:secret@a/b\n", `d.yaml:3:12: profile "stage": buckets: url: got "s3://…@a/b" (a user in the URL), want`},
		{"hub", "stage:\n  registries:\n    - hub: https://a/b\n", `d.yaml:3:12: profile "stage": registries: hub: got "https://a/b" (a URL), want a registry prefix such as docker.io/istio, or file:///directory`},
		{"image tag", "stage:\n  registries:\n    - {hub: a.example/b, tags: [a/b]}\n", `tags: got "a/b" (not a tag of the OCI distribution specification), want a registry tag`},
		{"placeholder that there is none of", "stage:\n  registries:\n    - {hub: a.example/b, tags: [\"{mayor}\"]}\n", `tags: got "{mayor}" (not a tag of the OCI distribution specification)`},
		{"alias that is a path", "stage:\n  buckets:\n    - {url: gs://a, aliases: [\"a/{major}\"]}\n", `d.yaml:3:31: profile "stage": buckets: aliases: got "a/{major}" (has "/"), want a file name of letters`},
		{"alias of the machine's own", "stage:\n  buckets:\n    - {url: gs://a, aliases: [\"{state}\"]}\n", `aliases: got "{state}" (has "{"), want a file name`},
		{"rules are a list", "stage:\n  aliases: [latest]\n", `d.yaml:2:12: profile "stage": aliases: got a list, want a mapping of alias: rule`},
		{"rule that there is none of", "stage:\n  aliases: {latest: stabel}\n  github: {owner: a}\n", `d.yaml:2:21: profile "stage": aliases: "latest": got "stabel", want one of stable, highest, newest; did you mean "stable"?`},
		{"rule of what nothing has", "stage:\n  aliases: {dev: newest}\n  buckets: [{url: gs://a, aliases: [latest]}]\n", `d.yaml:2:13: profile "stage": aliases: "dev" is not an alias of a bucket or a tag of a registry or of charts, want it there too`},
		{"rule of latest without a place", "stage:\n  aliases: {latest: stable}\n", `"latest" is not an alias of a bucket`},
		{"rule of what never moves", "stage:\n  aliases: {\"{version}\": stable}\n  registries: [{hub: a.example/b, tags: [\"{version}\"]}]\n", `d.yaml:2:13: profile "stage": aliases: "{version}" never moves, want no rule for it`},
		{"tags of charts in a bucket", "stage:\n  charts: [{bucket: gs://a, tags: [latest]}]\n", `d.yaml:2:29: profile "stage": charts: got bucket and tags, want one of them`},
		{"two places for charts", "stage:\n  charts:\n    - {hub: a.example/b, bucket: gs://a}\n", `d.yaml:3:7: profile "stage": charts: got 2 of bucket and hub, want one`},
		{"no tagger", "stage:\n  tags: {url: \"https://a/{name}\"}\n", `d.yaml:2:9: profile "stage": tags: no tagger`},
		{"bad tagger", "stage:\n  tags: {tagger: me}\n", `tags: tagger: got "me" (not a name and address), want a name and address such as Release <release@example.com>`},
		{"push and API", "stage:\n  tags: {tagger: A <a@b>, url: https://a/b, owner: c}\n", `d.yaml:2:45: profile "stage": tags: got url and owner, want one of them`},
		{"no owner", "stage:\n  github: {title: x}\n", `d.yaml:2:11: profile "stage": github: no owner and no dir, want one`},
		{"file for one release", "stage:\n  github:\n    title: x\n    file: \"{state}/github.json\"\n", `d.yaml:4:5: profile "stage": github: got key "file", which was replaced by dir: write dir: "{state}/github"`},
		{"from an unknown profile", "stage: {}\nproduction:\n  from: staging\n", `d.yaml:3:9: profile "production": from: no profile "staging", want another profile of this file, or build`},
		{"from itself", "stage:\n  from: stage\n", `d.yaml:2:9: profile "stage": from: promotions form a cycle`},
		{"from each other", "a: {from: b}\nb: {from: a}\n", "d.yaml:1:11: profile \"a\": from: promotions form a cycle, want one profile that takes what was built\nd.yaml:2:11: "},
		{"from nothing", "stage:\n  from: ''\n", `d.yaml:2:9: profile "stage": from: got ""`},
		{"from a list", "stage:\n  from: [a]\n", `d.yaml:2:9: profile "stage": from: got a list`},
		{"state without scheme", "stage:\n  buckets:\n    - url: \"{state}/bucket\"\n", `(no file:// before {state}), want a URL such as`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := All().Schema().Parse("d.yaml", []byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestReadProfile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "destinations.yaml")
	if err := os.WriteFile(name, []byte("stage: {}\nproduction: {buckets: [{url: gs://a}]}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err := All().Schema().Read(name, "production"); err != nil || p.Places[0].Text("url") != "gs://a" {
		t.Errorf("got %+v, %v", p, err)
	}
	if _, err := All().Schema().Read(name, "prod"); err == nil || !strings.HasSuffix(err.Error(), `no profile "prod", want one of stage, production`) {
		t.Errorf("got %v", err)
	}
	if _, err := All().Schema().Read(name+"x", "stage"); err == nil {
		t.Error("a file that is not there: got no error")
	}
}
