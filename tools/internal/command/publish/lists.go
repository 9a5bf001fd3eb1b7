package publish

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
)

// words is a list: separated by commas, or the flag several times.
type words []string

func (w *words) String() string { return strings.Join(*w, ",") }

func (w *words) Set(s string) error {
	for word := range strings.SplitSeq(s, ",") {
		if word = strings.TrimSpace(word); word == "" {
			return errors.New("want names separated by commas")
		}
		*w = append(*w, word)
	}
	return nil
}

// aliases is a list of NAME or NAME=RULE, with the syntax of words.
type aliases struct {
	names words
	rules map[string]string
}

func (a *aliases) String() string { return a.names.String() }

func (a *aliases) Set(s string) error {
	var list words
	if err := list.Set(s); err != nil {
		return err
	}
	for _, word := range list {
		name, rule, has := strings.Cut(word, "=")
		switch {
		case name == "":
			return fmt.Errorf("got %q, want NAME or NAME=RULE", word)
		case has && !slices.Contains(profile.AliasRules(), rule):
			return fmt.Errorf("alias %q: got rule %q, want one of %s", name, rule, strings.Join(profile.AliasRules(), ", "))
		case has && a.rules == nil:
			a.rules = map[string]string{}
		}
		if has {
			a.rules[name] = rule
		}
		a.names = append(a.names, name)
	}
	return nil
}

// overrideRules replaces the profile's rules by those of flags. The rules of the
// destinations' other aliases stay.
func (o *options) overrideRules(p *profile.Profile) error {
	said := map[string]string{}
	for _, list := range []aliases{o.tags, o.gcsAliases, o.s3Aliases} {
		for _, name := range slices.Sorted(maps.Keys(list.rules)) {
			rule := list.rules[name]
			if other := said[name]; other != "" && other != rule {
				return fmt.Errorf("alias %q: got rule %s and rule %s, want one", name, other, rule)
			}
			said[name] = rule
		}
	}
	schema := destinations.All().Schema()
	rules := maps.Clone(p.Aliases)
	if rules == nil {
		rules = map[string]string{}
	}
	maps.Copy(rules, said)
	maps.DeleteFunc(rules, func(name, _ string) bool { return !schema.HasAlias(p, name) })
	if p.Aliases = rules; len(rules) == 0 {
		p.Aliases = nil
	}
	return nil
}
