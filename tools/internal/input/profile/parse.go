package profile

import (
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

var (
	bucketRule   = strictyaml.Rule{Want: "a URL as gs://bucket/prefix, s3://bucket/prefix or file:///folder", Check: checkBucket}
	endpointRule = strictyaml.Rule{Want: "an http or https URL", Check: checkEndpoint}
	anyHubRule   = strictyaml.Rule{Want: "a registry prefix as docker.io/istio, or file:///folder", Check: checkAnyHub}
	aliasRule    = strictyaml.Rule{Want: `a file name of letters, digits, ".", "_", "-", and {major}, {minor}, {patch}, {version}, {commit}`, Check: checkAlias}
	imageTagRule = strictyaml.Rule{Want: `a registry tag of letters, digits, ".", "_", "-"`, Check: checkImageTag}
	pushRule     = strictyaml.Rule{Want: "a URL that git can push to", Check: checkPush}
	ownerRule    = strictyaml.Rule{Want: "the name of an organization or user", Check: rules.FileName}
	taggerRule   = strictyaml.Rule{Want: "a name and address as Release <release@example.com>", Check: checkTagger}
	patternRule  = strictyaml.Rule{Want: "a pattern of release paths as *.tar.gz", Check: rules.Exclude.Check}
	lineRule     = strictyaml.Rule{Want: "one line of text", Check: rules.PlainText}
)

// fileKey is what dir of github was before.
const fileKey = "file"

// profile returns what the fields of a profile say.
func (p *parser) profile(name string, f *strictyaml.Fields) Profile {
	all := Profile{Name: name, From: p.Text(f, "from", rules.Name)}
	p.Each(f, "buckets", []string{"aliases", "endpoint", "url"}, func(n *yaml.Node, f *strictyaml.Fields) {
		p.Required(n, f, "url")
		all.Buckets = append(all.Buckets, Bucket{
			URL: p.Text(f, "url", bucketRule), Endpoint: p.Text(f, "endpoint", endpointRule), Aliases: p.Words(f, "aliases", "[latest]", aliasRule),
		})
	})
	p.Each(f, "registries", []string{"hub", "tags"}, func(n *yaml.Node, f *strictyaml.Fields) {
		p.Required(n, f, "hub")
		all.Registries = append(all.Registries, Registry{Hub: p.Text(f, "hub", anyHubRule), Tags: p.Words(f, "tags", `["{version}", latest]`, imageTagRule)})
	})
	p.Each(f, "charts", []string{"bucket", "endpoint", "hub", "tags"}, func(n *yaml.Node, f *strictyaml.Fields) {
		if have := f.Present("bucket", "hub"); len(have) != 1 {
			p.Errorf(n, "%sgot %d of bucket and hub, want one", f.In, len(have))
		}
		if f.Keys["bucket"] != nil {
			p.Alone(f, "bucket", "tags")
		}
		all.Charts = append(all.Charts, Charts{
			Bucket: p.Text(f, "bucket", bucketRule), Endpoint: p.Text(f, "endpoint", endpointRule), Hub: p.Text(f, "hub", anyHubRule),
			Tags: p.Words(f, "tags", "[latest]", imageTagRule),
		})
	})
	if n := f.Values["tags"]; n != nil {
		t := p.Fields(n, f.In+"tags: ", " in tags of "+strings.TrimSuffix(f.In, ": "), "a mapping", []string{"message", "owner", "tagger", "url"})
		p.Required(n, &t, "tagger")
		p.Alone(&t, "owner", "url")
		all.Tags = &Tags{
			URL: p.Text(&t, "url", pushRule), Owner: p.Text(&t, "owner", ownerRule),
			Tagger: p.Text(&t, "tagger", taggerRule), Message: p.Text(&t, "message", lineRule),
		}
	}
	if n := f.Values["github"]; n != nil {
		all.GitHub = p.github(n, f.In)
	}
	if n := f.Values["aliases"]; n != nil {
		all.Aliases = p.aliases(n, f.In+"aliases: ", &all)
	}
	return all
}

// aliases returns the rules by the aliases' names, each of which a destination of
// the profile has.
func (p *parser) aliases(n *yaml.Node, in string, profile *Profile) map[string]string {
	all := map[string]string{}
	for _, e := range p.Entries(n, in, "a mapping of alias: rule") {
		what := in + strictyaml.Quote(e.Key.Value)
		if rule := p.Word(e.Value, what, strictyaml.OneOf(AliasRules()), AliasRules()); rule != "" {
			all[e.Key.Value] = rule
		}
		switch {
		case e.Key.Value == "{version}":
			p.Errorf(e.Key, "%s never moves, want no rule for it", what)
		case !profile.HasAlias(e.Key.Value):
			p.Errorf(e.Key, "%s is no alias of a bucket and no tag of a registry or of charts, want it there too", what)
		}
	}
	return all
}

func (p *parser) github(n *yaml.Node, in string) *GitHub {
	known := []string{"assets", "dir", "owner", "prerelease", "repo", "title"}
	for i := 0; i < len(n.Content); i += 2 {
		if n.Kind == yaml.MappingNode && n.Content[i].Value == fileKey {
			known = append(known, fileKey) // it has an error of its own
		}
	}
	f := p.Fields(n, in+"github: ", " in github of "+strings.TrimSuffix(in, ": "), "a mapping", known)
	if file := p.Text(&f, fileKey, rules.Path); f.Keys[fileKey] != nil {
		p.Errorf(f.Keys[fileKey], "%sgot key %q, which held one release, want dir, which holds any number: write dir: %q", f.In, fileKey, strings.TrimSuffix(file, ".json"))
	} else if len(f.Present("dir", "owner")) == 0 {
		p.Errorf(n, "%sno owner and no dir, want one", f.In)
	}
	p.Alone(&f, "dir", "owner")
	return &GitHub{
		Owner: p.Text(&f, "owner", ownerRule), Repo: p.Text(&f, "repo", ownerRule), Dir: p.Text(&f, "dir", rules.Path),
		Assets: p.Words(&f, "assets", `["*.tar.gz"]`, patternRule), Title: p.Text(&f, "title", lineRule), Prerelease: p.Boolean(&f, "prerelease"),
	}
}

// filled returns s with texts in place of what stands for them.
func filled(s string) string {
	return strings.NewReplacer("{state}", "/state", "{version}", "1.0.0", "{name}", "name").Replace(s)
}

// filledName is filled for the name of an alias or tag.
func filledName(s string) string {
	return strings.NewReplacer("{version}", "1.0.0", "{major}", "1", "{minor}", "0", "{patch}", "0", "{commit}", strings.Repeat("0", 40)).Replace(s)
}

func checkBucket(s string) string {
	if bad := rules.PlainText(s); bad != "" {
		return bad
	}
	if strings.HasPrefix(s, "{state}") {
		return "no file:// before {state}"
	}
	return rules.URL(filled(s), "gs", "s3", "file")
}

func checkEndpoint(s string) string {
	if bad := rules.PlainText(s); bad != "" {
		return bad
	}
	return rules.URL(s, "http", "https")
}

func checkAnyHub(s string) string {
	if strings.HasPrefix(s, "file:") {
		return checkBucket(s)
	}
	return rules.Hub.Check(filled(s))
}

func checkAlias(s string) string { return rules.FileName(filledName(s)) }

var imageTag = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

func checkImageTag(s string) string {
	if !imageTag.MatchString(filledName(s)) {
		return "no tag of the OCI distribution specification"
	}
	return ""
}

func checkPush(s string) string { return rules.Git.Check(filled(s)) }

var tagger = regexp.MustCompile(`^[^<>]+ <[^<>@ ]+@[^<>@ ]+>$`)

func checkTagger(s string) string {
	switch bad := rules.PlainText(s); {
	case bad != "":
		return bad
	case !tagger.MatchString(s):
		return "no name and address"
	}
	return ""
}
