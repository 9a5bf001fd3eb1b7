package page

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/license"
	"github.com/jasonwzm/release-builder/tools/internal/input/spdx"
)

// A License is a licence with the components that have it.
type License struct {
	ID         string // of the SPDX list, or a LicenseRef-
	Web        string // a URL; empty if it is not on the list
	Components []string
	Percent    float64 // of the most frequent licence
}

// addLicenses counts the licences of what the release contains. An expression counts for each
// licence in it.
func (p *Page) addLicenses(components []license.Component) {
	by := map[string][]string{}
	for i := range components {
		c := &components[i]
		e, err := spdx.Parse(c.License)
		if err != nil { // it is not known
			p.Unknown++
			continue
		}
		for _, id := range e.Licenses() {
			by[id] = append(by[id], c.String())
		}
	}
	most := 0
	for id, all := range by {
		slices.Sort(all)
		l := License{ID: id, Components: slices.Compact(all)}
		name, _, _ := strings.Cut(id, " ")
		if _, ok := spdx.Known(strings.TrimSuffix(name, "+")); ok {
			l.Web = "https://spdx.org/licenses/" + strings.TrimSuffix(name, "+") + ".html"
		}
		most = max(most, len(l.Components))
		p.Licenses = append(p.Licenses, l)
	}
	for i := range p.Licenses {
		p.Licenses[i].Percent = float64(len(p.Licenses[i].Components)) * 100 / float64(most)
	}
	slices.SortFunc(p.Licenses, func(a, b License) int {
		return cmp.Or(len(b.Components)-len(a.Components), strings.Compare(a.ID, b.ID))
	})
}
