package page

import (
	"cmp"
	"context"
	"maps"
	"path"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
)

// A Source is a pinned source.
type Source struct {
	Name, Origin    string
	Revision        string // for people
	Whole           string // the revision, not shortened
	Web, WebPage    string // URLs of the source and of the revision; empty if not known
	Why             string
	Size            int64 // in bytes
	Primary         bool
	Unbuilt         bool
	Modules         int // whose content its build reads
	Known           int // in its module graph
	Variants        []Variant
	Programs        []string
	LibraryPrograms []string // of other sources, which are linked with it

	pin *lock.Dependency
}

// A Variant is a set of build tags of a source.
type Variant struct {
	Name string
	Tags []string
}

// A program is a file name with the programs for all platforms.
type program struct {
	name     string
	info     *debug.BuildInfo // of the first platform, see before; nil if it is not a Go program
	modules  int
	source   string // the name of the pinned source; empty if it is not known
	variant  string
	library  []string // other sources that are linked into it
	tags     []string
	packaged string // the package's import path
}

// programsOf returns the programs in the artifacts, sorted by name and package.
func programsOf(ctx context.Context, a *Args) ([]*program, error) {
	names := map[string]string{} // on disk → of the program
	for _, e := range a.Artifacts {
		for _, c := range e.Contents {
			names[c.Source] = programName(c.Path)
		}
	}
	files := slices.Sorted(maps.Keys(names))
	infos, err := goinfo.ReadFiles(ctx, files)
	if err != nil {
		return nil, err
	}
	found := map[string]*program{}
	for i, file := range files {
		name := names[file]
		if p := found[name]; p == nil || before(infos[i], p.info) {
			found[name] = &program{name: name, info: infos[i]}
		}
	}
	all := slices.SortedFunc(maps.Values(found), func(x, y *program) int { return strings.Compare(x.name, y.name) })
	for _, p := range all {
		p.connect(a.Lock)
	}
	return all, nil
}

// before reports whether a program comes before another for a page: by its platform, since
// the directories that Bazel builds in are not the same everywhere.
func before(a, b *debug.BuildInfo) bool {
	if a == nil || b == nil {
		return a != nil
	}
	name := func(i *debug.BuildInfo) string {
		p := platform.Platform{GOOS: setting(i, "GOOS"), GOARCH: setting(i, "GOARCH")}
		return p.String() + setting(i, "GOARM") + setting(i, "GOAMD64")
	}
	x, y := name(a), name(b)
	return cmp.Or(order(x)-order(y), strings.Compare(x, y)) < 0
}

// programName is a program's file name, without the suffix that it has on Windows.
func programName(p string) string { return strings.TrimSuffix(path.Base(p), ".exe") }

// connect finds the sources of a program by its build information.
func (p *program) connect(l *lock.Lock) {
	if p.info == nil {
		return
	}
	p.packaged, p.modules = p.info.Path, len(p.info.Deps)
	if tags := setting(p.info, "-tags"); tags != "" {
		p.tags = strings.Split(tags, ",")
	}
	for i := range l.Dependencies {
		d := &l.Dependencies[i]
		switch {
		case d.Module != nil && d.Module.Path == p.info.Main.Path && d.Module.Version == p.info.Main.Version,
			d.Module == nil && d.Revision() != "" && d.Revision() == setting(p.info, "vcs.revision"):
			if p.source == "" {
				p.source, p.variant = d.Name, variantOf(d, p.tags)
			}
		case d.Module != nil && slices.ContainsFunc(p.info.Deps, func(m *debug.Module) bool { return m.Path == d.Module.Path && m.Version == d.Module.Version }):
			p.library = append(p.library, d.Name)
		}
	}
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

func variantNames(d *lock.Dependency) []string { return slices.Sorted(maps.Keys(d.GoTags)) }

// addSources describes what the lock pins.
func (p *Page) addSources(programs []*program) {
	modules := map[string]bool{}
	for _, prog := range programs {
		if prog.info == nil {
			continue
		}
		for _, m := range append(slices.Clone(prog.info.Deps), &prog.info.Main) {
			modules[m.Path+"@"+m.Version] = true
		}
	}
	p.Modules = len(modules)
	for i := range p.lock.Dependencies {
		d := &p.lock.Dependencies[i]
		s := Source{
			Name: d.Name, Origin: lockdiff.WithoutUser(d.Origin()), Whole: cmp.Or(d.Revision(), d.Digest), Web: lockdiff.Web(d), WebPage: lockdiff.WebRevision(d),
			Why: d.Why, Size: d.Size, Primary: d.Primary, Unbuilt: d.Unbuilt && len(d.GoTags) == 0, Known: len(d.GoModules), pin: d,
		}
		s.Revision = lockdiff.Short(s.Whole)
		for _, m := range d.GoModules {
			if m.Sum != "" {
				s.Modules++
			}
		}
		for _, name := range variantNames(d) {
			s.Variants = append(s.Variants, Variant{name, d.GoTags[name]})
		}
		for _, prog := range programs {
			if prog.source == d.Name {
				s.Programs = append(s.Programs, prog.name)
			} else if slices.Contains(prog.library, d.Name) {
				s.LibraryPrograms = append(s.LibraryPrograms, prog.name)
			}
		}
		if s.Primary {
			p.Primary = s
		}
		p.Sources = append(p.Sources, s)
	}
}
