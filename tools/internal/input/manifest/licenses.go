package manifest

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/spdx"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

const (
	wantLicenses   = "a mapping with allow and exceptions"
	wantExceptions = "a mapping of component: exception"
	wantException  = "a mapping with license and why"
)

// licenses reads the key licenses, if there is one.
func (p *parser) licenses(n *yaml.Node) *lock.Licenses {
	if n == nil {
		return nil
	}
	f := p.Fields(n, "licenses: ", " in licenses", wantLicenses, []string{"allow", "exceptions"})
	l := &lock.Licenses{Allow: p.List(&f, "allow", "[Apache-2.0, MIT]", p.license)}
	p.NotEmpty(&f, "allow")
	for _, e := range p.Optional(f.Values["exceptions"], "licenses: exceptions: ", wantExceptions) {
		component := p.Scalar(e.Key, "licenses: exceptions", rules.Component)
		in := "exception " + strictyaml.Quote(e.Key.Value)
		x := p.Fields(e.Value, in+": ", " in "+in, wantException, []string{"license", "why"})
		if x.Node.Kind == yaml.MappingNode && x.Keys["why"] == nil {
			p.Errorf(e.Key, "%sno why, want the reason in %s", x.In, rules.Line.Want)
		}
		l.Exceptions = append(l.Exceptions, lock.LicenseException{
			Component: component, License: canonical(p.Text(&x, "license", rules.Expression)), Why: p.Text(&x, "why", rules.Line),
		})
	}
	slices.SortFunc(l.Exceptions, func(a, b lock.LicenseException) int { return strings.Compare(a.Component, b.Component) })
	if len(l.Allow)+len(l.Exceptions) == 0 {
		return nil
	}
	return l
}

// license returns an allowed licence in the spelling of the SPDX list.
func (p *parser) license(n *yaml.Node, what string) string {
	if n.Kind == yaml.ScalarNode && rules.License.Check(n.Value) != "" {
		if hint, _ := p.Guess(n.Value, spdx.IDs()); hint != "" {
			p.Errorf(n, "%s: got %s, want %s%s", what, strictyaml.Quote(n.Value), rules.License.Want, hint)
			return ""
		}
	}
	return canonical(p.Scalar(n, what, rules.License))
}

// canonical returns the canonical form of a valid expression, and of "" itself.
func canonical(s string) string {
	e, err := spdx.Parse(s)
	if err != nil {
		return ""
	}
	return e.String()
}
