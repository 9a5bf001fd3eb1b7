package license

import (
	"context"
	"fmt"
	"maps"
	"path"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/spdx"
)

// maxFile is the largest licence, in bytes: see https://go.dev/ref/mod.
const maxFile = 16 << 20

// A SourceFiles is a pinned source with its licence files.
type SourceFiles struct {
	Dependency string            `json:"dependency"` // the name in the lock
	Modules    map[string]string `json:"modules"`    // that are built: path → version
	// Files are names on disk, by path: MODULE/FILE, or MODULE@VERSION/FILE for the files of one
	// version. See package gosource, which writes them.
	Files map[string]string `json:"files"`
}

// Args say what a release consists of.
type Args struct {
	Lock      *lock.Lock
	Artifacts []release.Entry
	Sources   []SourceFiles
	SDK       map[string]string // the licence files of the Go SDK: path → name on disk
}

// collector finds components.
type collector struct {
	Args
	all   set
	texts map[string]File // by name on disk
	found map[[2]string][]File
}

// Collect returns the components of what a release contains: the modules that its programs
// are linked from, by their build information; the packages in its images; and the pinned
// sources, of which other files may be in an artifact.
func Collect(ctx context.Context, a Args) ([]Component, error) {
	c := &collector{Args: a, all: set{}, texts: map[string]File{}, found: map[[2]string][]File{}}
	if err := c.read(ctx); err != nil {
		return nil, err
	}
	infos, err := c.buildInfo(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range a.Artifacts {
		for _, p := range e.Contents {
			c.program(e.Path+": "+p.Path, infos[p.Source])
		}
	}
	for _, s := range a.Sources {
		c.source(s)
	}
	packages, err := imagePackages(ctx, a.Artifacts)
	if err != nil {
		return nil, err
	}
	for _, p := range packages {
		c.all.add(p)
	}
	all := c.all.sorted()
	identifyAll(all)
	for i := range all {
		if all[i].License == "" {
			all[i].License = expression(all[i].Files)
		}
	}
	return all, nil
}

// read reads all licence files.
func (c *collector) read(ctx context.Context) error {
	names := map[string]bool{}
	for _, s := range c.Sources {
		for _, name := range s.Files {
			names[name] = true
		}
	}
	for _, name := range c.SDK {
		names[name] = true
	}
	list := slices.Sorted(maps.Keys(names))
	files := make([]File, len(list))
	err := parallel.DoAll(ctx, len(list), runtime.NumCPU(), func(_ context.Context, i int) (err error) {
		files[i].Text, err = fileio.ReadLimited(list[i], maxFile)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading licences: %w", err)
	}
	for i, name := range list {
		c.texts[name] = files[i]
	}
	return nil
}

// identifyAll sets the licences of files that have none yet. It looks at equal texts once.
func identifyAll(all []Component) {
	var texts [][]byte
	known := map[string]string{}
	each := func(visit func(f *File)) {
		for i := range all {
			for j := range all[i].Files {
				visit(&all[i].Files[j])
			}
		}
	}
	each(func(f *File) {
		if f.License == "" && !isGrant(f.Path) {
			f.License = spdx.NoAssertion
		}
		if _, ok := known[string(f.Text)]; f.License == "" && !ok {
			known[string(f.Text)] = ""
			texts = append(texts, f.Text)
		}
	})
	found := make([]string, len(texts))
	parallel.Do(len(texts), runtime.NumCPU(), func(i int) error {
		found[i], _ = Identify(texts[i])
		return nil
	})
	for i, text := range texts {
		known[string(text)] = found[i]
	}
	each(func(f *File) {
		if f.License == "" {
			f.License = known[string(f.Text)]
		}
	})
}

// buildInfo reads the build information of all programs, by their names on disk: nil for one
// that has none. The same program is in several artifacts.
func (c *collector) buildInfo(ctx context.Context) (map[string]*debug.BuildInfo, error) {
	infos := map[string]*debug.BuildInfo{}
	for _, e := range c.Artifacts {
		for _, p := range e.Contents {
			infos[p.Source] = nil
		}
	}
	names := slices.Sorted(maps.Keys(infos))
	read, err := goinfo.ReadFiles(ctx, names)
	for i, name := range names {
		infos[name] = read[i]
	}
	return infos, err
}

// program adds what a program is linked from. Where is its artifact and its path in that.
func (c *collector) program(where string, info *debug.BuildInfo) {
	in := []string{where}
	if info == nil || info.Main.Path == "" {
		name := strings.TrimSuffix(path.Base(where), ".exe")
		c.all.add(Component{Type: Ready, Name: name, In: in, names: []string{name}})
		return
	}
	c.all.add(Component{Type: Module, Name: Stdlib, Version: goVersion(info), Files: c.files("", c.SDK), In: in, names: []string{Stdlib}})
	main := c.mainFiles(info.Main)
	c.all.add(c.module(info.Main, main, in))
	for _, d := range info.Deps {
		files := c.find(d.Path, d.Version)
		if len(files) == 0 && d.Replace != nil && d.Replace.Version == "" {
			files = main // the replacement is a directory of the source
		}
		c.all.add(c.module(*d, files, in))
	}
}

// goVersion returns the version of Go as a module's, without experiments; empty if the program
// does not say it.
func goVersion(info *debug.BuildInfo) string {
	version, _, _ := strings.Cut(info.GoVersion, " ")
	if version == "" {
		return ""
	}
	return "v" + strings.TrimPrefix(version, "go")
}

func (c *collector) module(m debug.Module, files []File, in []string) Component {
	names := []string{m.Path}
	if r := m.Replace; r != nil && r.Version != "" {
		m.Path, m.Version = r.Path, r.Version
		names = append(names, r.Path)
	}
	return Component{Type: Module, Name: m.Path, Version: m.Version, Files: files, In: in, names: append(names, c.dependency(m.Path)...)}
}

// mainFiles returns the licences of a program's own module. Its version in the build
// information may have the suffix +dirty.
func (c *collector) mainFiles(m debug.Module) []File {
	if files := c.find(m.Path, m.Version); len(files) > 0 {
		return files
	}
	return c.find(m.Path, "")
}

// dependency returns the names of the dependencies that a module is the source of.
func (c *collector) dependency(module string) (names []string) {
	for _, s := range c.Sources {
		if _, ok := s.Modules[module]; ok {
			names = append(names, s.Dependency)
		}
	}
	return names
}

// source adds a pinned source, or the modules that are built from it.
func (c *collector) source(s SourceFiles) {
	if len(s.Modules) > 0 {
		for module, version := range s.Modules {
			c.all.add(Component{Type: Module, Name: module, Version: version, Files: c.owned(s, module, version), names: []string{module, s.Dependency}})
		}
		return
	}
	version := ""
	if d, ok := c.Lock.Find(s.Dependency); ok {
		version = d.Revision()
	}
	c.all.add(Component{Type: Source, Name: s.Dependency, Version: version, Files: c.files(s.Dependency+"/", s.Files), names: []string{s.Dependency}})
}

// files returns files by their paths below a prefix.
func (c *collector) files(prefix string, names map[string]string) (files []File) {
	for at, name := range names {
		f := c.texts[name]
		f.Path = strings.TrimPrefix(at, prefix)
		files = append(files, f)
	}
	return files
}

// find returns the licence files of a module's version, in the sources that have it. An empty
// version means any.
func (c *collector) find(module, version string) (files []File) {
	key := [2]string{module, version}
	if known, ok := c.found[key]; ok {
		return known
	}
	defer func() { c.found[key] = files }()
	for _, s := range c.Sources {
		if version == "" || c.has(s, module, version) {
			for _, f := range c.owned(s, module, version) {
				if !slices.ContainsFunc(files, func(k File) bool { return k.Path == f.Path && string(k.Text) == string(f.Text) }) {
					files = append(files, f)
				}
			}
		}
	}
	return files
}

// has reports whether a source is, or has, a module's version.
func (c *collector) has(s SourceFiles, module, version string) bool {
	if own, ok := s.Modules[module]; ok && (own == version || own == "") {
		return true
	}
	d, ok := c.Lock.Find(s.Dependency)
	return ok && slices.ContainsFunc(d.Modules(), func(m lock.GoModule) bool { return m.Path == module && m.Version == version }) ||
		c.vendored(s, module)
}

// vendored reports whether a source has files of a module that its lock entry does not have:
// the replacement of a module is in the lock under its own path.
func (c *collector) vendored(s SourceFiles, module string) bool {
	d, ok := c.Lock.Find(s.Dependency)
	if ok && slices.ContainsFunc(d.Modules(), func(m lock.GoModule) bool { return m.Path == module }) {
		return false
	}
	for at := range s.Files {
		if dir, _ := versioned(path.Dir(at)); dir == module {
			return true
		}
	}
	return false
}

// owned returns the licence files of a source that belong to a module and not to another one
// in its directory. A file of another version of the module does not.
func (c *collector) owned(s SourceFiles, module, version string) (files []File) {
	modules := []string{}
	for m := range s.Modules {
		modules = append(modules, m)
	}
	if d, ok := c.Lock.Find(s.Dependency); ok {
		for _, m := range d.Modules() {
			modules = append(modules, m.Path)
		}
	}
	own := map[string]string{}
	for at := range s.Files {
		dir, of := versioned(path.Dir(at))
		if !within(dir, module) || of != "" && of != version {
			continue
		}
		if slices.ContainsFunc(modules, func(m string) bool { return m != module && within(m, module) && within(dir, m) }) {
			continue
		}
		p := strings.TrimPrefix(path.Join(dir, path.Base(at)), module+"/")
		if _, ok := own[p]; !ok || of != "" {
			own[p] = at
		}
	}
	for p, at := range own {
		f := c.texts[s.Files[at]]
		f.Path = p
		files = append(files, f)
	}
	return files
}

// versioned returns a directory without its @VERSION, and the version.
func versioned(dir string) (rest, version string) {
	if at := strings.LastIndexByte(dir, '@'); at >= 0 {
		return dir[:at], dir[at+1:]
	}
	return dir, ""
}

// within reports whether a path is a directory or below it.
func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
