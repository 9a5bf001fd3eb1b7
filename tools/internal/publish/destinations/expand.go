package destinations

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// Expand returns a profile with texts in place of {state} and {version}, and in the
// names of aliases and tags of what else [profile.Profile] says, for the release of a
// lock. The error joins one for each name that has no such text, that two templates
// give, or that is another version's.
func Expand(p profile.Profile, state string, l *lock.Lock) (profile.Profile, error) {
	p = located(p, state, l.Version)
	n := &namer{lock: l, templates: map[string]string{}}
	for i := range p.Buckets {
		p.Buckets[i].Aliases = n.all(p.Buckets[i].Aliases)
	}
	for i := range p.Registries {
		p.Registries[i].Tags = n.all(p.Registries[i].Tags)
	}
	for i := range p.Charts {
		p.Charts[i].Tags = n.all(p.Charts[i].Tags)
	}
	rules := p.Aliases
	p.Aliases = nil
	for _, template := range slices.Sorted(maps.Keys(rules)) {
		if p.Aliases == nil {
			p.Aliases = map[string]string{}
		}
		p.Aliases[n.name(template)] = rules[template]
	}
	return p, errors.Join(n.errs...)
}

// located returns a profile with texts in place of {state} and {version}, but in the
// names of aliases and tags.
func located(p profile.Profile, state, version string) profile.Profile {
	in := strings.NewReplacer("{state}", filepath.ToSlash(state), "{version}", version)
	// A path becomes part of a URL.
	inURL := strings.NewReplacer("{state}", (&url.URL{Path: filepath.ToSlash(state)}).EscapedPath(), "{version}", version)
	p.Buckets, p.Registries, p.Charts = slices.Clone(p.Buckets), slices.Clone(p.Registries), slices.Clone(p.Charts)
	for i := range p.Buckets {
		p.Buckets[i].URL = inURL.Replace(p.Buckets[i].URL)
	}
	for i := range p.Registries {
		p.Registries[i].Hub = inURL.Replace(p.Registries[i].Hub)
	}
	for i := range p.Charts {
		c := &p.Charts[i]
		c.Bucket, c.Hub = inURL.Replace(c.Bucket), inURL.Replace(c.Hub)
	}
	if p.Tags != nil {
		t := *p.Tags
		t.URL, t.Message = inURL.Replace(t.URL), in.Replace(t.Message)
		p.Tags = &t
	}
	if p.GitHub != nil {
		g := *p.GitHub
		g.Dir, g.Title = in.Replace(g.Dir), in.Replace(g.Title)
		p.GitHub = &g
	}
	return p
}

// A namer expands the names of aliases and tags.
type namer struct {
	lock      *lock.Lock
	templates map[string]string // by the names that they give
	errs      []error
}

func (n *namer) all(templates []string) []string {
	names := slices.Clone(templates)
	for i, t := range names {
		names[i] = n.name(t)
	}
	return names
}

func (n *namer) name(template string) string {
	name, err := expandName(template, n.lock)
	v := "v" + name
	switch first := cmp.Or(n.templates[name], template); {
	case err != nil:
	case name != n.lock.Version && semver.Canonical(v) == v && semver.Prerelease(v) == "":
		err = fmt.Errorf("alias %q: it is %q for version %q, and the name of another version, which never moves", template, name, n.lock.Version)
	case first != template:
		err = fmt.Errorf("aliases %q and %q are both %q for version %q: want one of them", first, template, name, n.lock.Version)
	}
	if err != nil {
		// The same template may stand in several places.
		if !slices.ContainsFunc(n.errs, func(e error) bool { return e.Error() == err.Error() }) {
			n.errs = append(n.errs, err)
		}
		return template
	}
	n.templates[name] = template
	return name
}

// expandName returns the name that a template gives for the release of a lock.
func expandName(template string, l *lock.Lock) (string, error) {
	name := strings.ReplaceAll(template, "{version}", l.Version)
	if has := strings.Contains; has(name, "{major}") || has(name, "{minor}") || has(name, "{patch}") {
		v := semver.Canonical("v" + l.Version)
		numbers := strings.Split(strings.TrimPrefix(strings.TrimSuffix(v, semver.Prerelease(v)), "v"), ".")
		if len(numbers) != 3 {
			err := fmt.Errorf("alias %q: version %q is no semantic version, which has a {major}, a {minor} and a {patch}", template, l.Version)
			return "", hint.With(err, "give the release a version such as 1.2.3, or take the alias out of destinations.yaml")
		}
		name = strings.NewReplacer("{major}", numbers[0], "{minor}", numbers[1], "{patch}", numbers[2]).Replace(name)
	}
	if !strings.Contains(name, "{commit}") {
		return name, nil
	}
	d := primary(l)
	commit := ""
	switch {
	case d.Git != nil:
		commit = d.Git.Commit
	case d.Local != nil:
		commit = d.Local.Commit
	}
	if commit == "" {
		err := fmt.Errorf("alias %q: the primary dependency %q has no commit", template, d.Name)
		return "", hint.With(err, "make a dependency from git the primary one, or take the alias out of destinations.yaml")
	}
	return strings.ReplaceAll(name, "{commit}", commit), nil
}

func primary(l *lock.Lock) lock.Dependency {
	for _, d := range l.Dependencies {
		if d.Primary {
			return d
		}
	}
	return lock.Dependency{}
}

// aliases returns the aliases of the given names, with their rules.
func (o *opener) aliases(names []string) []publish.Alias {
	var all []publish.Alias
	for _, name := range names {
		all = append(all, o.alias(name))
	}
	return all
}

func (o *opener) alias(name string) publish.Alias {
	rule := publish.Rule(cmp.Or(o.Profile.Aliases[name], profile.RuleStable))
	return publish.Alias{Name: name, Rule: rule, Back: slices.Contains(o.moves, name)}
}

// back returns the names that Back gives, each of which a destination has.
func (a *Args) back() ([]string, error) {
	if len(a.Back) == 0 {
		return nil, nil
	}
	have := a.aliasNames()
	var names []string
	var errs []error
	for _, template := range a.Back {
		name, err := expandName(template, a.Tree.Lock)
		if err == nil && !slices.Contains(have, name) {
			err = fmt.Errorf("moving alias %q back: no destination of %s has it, want one of %s",
				name, strings.Join(a.kinds(), ", "), cmp.Or(strings.Join(have, ", "), "none"))
		}
		names, errs = append(names, name), append(errs, err)
	}
	return names, errors.Join(errs...)
}

// aliasNames returns the names of the aliases that the destinations have, sorted. A
// tag that is the version is none.
func (a *Args) aliasNames() []string {
	byKind := map[string][]string{}
	for _, r := range a.Profile.Registries {
		byKind["registry"] = append(byKind["registry"], r.Tags...)
	}
	for _, c := range a.Profile.Charts {
		byKind["charts"] = append(byKind["charts"], c.Tags...)
	}
	for _, b := range a.Profile.Buckets {
		byKind["bucket"] = append(byKind["bucket"], b.Aliases...)
	}
	if a.Profile.GitHub != nil {
		byKind["github"] = []string{profile.Latest}
	}
	var names []string
	for _, kind := range a.kinds() {
		names = append(names, byKind[kind]...)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == a.Tree.Version })
}
