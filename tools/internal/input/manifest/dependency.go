package manifest

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"gopkg.in/yaml.v3"
)

// What the mappings of dependencies want.
const (
	wantDependency   = "a mapping with git, localpath or module"
	wantDependencies = "a mapping of name: source"
	wantTags         = "a mapping of variant: build tags"
)

// dependencyKeys are the known keys, sorted.
func dependencyKeys() []string {
	return []string{
		"auto", "branch", "exclude", "from", "git", "gomodules", "gotags", "goversionenabled",
		"localpath", "module", "primary", "sha", "tag", "version",
	}
}

// dependencies reads the mapping of that name and chooses the primary.
func (p *parser) dependencies(f *fields) {
	n := f.values["dependencies"]
	if n == nil {
		if f.keys["dependencies"] == nil {
			p.errorf(f.node, "no dependencies, want %s", wantDependencies)
		}
		return
	}
	entries := p.entries(n, "dependencies: ", wantDependencies)
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		p.errorf(n, "dependencies: got an empty mapping, want %s", wantDependencies)
	}
	var all []fields
	for _, e := range entries {
		name := quote(e.key.Value)
		p.scalarKey(e.key, "dependencies: name")
		p.makes(repository(e.key.Value), "dependency", e.key)
		d := p.fields(e.value, "dependency "+name+": ", " in dependency "+name, wantDependency, dependencyKeys())
		all = append(all, d)
		p.m.Dependencies = append(p.m.Dependencies, p.dependency(e.key, &d))
	}
	p.primary(all)
	p.autos(all)
}

// dependency returns the dependency that is called key and has the fields f.
func (p *parser) dependency(key *yaml.Node, f *fields) Dependency {
	d := Dependency{
		Name:             key.Value,
		Primary:          p.boolean(f, "primary"),
		Git:              p.text(f, "git", gitRule),
		LocalPath:        p.text(f, "localpath", pathRule),
		Module:           p.text(f, "module", moduleRule),
		Branch:           p.text(f, "branch", refRule),
		Tag:              p.text(f, "tag", refRule),
		SHA:              strings.ToLower(p.text(f, "sha", shaRule)),
		Version:          p.text(f, "version", moduleVersionRule),
		GoVersionEnabled: p.boolean(f, "goversionenabled"),
		Exclude: p.list(f, "exclude", `["docs/*.md"]`, func(n *yaml.Node, what string) string {
			return p.scalar(n, what, excludeRule)
		}),
		From:   p.text(f, "from", nameRule),
		GoTags: p.tags(key, f),
		GoModules: p.list(f, "gomodules", "[., sub/tool]", func(n *yaml.Node, what string) string {
			return p.scalar(n, what, folderRule)
		}),
	}
	p.notEmpty(f, "gomodules")
	auto := []string{string(AutoDeps), string(AutoModules), string(AutoProxyWorkspace)}
	if f.keys["module"] != nil && f.keys["git"] == nil {
		auto = []string{string(AutoModules)}
	}
	d.Auto = Auto(p.choice(f, "auto", auto))
	if f.node.Kind == yaml.MappingNode {
		p.source(key, f)
	}
	if d.Module != "" && d.Version != "" {
		p.majorVersion(f, &d)
	}
	return d
}

// source checks that f has one source, and what says its revision.
func (p *parser) source(key *yaml.Node, f *fields) {
	sources := f.present("git", "localpath", "module")
	if len(sources) == 0 {
		p.errorf(key, "%sno source, want one of git, localpath, module", f.in)
		return
	}
	if len(sources) > 1 {
		p.errorf(f.keys[sources[1]], "%sgot %s, want one of git, localpath, module", f.in, strings.Join(sources, " and "))
		return
	}
	var want []string
	switch sources[0] {
	case "git":
		want = []string{"branch", "tag", "sha", "auto"}
	case "module":
		want = []string{"version", "auto"}
	}
	var right []string
	given := f.present("branch", "tag", "sha", "auto", "version")
	for _, k := range given {
		if slices.Contains(want, k) {
			right = append(right, k)
			continue
		}
		expected := "no revision"
		if len(want) > 0 {
			expected = oneOf(want)
		}
		p.errorf(f.keys[k], "%sgot %s beside %s, want %s", f.in, k, sources[0], expected)
	}
	if f.keys["from"] != nil && f.keys["auto"] == nil {
		p.errorf(f.keys["from"], "%sgot from without auto, want from beside auto", f.in)
	}
	switch {
	case len(right) == 2 && slices.Contains(right, "branch") && slices.Contains(right, "sha"):
	case len(right) > 1:
		p.errorf(f.keys[right[1]], "%sgot %s, want %s", f.in, strings.Join(right, " and "), oneOf(want))
	case len(given) == 0 && len(want) > 0:
		p.errorf(f.keys[sources[0]], "%sno revision beside %s, want %s", f.in, sources[0], oneOf(want))
	}
}

// majorVersion checks that a module's version suits its path.
func (p *parser) majorVersion(f *fields, d *Dependency) {
	err := module.Check(d.Module, d.Version)
	if err == nil {
		return
	}
	var invalid *module.InvalidVersionError
	if errors.As(err, &invalid) {
		err = invalid.Err
	}
	p.errorf(f.values["version"], "%sversion: got %s (%v), want a version of module %s", f.in, quote(d.Version), err, quote(d.Module))
}

// primary marks the primary dependency. Its revision cannot come from another.
func (p *parser) primary(all []fields) {
	chosen := -1
	for i, d := range p.m.Dependencies {
		switch {
		case !d.Primary:
		case chosen < 0:
			chosen = i
		default:
			p.errorf(all[i].keys["primary"], "%sprimary: dependency %s is primary already, want one",
				all[i].in, quote(p.m.Dependencies[chosen].Name))
		}
	}
	if chosen < 0 && len(all) > 0 {
		chosen = 0
		p.m.Dependencies[0].Primary = true
	}
	if chosen < 0 || all[chosen].keys["auto"] == nil {
		return
	}
	switch f := all[chosen]; {
	case f.keys["git"] != nil:
		p.errorf(f.keys["auto"], "%sgot auto for the primary, want branch, tag or sha", f.in)
	case f.keys["module"] != nil:
		p.errorf(f.keys["auto"], "%sgot auto for the primary, want version", f.in)
	}
}

// tags returns the build tags by variant at the key gotags, or nil if there are none.
func (p *parser) tags(key *yaml.Node, f *fields) map[string][]string {
	n := f.values["gotags"]
	if n == nil {
		return nil
	}
	all := map[string][]string{}
	for _, e := range p.filled(n, f.in+"gotags: ", wantTags) {
		if bad := variantRule.check(e.key.Value); bad != "" {
			p.errorf(e.key, "%sgotags: variant: got %s (%s), want %s", f.in, quote(e.key.Value), bad, variantRule.want)
			continue
		}
		p.makes(repository(key.Value)+"_"+e.key.Value, "dependency "+quote(key.Value)+": variant", e.key)
		what := f.in + "gotags: " + e.key.Value
		if e.value.Kind == yaml.SequenceNode && len(e.value.Content) == 0 {
			p.errorf(e.value, "%s: got an empty list, want at least one tag", what)
		}
		all[e.key.Value] = p.items(e.value, what, "[agent, grpcnotrace]", func(n *yaml.Node, what string) string {
			return p.scalar(n, what, tagRule)
		})
	}
	return all
}
