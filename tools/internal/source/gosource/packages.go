package gosource

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
)

// pkg is a package as it is laid out: what the go command says of it on each platform.
type pkg struct {
	path    string // import path
	dir     string // slash-separated, relative to the source: where its BUILD file is
	from    string // absolute: where its files are before they are laid out
	within  string // the path of its module, as import paths have it
	own     bool   // of the root's module
	module  Module
	lang    string // version of the language, as go1.20
	program string // the name of its program; empty if it is none

	srcs, embed, deps perPlatform
	std               perPlatform // of the standard library, what is beside the part that all sources share
	errors            perPlatform // why it cannot be built
	godebug           map[string]string
	profile           bool // default.pgo is beside a program
}

// perPlatform is a list for each platform for which the package counts.
type perPlatform map[string][]string

// union returns what is in the list of any platform, sorted.
func (l perPlatform) union() []string {
	var all []string
	for _, list := range l {
		all = append(all, list...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// same returns the list that all platforms have, if it is the same.
func (l perPlatform) same() (list []string, ok bool) {
	first := true
	for _, other := range l {
		if !first && !slices.Equal(list, other) {
			return nil, false
		}
		list, first = other, false
	}
	return list, true
}

// defaultLang is the version of the language where a go.mod does not say one: see
// https://go.dev/ref/mod#go-mod-file-go.
const defaultLang = "go1.16"

// packages returns the packages to lay out for a root, sorted by directory: its own,
// and those of other modules below its vendor directory.
func (a *Args) packages(r Root) []*pkg {
	found := map[string]*pkg{} // by import path
	for _, platform := range slices.Sorted(maps.Keys(r.Packages)) {
		for i := range r.Packages[platform] {
			p := &r.Packages[platform][i]
			if p.Standard || p.Dir == "" || p.Module == nil || hidden(p) {
				continue
			}
			if found[p.ImportPath] == nil {
				found[p.ImportPath] = a.newPackage(r, p)
			}
			found[p.ImportPath].add(platform, p)
		}
	}
	for platform, list := range r.Packages {
		link(platform, list, found)
		a.needs(platform, list, found)
	}
	maps.DeleteFunc(found, func(_ string, p *pkg) bool { return len(p.srcs.union()) == 0 && len(p.errors) == 0 }) // only tests
	list := slices.Collect(maps.Values(found))
	slices.SortFunc(list, func(a, b *pkg) int { return strings.Compare(a.dir, b.dir) })
	return list
}

// hidden reports whether a package is where none can be: in a directory that is called as
// BUILD files are, or in the one that Vendor makes.
func hidden(p *gomod.Package) bool {
	return slices.Contains(strings.Split(p.ImportPath, "/"), "BUILD.bazel") || p.Module.Main && p.ImportPath == p.Module.Path+"/vendor"
}

// newPackage says of a package what is the same on all platforms.
func (a *Args) newPackage(r Root, p *gomod.Package) *pkg {
	rel := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, p.Module.Path), "/")
	q := &pkg{
		path: p.ImportPath, from: p.Dir, within: p.Module.Path, own: p.Module.Main, lang: defaultLang,
		srcs: perPlatform{}, embed: perPlatform{}, deps: perPlatform{}, std: perPlatform{}, errors: perPlatform{}, godebug: map[string]string{},
	}
	if v := p.Module.GoVersion; v != "" {
		q.lang = "go" + strings.TrimPrefix(semver.MajorMinor("v"+v), "v")
	}
	if p.Module.Main {
		q.dir, q.module = path.Join(r.Dir, rel), r.Main
	} else {
		q.dir, q.module = path.Join(r.Dir, "vendor", p.ImportPath), vendoredModule(p.Module, a.Sums)
	}
	return q
}

// vendoredModule returns a module as the build information of a program names it: without
// its sum where the go command reads the vendor directory that came along, in which
// modules have no directory.
func vendoredModule(m *gomod.PackageModule, sums map[module.Version]lock.GoModule) Module {
	sum := func(path, version string) string { return sums[module.Version{Path: path, Version: version}].Sum }
	if m.Dir == "" {
		sum = func(string, string) string { return "" }
	}
	if m.Replace == nil {
		return Module{Path: m.Path, Version: m.Version, Sum: sum(m.Path, m.Version)}
	}
	return Module{Path: m.Path, Version: m.Version, Replace: &Module{Path: m.Replace.Path, Version: m.Replace.Version, Sum: sum(m.Replace.Path, m.Replace.Version)}}
}

// add says of a package what the go command does for one platform.
func (q *pkg) add(platform string, p *gomod.Package) {
	if p.Error != nil {
		q.errors[platform] = []string{clean(p)}
	}
	q.srcs[platform] = q.labels(platform, slices.Concat(p.GoFiles, p.SFiles, p.HFiles, p.SysoFiles))
	q.embed[platform] = q.labels(platform, p.EmbedFiles)
	if p.Name != "main" {
		return
	}
	q.program = programName(q.dir, p)
	q.godebug[platform] = p.DefaultGODEBUG
	info, err := os.Stat(filepath.Join(p.Dir, "default.pgo"))
	q.profile = err == nil && info.Mode().IsRegular()
}

// clean makes a package's error of the go command one line without a path of this machine.
func clean(p *gomod.Package) string {
	text := p.Error.Err
	if p.Dir != "" {
		text = strings.ReplaceAll(text, p.Dir+string(filepath.Separator), "")
		text = strings.ReplaceAll(text, p.Dir, p.ImportPath)
	}
	return strings.Join(strings.Fields(text), " ")
}

// labels returns files of a package, sorted. One that Bazel has no label for is an error
// of who wants the package.
func (q *pkg) labels(platform string, files []string) []string {
	list := []string{}
	for _, name := range slices.Sorted(slices.Values(files)) {
		if strings.ContainsAny(name, ":\\\"\n\r\t\x00") || !filepath.IsLocal(filepath.FromSlash(name)) {
			q.errors[platform] = append(q.errors[platform], fmt.Sprintf("file %q: Bazel cannot name it", name))
			continue
		}
		list = append(list, name)
	}
	return list
}

// programName returns the name of a program: that of the directory, if it is a module's
// own below the source's, else what the go command makes of the package's path.
func programName(dir string, p *gomod.Package) string {
	if p.ImportPath == p.Module.Path && dir != "." {
		return path.Base(dir)
	}
	return p.Program()
}

// link makes labels of the imports of one platform, and errors of those that are not found.
func link(platform string, list []gomod.Package, found map[string]*pkg) {
	std, gone := map[string]bool{"C": true}, map[string]string{}
	for _, p := range list {
		std[p.ImportPath] = p.Standard
		if p.Error != nil && (p.Dir == "" || p.Standard) {
			gone[p.ImportPath] = clean(&p)
		}
	}
	for _, p := range list {
		q := found[p.ImportPath]
		if q == nil {
			continue
		}
		deps := []string{}
		for _, path := range p.Imports {
			path = cmp.Or(p.ImportMap[path], path)
			switch to := found[path]; {
			case to != nil:
				deps = append(deps, "//"+strings.TrimPrefix(to.dir, ".")+":"+library)
			case gone[path] != "":
				q.errors[platform] = append(q.errors[platform], gone[path])
			case !std[path]:
				q.errors[platform] = append(q.errors[platform], "package "+path+" has no BUILD file")
			}
		}
		if len(q.errors[platform]) > 0 {
			deps = append(deps, ":"+broken)
		}
		slices.Sort(deps)
		q.deps[platform] = slices.Compact(deps)
	}
}
