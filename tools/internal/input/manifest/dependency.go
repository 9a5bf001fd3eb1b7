package manifest

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

// The expected form of the mappings of dependencies.
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

// dependencies reads the key dependencies and chooses the primary.
func (p *parser) dependencies(f *strictyaml.Fields) {
	n := f.Values["dependencies"]
	if n == nil {
		if f.Keys["dependencies"] == nil {
			p.Errorf(f.Node, "no dependencies, want %s", wantDependencies)
		}
		return
	}
	entries := p.Entries(n, "dependencies: ", wantDependencies)
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		p.Errorf(n, "dependencies: got an empty mapping, want %s", wantDependencies)
	}
	var all []strictyaml.Fields
	for _, e := range entries {
		name := strictyaml.Quote(e.Key.Value)
		p.scalarKey(e.Key, "dependencies: name")
		p.makes(lock.Repository(e.Key.Value), "dependency", e.Key)
		d := p.Fields(e.Value, "dependency "+name+": ", " in dependency "+name, wantDependency, dependencyKeys())
		all = append(all, d)
		p.m.Dependencies = append(p.m.Dependencies, p.dependency(e.Key, &d))
	}
	p.primary(all)
	p.autos(all)
}

// dependency returns the dependency at key, which has the fields f.
func (p *parser) dependency(key *yaml.Node, f *strictyaml.Fields) Dependency {
	d := Dependency{
		Name:             key.Value,
		Primary:          p.Boolean(f, "primary"),
		Git:              p.Text(f, "git", rules.Git),
		LocalPath:        p.Text(f, "localpath", rules.Path),
		Module:           p.Text(f, "module", rules.Module),
		Branch:           p.Text(f, "branch", rules.Ref),
		Tag:              p.Text(f, "tag", rules.Ref),
		SHA:              strings.ToLower(p.Text(f, "sha", rules.SHA)),
		Version:          p.Text(f, "version", rules.ModuleVersion),
		GoVersionEnabled: p.Boolean(f, "goversionenabled"),
		Exclude:          p.Words(f, "exclude", `["docs/*.md"]`, rules.Exclude),
		From:             p.Text(f, "from", rules.Name),
		GoTags:           p.tags(key, f),
		GoModules:        p.Words(f, "gomodules", "[., sub/tool]", rules.Folder),
	}
	auto := []string{string(AutoDeps), string(AutoModules), string(AutoProxyWorkspace)}
	if f.Keys["module"] != nil && f.Keys["git"] == nil {
		auto = []string{string(AutoModules)}
	}
	if n := f.Values["gomodules"]; n != nil && d.GoModules == nil {
		d.GoModules = []string{}
	}
	d.Auto = Auto(p.Choice(f, "auto", auto))
	if f.Node.Kind == yaml.MappingNode {
		p.source(key, f)
	}
	if d.Module != "" && d.Version != "" {
		p.majorVersion(f, &d)
	}
	return d
}

// source checks that f has exactly one source, with a revision.
func (p *parser) source(key *yaml.Node, f *strictyaml.Fields) {
	sources := f.Present("git", "localpath", "module")
	if len(sources) == 0 {
		p.Errorf(key, "%sno source, want one of git, localpath, module", f.In)
		return
	}
	if len(sources) > 1 {
		p.Errorf(f.Keys[sources[1]], "%sgot %s, want one of git, localpath, module", f.In, strings.Join(sources, " and "))
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
	given := f.Present("branch", "tag", "sha", "auto", "version")
	for _, k := range given {
		if slices.Contains(want, k) {
			right = append(right, k)
			continue
		}
		expected := "no revision"
		if len(want) > 0 {
			expected = strictyaml.OneOf(want)
		}
		p.Errorf(f.Keys[k], "%sgot %s beside %s, want %s", f.In, k, sources[0], expected)
	}
	if f.Keys["from"] != nil && f.Keys["auto"] == nil {
		p.Errorf(f.Keys["from"], "%sgot from without auto, want from beside auto", f.In)
	}
	switch {
	case len(right) == 2 && slices.Contains(right, "branch") && slices.Contains(right, "sha"):
	case len(right) > 1:
		p.Errorf(f.Keys[right[1]], "%sgot %s, want %s", f.In, strings.Join(right, " and "), strictyaml.OneOf(want))
	case len(given) == 0 && len(want) > 0:
		p.Errorf(f.Keys[sources[0]], "%sno revision beside %s, want %s", f.In, sources[0], strictyaml.OneOf(want))
	}
}

// majorVersion checks that a module's version matches its path.
func (p *parser) majorVersion(f *strictyaml.Fields, d *Dependency) {
	err := module.Check(d.Module, d.Version)
	if err == nil {
		return
	}
	var invalid *module.InvalidVersionError
	if errors.As(err, &invalid) {
		err = invalid.Err
	}
	p.Errorf(f.Values["version"], "%sversion: got %s (%v), want a version of module %s", f.In, strictyaml.Quote(d.Version), err, strictyaml.Quote(d.Module))
}

// primary marks the primary dependency. It cannot have auto.
func (p *parser) primary(all []strictyaml.Fields) {
	chosen := -1
	for i, d := range p.m.Dependencies {
		switch {
		case !d.Primary:
		case chosen < 0:
			chosen = i
		default:
			p.Errorf(all[i].Keys["primary"], "%sprimary: dependency %s is primary already, want one",
				all[i].In, strictyaml.Quote(p.m.Dependencies[chosen].Name))
		}
	}
	if chosen < 0 && len(all) > 0 {
		chosen = 0
		p.m.Dependencies[0].Primary = true
	}
	if chosen < 0 || all[chosen].Keys["auto"] == nil {
		return
	}
	switch f := all[chosen]; {
	case f.Keys["git"] != nil:
		p.Errorf(f.Keys["auto"], "%sgot auto for the primary, want branch, tag or sha", f.In)
	case f.Keys["module"] != nil:
		p.Errorf(f.Keys["auto"], "%sgot auto for the primary, want version", f.In)
	}
}

// tags returns the build tags at the key gotags by variant, or nil if there are none.
func (p *parser) tags(key *yaml.Node, f *strictyaml.Fields) map[string][]string {
	n := f.Values["gotags"]
	if n == nil {
		return nil
	}
	all := map[string][]string{}
	for _, e := range p.Filled(n, f.In+"gotags: ", wantTags) {
		if bad := rules.Variant.Check(e.Key.Value); bad != "" {
			p.Errorf(e.Key, "%sgotags: variant: got %s (%s), want %s", f.In, strictyaml.Quote(e.Key.Value), bad, rules.Variant.Want)
			continue
		}
		p.makes(lock.Repository(key.Value)+"_"+e.Key.Value, "dependency "+strictyaml.Quote(key.Value)+": variant", e.Key)
		what := f.In + "gotags: " + e.Key.Value
		if e.Value.Kind == yaml.SequenceNode && len(e.Value.Content) == 0 {
			p.Errorf(e.Value, "%s: got an empty list, want at least one tag", what)
		}
		all[e.Key.Value] = p.Items(e.Value, what, "[agent, grpcnotrace]", func(n *yaml.Node, what string) string {
			return p.Scalar(n, what, rules.Tag)
		})
	}
	return all
}
