package manifest

import (
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

var (
	bucketRule   = rule{"a URL as gs://bucket/prefix, s3://bucket/prefix or file:///folder", checkBucket}
	endpointRule = rule{"an http or https URL", checkEndpoint}
	anyHubRule   = rule{"a registry prefix as docker.io/istio, or file:///folder", checkAnyHub}
	aliasRule    = rule{`a file name of letters, digits, ".", "_", "-", and {major}, {minor}, {patch}, {version}, {commit}`, checkAlias}
	imageTagRule = rule{`a registry tag of letters, digits, ".", "_", "-"`, checkImageTag}
	pushRule     = rule{"a URL that git can push to", checkPush}
	ownerRule    = rule{"the name of an organization or user", fileName}
	taggerRule   = rule{"a name and address as Release <release@example.com>", checkTagger}
	patternRule  = rule{"a pattern of release paths as *.tar.gz", checkExclude}
	lineRule     = rule{"one line of text", plainText}
)

// fileKey is what dir of github was before.
const fileKey = "file"

// profile returns what the fields of a profile say.
func (p *parser) profile(name string, f *fields) Profile {
	all := Profile{Name: name, From: p.text(f, "from", nameRule)}
	p.each(f, "buckets", []string{"aliases", "endpoint", "url"}, func(n *yaml.Node, f *fields) {
		p.required(n, f, "url")
		all.Buckets = append(all.Buckets, Bucket{
			URL: p.text(f, "url", bucketRule), Endpoint: p.text(f, "endpoint", endpointRule), Aliases: p.words(f, "aliases", "[latest]", aliasRule),
		})
	})
	p.each(f, "registries", []string{"hub", "tags"}, func(n *yaml.Node, f *fields) {
		p.required(n, f, "hub")
		all.Registries = append(all.Registries, Registry{Hub: p.text(f, "hub", anyHubRule), Tags: p.words(f, "tags", `["{version}", latest]`, imageTagRule)})
	})
	p.each(f, "charts", []string{"bucket", "endpoint", "hub", "tags"}, func(n *yaml.Node, f *fields) {
		if have := f.present("bucket", "hub"); len(have) != 1 {
			p.errorf(n, "%sgot %d of bucket and hub, want one", f.in, len(have))
		}
		if f.keys["bucket"] != nil {
			p.alone(f, "bucket", "tags")
		}
		all.Charts = append(all.Charts, Charts{
			Bucket: p.text(f, "bucket", bucketRule), Endpoint: p.text(f, "endpoint", endpointRule), Hub: p.text(f, "hub", anyHubRule),
			Tags: p.words(f, "tags", "[latest]", imageTagRule),
		})
	})
	if n := f.values["tags"]; n != nil {
		t := p.fields(n, f.in+"tags: ", " in tags of "+strings.TrimSuffix(f.in, ": "), "a mapping", []string{"message", "owner", "tagger", "url"})
		p.required(n, &t, "tagger")
		p.alone(&t, "owner", "url")
		all.Tags = &Tags{
			URL: p.text(&t, "url", pushRule), Owner: p.text(&t, "owner", ownerRule),
			Tagger: p.text(&t, "tagger", taggerRule), Message: p.text(&t, "message", lineRule),
		}
	}
	if n := f.values["github"]; n != nil {
		all.GitHub = p.github(n, f.in)
	}
	if n := f.values["aliases"]; n != nil {
		all.Aliases = p.aliases(n, f.in+"aliases: ", &all)
	}
	return all
}

// aliases returns the rules by the aliases' names, each of which a destination of
// the profile has.
func (p *parser) aliases(n *yaml.Node, in string, profile *Profile) map[string]string {
	all := map[string]string{}
	for _, e := range p.entries(n, in, "a mapping of alias: rule") {
		what := in + quote(e.key.Value)
		if rule := p.word(e.value, what, oneOf(AliasRules()), AliasRules()); rule != "" {
			all[e.key.Value] = rule
		}
		switch {
		case e.key.Value == "{version}":
			p.errorf(e.key, "%s never moves, want no rule for it", what)
		case !profile.HasAlias(e.key.Value):
			p.errorf(e.key, "%s is no alias of a bucket and no tag of a registry or of charts, want it there too", what)
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
	f := p.fields(n, in+"github: ", " in github of "+strings.TrimSuffix(in, ": "), "a mapping", known)
	if file := p.text(&f, fileKey, pathRule); f.keys[fileKey] != nil {
		p.errorf(f.keys[fileKey], "%sgot key %q, which held one release, want dir, which holds any number: write dir: %q", f.in, fileKey, strings.TrimSuffix(file, ".json"))
	} else if len(f.present("dir", "owner")) == 0 {
		p.errorf(n, "%sno owner and no dir, want one", f.in)
	}
	p.alone(&f, "dir", "owner")
	return &GitHub{
		Owner: p.text(&f, "owner", ownerRule), Repo: p.text(&f, "repo", ownerRule), Dir: p.text(&f, "dir", pathRule),
		Assets: p.words(&f, "assets", `["*.tar.gz"]`, patternRule), Title: p.text(&f, "title", lineRule), Prerelease: p.boolean(&f, "prerelease"),
	}
}

// each calls add for each mapping in the list at a key.
func (p *parser) each(f *fields, key string, known []string, add func(n *yaml.Node, f *fields)) {
	n := f.values[key]
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode {
		p.errorf(n, "%s%s: got %s, want a list of mappings", f.in, key, kind(n))
		return
	}
	for _, c := range n.Content {
		item := p.fields(c, f.in+key+": ", " in "+key+" of "+strings.TrimSuffix(f.in, ": "), "a mapping with "+strings.Join(known, ", "), known)
		if c.Kind == yaml.MappingNode {
			add(c, &item)
		}
	}
}

// required records that a key is missing.
func (p *parser) required(n *yaml.Node, f *fields, key string) {
	if n.Kind == yaml.MappingNode && f.keys[key] == nil {
		p.errorf(n, "%sno %s", f.in, key)
	}
}

// alone records two keys of which one can stand.
func (p *parser) alone(f *fields, keys ...string) {
	if have := f.present(keys...); len(have) > 1 {
		p.errorf(f.keys[have[1]], "%sgot %s, want one of them", f.in, strings.Join(have, " and "))
	}
}

func (p *parser) words(f *fields, key, want string, r rule) []string {
	return p.list(f, key, want, func(n *yaml.Node, what string) string { return p.scalar(n, what, r) })
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
	if bad := plainText(s); bad != "" {
		return bad
	}
	if strings.HasPrefix(s, "{state}") {
		return "no file:// before {state}"
	}
	return checkURL(filled(s), "gs", "s3", "file")
}

func checkEndpoint(s string) string {
	if bad := plainText(s); bad != "" {
		return bad
	}
	return checkURL(s, "http", "https")
}

func checkAnyHub(s string) string {
	if strings.HasPrefix(s, "file:") {
		return checkBucket(s)
	}
	return checkHub(filled(s))
}

func checkAlias(s string) string { return fileName(filledName(s)) }

var imageTag = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

func checkImageTag(s string) string {
	if !imageTag.MatchString(filledName(s)) {
		return "no tag of the OCI distribution specification"
	}
	return ""
}

func checkPush(s string) string { return checkGit(filled(s)) }

var tagger = regexp.MustCompile(`^[^<>]+ <[^<>@ ]+@[^<>@ ]+>$`)

func checkTagger(s string) string {
	switch bad := plainText(s); {
	case bad != "":
		return bad
	case !tagger.MatchString(s):
		return "no name and address"
	}
	return ""
}
