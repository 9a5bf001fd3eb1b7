package manifest

import "github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"

// autos checks that auto reads another dependency, and that there are no cycles.
func (p *parser) autos(all []strictyaml.Fields) {
	index, names := map[string]int{}, []string{}
	for i, d := range p.m.Dependencies {
		index[d.Name] = i
		names = append(names, d.Name)
	}
	next := make([]int, len(all)) // the dependency that dependency i reads; -1 for none
	for i, d := range p.m.Dependencies {
		next[i] = -1
		from, known := index[p.m.AutoFrom(&d)]
		switch n := all[i].Values["from"]; {
		case d.Auto == "" || d.Primary || d.LocalPath != "": // no auto, or already an error
		case known && from != i:
			next[i] = from
		case known && n == nil:
			p.Errorf(all[i].Keys["auto"], "%sauto: %s reads this dependency itself, want from beside it", all[i].In, d.Auto)
		case known:
			p.Errorf(n, "%sfrom: got this dependency itself, want another", all[i].In)
		case n != nil && d.From != "":
			hint, _ := p.Guess(d.From, names)
			p.Errorf(n, "%sfrom: got %s, want the name of another dependency%s", all[i].In, strictyaml.Quote(d.From), hint)
		}
	}
	p.circles(all, next)
}

// circles records an error for each cycle of auto, at one of its dependencies.
func (p *parser) circles(all []strictyaml.Fields, next []int) {
	seen := make([]int, len(next)) // the walk that saw it, counted from 1
	for i := range next {
		at := i
		for at >= 0 && seen[at] == 0 {
			seen[at] = i + 1
			at = next[at]
		}
		if at < 0 || seen[at] != i+1 {
			continue
		}
		chain := strictyaml.Quote(p.m.Dependencies[at].Name)
		for to := next[at]; to != at && len(chain) < 300; to = next[to] {
			chain += " reads " + strictyaml.Quote(p.m.Dependencies[to].Name)
		}
		n := all[at].Keys["from"]
		if n == nil {
			n = all[at].Keys["auto"]
		}
		p.Errorf(n, "%sauto forms a cycle, want an end: %s reads it again", all[at].In, chain)
	}
}
