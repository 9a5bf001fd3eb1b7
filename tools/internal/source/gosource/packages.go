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
	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
)

// pkg is a package to lay out, as the go command lists it on each platform.
type pkg struct {
	path    string // import path
	dir     string // of its BUILD file: slash-separated, relative to the source
	from    string // of its files before they are laid out: absolute
	within  string // the path of its module in import paths
	own     bool   // of the root's module
	module  Module
	lang    string // version of the language, such as go1.20
	program string // the name of its program; empty if it is not a program

	srcs, embed, deps perPlatform
	std               perPlatform // packages of the standard library that not all sources share
	errors            perPlatform // why it cannot be built
	godebug           map[string]string
	profile           bool // default.pgo is beside a program
}

// perPlatform is a list for each platform on which the package can be built.
type perPlatform map[string][]string

// union returns the elements of all platforms' lists, sorted.
func (l perPlatform) union() []string {
	var all []string
	for _, list := range l {
		all = append(all, list...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// same returns the list if it is the same on all platforms.
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

// defaultLang is the version of the language if a go.mod has none: see
// https://go.dev/ref/mod#go-mod-file-go.
const defaultLang = "go1.16"

// packages returns the packages to lay out for a root, sorted by directory: its own and,
// below its vendor directory, those of other modules.
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
	for _, p := range found {
		for platform := range r.Packages {
			p.exclude(platform)
		}
	}
	maps.DeleteFunc(found, func(_ string, p *pkg) bool { return len(p.srcs.union()) == 0 && len(p.errors) == 0 }) // only tests
	list := slices.Collect(maps.Values(found))
	slices.SortFunc(list, func(a, b *pkg) int { return strings.Compare(a.dir, b.dir) })
	return list
}

// hidden reports whether a package is in a directory that cannot have one: one with the name
// of a BUILD file, or the one that Vendor makes.
func hidden(p *gomod.Package) bool {
	return slices.Contains(strings.Split(p.ImportPath, "/"), "BUILD.bazel") || p.Module.Main && p.ImportPath == p.Module.Path+"/vendor"
}

// newPackage returns a package with the fields that are the same on all platforms.
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

// vendoredModule returns a module as in a program's build information. Without a directory,
// it is from the source's own vendor directory, and has no sum.
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

// add adds one platform of the go command's listing to a package.
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

// exclude gives a program an error on a platform that has none of its files: the go command
// does not list it there, and the linker would not say why it fails.
func (q *pkg) exclude(key string) {
	if _, ok := q.srcs[key]; ok || q.program == "" {
		return
	}
	name := key
	if p, err := platform.FromKey(key); err == nil {
		name = p.String()
	}
	q.srcs[key] = []string{}
	q.errors[key] = []string{"build constraints exclude all Go files for " + name}
	q.deps[key] = []string{":" + broken}
}

// clean makes the go command's error about a package one line, without paths of this machine.
func clean(p *gomod.Package) string {
	text := p.Error.Err
	if p.Dir != "" {
		text = strings.ReplaceAll(text, p.Dir+string(filepath.Separator), "")
		text = strings.ReplaceAll(text, p.Dir, p.ImportPath)
	}
	return strings.Join(strings.Fields(text), " ")
}

// labels returns files of a package, sorted. If Bazel cannot name one, the package gets an
// error, which fails builds that need it.
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

// programName returns the name of a program: its directory's, for the root package of a
// module below the source's root directory, otherwise the go command's name.
func programName(dir string, p *gomod.Package) string {
	if p.ImportPath == p.Module.Path && dir != "." {
		return path.Base(dir)
	}
	return p.Program()
}

// link turns the imports of one platform into labels, or errors if they are not found.
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
