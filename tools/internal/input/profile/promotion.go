package profile

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

const (
	// Stage and Production are the profiles that commands have flags for.
	Stage      = "stage"
	Production = "production"
	// fromBuild is the value of from for a profile that takes what was built.
	fromBuild = "build"
)

// promotions sets and checks the profiles that promotions come from. By default, production
// takes its releases from the stage.
func (p *parser) promotions(all []Profile, said map[string]*yaml.Node) {
	find := func(name string) *Profile {
		if i := slices.IndexFunc(all, func(a Profile) bool { return a.Name == name }); i >= 0 {
			return &all[i]
		}
		return nil
	}
	if production := find(Production); production != nil && said[Production] == nil && find(Stage) != nil {
		production.From = Stage
	}
	for i := range all {
		a := &all[i]
		switch n := said[a.Name]; {
		case a.From == fromBuild:
			a.From = ""
		case n == nil || a.From == "":
		case find(a.From) == nil:
			p.Errorf(n, "profile %s: from: no profile %s, want another profile of this file, or build", strictyaml.Quote(a.Name), strictyaml.Quote(a.From))
		case circular(a, find):
			p.Errorf(n, "profile %s: from: promotions form a cycle, want one profile that takes what was built", strictyaml.Quote(a.Name))
		}
	}
}

// circular reports whether promotions to a profile come from itself.
func circular(a *Profile, find func(string) *Profile) bool {
	seen := map[string]bool{}
	for from := find(a.From); from != nil && !seen[from.Name]; from = find(from.From) {
		if from.Name == a.Name {
			return true
		}
		seen[from.Name] = true
	}
	return false
}
