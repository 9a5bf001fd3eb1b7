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

// Expand expands the templates of a profile for the release of a lock: {state} and {version}
// everywhere, the others of [profile.Profile] in names of aliases and tags. It also sets
// defaults. The error joins one for each name that cannot be expanded, that two templates
// give, or that is another version.
func (k Kinds) Expand(p profile.Profile, state string, l *lock.Lock) (profile.Profile, error) {
	n := &namer{lock: l, templates: map[string]string{}}
	p = k.replaced(p, state, l.Version, n.name)
	schema := k.Schema()
	for i, place := range p.Places {
		for _, f := range schema.Find(place.Key).Fields {
			if f.Default != nil && place.Text(f.Key) == "" {
				p.Places[i] = p.Places[i].WithText(f.Key, f.Default(place, l))
			}
		}
	}
	schema.Sort(&p)
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

// replaced returns a profile with {state} and {version} expanded, and name applied to the
// names of aliases and tags.
func (k Kinds) replaced(p profile.Profile, state, version string, name func(template string) string) profile.Profile {
	in := strings.NewReplacer("{state}", filepath.ToSlash(state), "{version}", version)
	// A path becomes part of a URL.
	inURL := strings.NewReplacer("{state}", (&url.URL{Path: filepath.ToSlash(state)}).EscapedPath(), "{version}", version)
	schema := k.Schema()
	p.Places = slices.Clone(p.Places)
	for i, place := range p.Places {
		for _, f := range schema.Find(place.Key).Fields {
			switch f.Holds {
			case profile.Text:
				place = place.WithText(f.Key, in.Replace(place.Text(f.Key)))
			case profile.URL:
				place = place.WithText(f.Key, inURL.Replace(place.Text(f.Key)))
			case profile.Texts:
				place = place.WithList(f.Key, each(place.List(f.Key), in.Replace))
			case profile.Names:
				place = place.WithList(f.Key, each(place.List(f.Key), name))
			}
		}
		p.Places[i] = place
	}
	return p
}

func each(all []string, f func(string) string) []string {
	all = slices.Clone(all)
	for i, s := range all {
		all[i] = f(s)
	}
	return all
}

// A namer expands the names of aliases and tags.
type namer struct {
	lock      *lock.Lock
	templates map[string]string // by the names that they give
	errs      []error
}

func (n *namer) name(template string) string {
	name, err := expandName(template, n.lock)
	v := "v" + name
	switch first := cmp.Or(n.templates[name], template); {
	case err != nil:
	case name != n.lock.Version && semver.Canonical(v) == v && semver.Prerelease(v) == "":
		err = fmt.Errorf("alias %q: it is %q for version %q, which is the name of another version and never moves", template, name, n.lock.Version)
	case first != template:
		err = fmt.Errorf("aliases %q and %q are both %q for version %q: want one of them", first, template, name, n.lock.Version)
	}
	if err != nil {
		// The same template may occur in several places.
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
			err := fmt.Errorf("alias %q: version %q is not a semantic version, so it has no {major}, {minor} or {patch}", template, l.Version)
			return "", hint.With(err, "give the release a version such as 1.2.3, or remove the alias from destinations.yaml")
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
		return "", hint.With(err, "make a dependency from git the primary one, or remove the alias from destinations.yaml")
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
func (o *Opener) aliases(names []string) []publish.Alias {
	var all []publish.Alias
	for _, name := range names {
		all = append(all, o.alias(name))
	}
	return all
}

func (o *Opener) alias(name string) publish.Alias {
	rule := publish.Rule(cmp.Or(o.Profile.Aliases[name], profile.RuleStable))
	alias := publish.Alias{Name: name, Rule: rule, Back: slices.Contains(o.moves, name)}
	if o.Yank != nil {
		alias.Leaves = o.Yank.Tree.Version
	}
	return alias
}

// back returns the names of Back. The error joins one for each that no destination has.
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
				name, strings.Join(a.kinds().Names(), ", "), cmp.Or(strings.Join(have, ", "), "none"))
		}
		names, errs = append(names, name), append(errs, err)
	}
	return names, errors.Join(errs...)
}

// aliasNames returns the names of the destinations' aliases, sorted, without tags that are
// the version.
func (a *Args) aliasNames() []string {
	var names []string
	for _, kind := range a.kinds() {
		for _, place := range a.Profile.Of(kind.Key) {
			names = append(names, kind.AliasNames(place)...)
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == a.Tree.Version })
}
