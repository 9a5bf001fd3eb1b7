package gosource

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
)

// The targets that are parts of the standard library: the part that all sources share, and
// a source's own part.
const (
	sharedStdlib = "@release_builder//release/toolchain:stdlib"
	ownStdlib    = "stdlib" // in package Meta
)

// needs records which of a root's packages import more of the standard library than all
// sources share. For a library its own imports count, for a program all that is linked
// into it.
func (a *Args) needs(platform string, list []gomod.Package, found map[string]*pkg) {
	if len(a.Stdlib) == 0 {
		return
	}
	std, linked := map[string]bool{}, map[string][]string{}
	for _, p := range list { // each after those that it imports
		std[p.ImportPath] = p.Standard && p.Error == nil // a package that cannot be compiled is an error of its importers
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

// stdlib writes the attribute with the package's part of the standard library.
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

// beside returns the packages of the standard library that packages need and not all sources
// share.
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

// ownStdlib writes the target with a source's own part of the standard library.
func (b *build) ownStdlib(std perPlatform) {
	b.rule("go_stdlib", ownStdlib)
	fmt.Fprintf(b, "    base = %s,\n", quote(sharedStdlib))
	b.list("packages", std)
	b.WriteString(")\n")
}
