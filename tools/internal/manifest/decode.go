package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"gopkg.in/yaml.v3"
)

// What mappings want.
const (
	wantRoot         = "a mapping with version and dependencies"
	wantDependency   = "a mapping with git, localpath or module"
	wantDependencies = "a mapping of name: source"
)

// topKeys and dependencyKeys are the known keys, sorted.
func topKeys() []string {
	return []string{
		"architectures", "dashboards", "dependencies", "directory", "docker", "dockerOutput", "outputs",
		"platforms", "product", "proxyOverride", "skipGenerateBillOfMaterials", "version",
	}
}

func dependencyKeys() []string {
	return []string{
		"auto", "branch", "exclude", "git", "goversionenabled", "localpath", "module", "primary", "sha", "tag", "version",
	}
}

// manifest fills p.m from the document's root.
func (p *parser) manifest(root *yaml.Node) {
	f := p.fields(root, "", "", wantRoot, topKeys())
	if root.Kind != yaml.MappingNode {
		return
	}
	m := &p.m
	m.Version = p.text(&f, "version", versionRule)
	if f.keys["version"] == nil {
		p.errorf(root, "no version, want %s", versionRule.want)
	}
	m.Product = p.text(&f, "product", nameRule)
	m.Docker = p.text(&f, "docker", hubRule)
	m.DockerOutput = p.choice(&f, "dockerOutput", []string{"tar", "context"})
	m.ProxyOverride = p.text(&f, "proxyOverride", proxyRule)
	m.SkipGenerateBillOfMaterials = p.boolean(&f, "skipGenerateBillOfMaterials")
	p.text(&f, "directory", anyRule)
	if n := f.values["directory"]; n != nil {
		m.Notes = append(m.Notes, fmt.Sprintf("%s:%d: directory is accepted but unused: outputs go to bazel-bin/release/all",
			p.file, f.keys["directory"].Line))
	}
	p.lists(&f)
	m.Dashboards = p.dashboards(f.values["dashboards"])
	p.dependencies(&f)
}

// lists reads the top level's lists and sets their defaults.
func (p *parser) lists(f *fields) {
	const wantArchitecture = "a Go platform as linux/amd64 or linux/arm/v7"
	word := func(want string, words []string) func(*yaml.Node, string) string {
		return func(n *yaml.Node, what string) string { return p.word(n, what, want, words) }
	}
	p.m.Outputs = p.list(f, "outputs", "[archive, docker]", word(oneOf(Outputs()), Outputs()))
	p.m.Platforms = p.list(f, "platforms", "[linux-amd64, osx-arm64]", word(oneOf(Platforms()), Platforms()))
	p.m.Architectures = p.list(f, "architectures", "[linux/amd64, linux/arm64]", word(wantArchitecture, architectures()))
	for _, key := range []string{"platforms", "architectures"} {
		if n := f.values[key]; n != nil && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			p.errorf(n, "%s: got an empty list, want at least one, or no key for the default", key)
		}
	}
	if p.m.Platforms == nil {
		p.m.Platforms = Platforms()
	}
	if p.m.Architectures == nil {
		p.m.Architectures = []string{"linux/amd64"}
	}
}

// dashboards returns the mapping n, or nil if it has no entry.
func (p *parser) dashboards(n *yaml.Node) map[string]int {
	if n == nil {
		return nil
	}
	var all map[string]int
	for _, e := range p.entries(n, "dashboards: ", "a mapping of name: id") {
		name := p.scalarKey(e.key, "dashboards: name")
		id := p.number(e.value, "dashboard "+quote(e.key.Value))
		if name == "" || id == 0 {
			continue
		}
		if all == nil {
			all = map[string]int{}
		}
		all[name] = id
	}
	return all
}

// scalarKey returns the name that a key is, or "".
func (p *parser) scalarKey(key *yaml.Node, what string) string {
	if bad := nameRule.check(key.Value); bad != "" {
		p.errorf(key, "%s: got %s (%s), want %s", what, quote(key.Value), bad, nameRule.want)
		return ""
	}
	return key.Value
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
		d := p.fields(e.value, "dependency "+name+": ", " in dependency "+name, wantDependency, dependencyKeys())
		all = append(all, d)
		p.m.Dependencies = append(p.m.Dependencies, p.dependency(e.key, &d))
	}
	p.collisions(entries)
	p.primary(all)
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
	}
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
	switch {
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

// collisions checks that no two dependencies give one repository, or files
// that differ only in case.
func (p *parser) collisions(entries []entry) {
	first := map[string]*yaml.Node{}
	for i, e := range entries {
		id := strings.ToLower(p.m.Dependencies[i].Repository())
		other := first[id]
		switch {
		case other == nil:
			first[id] = e.key
		case strings.EqualFold(other.Value, e.key.Value):
			p.errorf(e.key, "dependency %s differs only in case from %s on line %d, want another name",
				quote(e.key.Value), quote(other.Value), other.Line)
		default:
			p.errorf(e.key, "dependency %s makes the same repository as %s on line %d, want another name",
				quote(e.key.Value), quote(other.Value), other.Line)
		}
	}
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

// architectures returns what `go tool dist list` of Go 1.26 prints, Linux
// first, and the variants of 32-bit ARM that GOARM has.
func architectures() []string {
	return strings.Fields(`linux/amd64 linux/arm64 linux/arm linux/arm/v7 linux/arm/v6 linux/arm/v5 linux/386 linux/loong64
		linux/mips linux/mips64 linux/mips64le linux/mipsle linux/ppc64 linux/ppc64le linux/riscv64 linux/s390x
		aix/ppc64 android/386 android/amd64 android/arm android/arm64 darwin/amd64 darwin/arm64 dragonfly/amd64
		freebsd/386 freebsd/amd64 freebsd/arm freebsd/arm64 illumos/amd64 ios/amd64 ios/arm64 js/wasm netbsd/386
		netbsd/amd64 netbsd/arm netbsd/arm64 openbsd/386 openbsd/amd64 openbsd/arm openbsd/arm64 openbsd/ppc64
		openbsd/riscv64 plan9/386 plan9/amd64 plan9/arm solaris/amd64 wasip1/wasm windows/386 windows/amd64 windows/arm64`)
}
