package gosource

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
)

// The targets that are a part of the standard library: the one that all sources share, and
// what a source has beside.
const (
	sharedStdlib = "@release_builder//release/toolchain:stdlib"
	ownStdlib    = "stdlib" // in package Meta
)

// needs notes which of a root's packages import more of the standard library than all
// sources share: a library counts by what it imports itself, a program by all that
// is linked into it.
func (a *Args) needs(platform string, list []gomod.Package, found map[string]*pkg) {
	if len(a.Stdlib) == 0 {
		return
	}
	std, linked := map[string]bool{}, map[string][]string{}
	for _, p := range list { // each after what it imports
		std[p.ImportPath] = p.Standard && p.Error == nil // what cannot be compiled is an error of who imports it
		q := found[p.ImportPath]
		if q == nil {
			continue
		}
		var own, all []string
		for _, path := range p.Imports {
			if std[path] && !slices.Contains(a.Stdlib, path) && path != "unsafe" {
				own = append(own, path)
			}
			all = append(all, linked[cmp.Or(p.ImportMap[path], path)]...)
		}
		all = append(all, own...)
		slices.Sort(all)
		linked[p.ImportPath] = slices.Compact(all)
		if q.std[platform] = own; q.program != "" {
			q.std[platform] = linked[p.ImportPath]
		}
	}
}

// stdlib writes the attribute that says which part of the standard library a package has.
func (a *Args) stdlib(b *build, p *pkg) {
	if len(a.Stdlib) == 0 {
		return
	}
	part := sharedStdlib
	if len(p.std.union()) > 0 {
		part = "//" + Meta + ":" + ownStdlib
	}
	fmt.Fprintf(b, "    stdlib = %s,\n", quote(part))
}

// beside returns what packages have of the standard library beside what all sources share.
func beside(packages [][]*pkg) perPlatform {
	std := perPlatform{}
	for _, root := range packages {
		for _, p := range root {
			for platform, list := range p.std {
				std[platform] = slices.Compact(slices.Sorted(slices.Values(append(std[platform], list...))))
			}
		}
	}
	return std
}

// ownStdlib writes the target with what a source has of the standard library for itself.
func (b *build) ownStdlib(std perPlatform) {
	b.rule("go_stdlib", ownStdlib)
	fmt.Fprintf(b, "    base = %s,\n", quote(sharedStdlib))
	b.list("packages", std)
	b.WriteString(")\n")
}
