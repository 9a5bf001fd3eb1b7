package gosource

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/module"
)

// annotate edits what gazelle wrote for one module, which is one attribute or
// list element a line.
func (a *Args) annotate(r Root, modules []vendored, files *embedder) error {
	prefix, err := ModulePath(a.join(r))
	if err != nil {
		return err
	}
	owner := map[string]Module{} // package below vendor/ → its module
	for _, m := range modules {
		for _, p := range m.packages {
			owner[p] = m.Module
		}
	}
	root := a.join(r)
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != root && isModule(name) {
				return fs.SkipDir // its own turn comes, if it is to be built
			}
			return nil
		}
		if d.Name() != "BUILD.bazel" {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		e := editor{root: r.Dir, module: r.Main, goroot: a.GOROOT, tags: a.Tags, godebug: r.GODEBUG[rel]}
		if rel == "." {
			e.program = program(r)
		}
		pkg, within := path.Join(prefix, rel), prefix
		if p, ok := strings.CutPrefix(rel, "vendor/"); ok {
			if e.module, ok = owner[p]; !ok {
				return nil // a directory above packages
			}
			pkg, within = p, e.module.Path
		}
		e.compile = a.compile(r, e.module, path.Join(r.Dir, rel), pkg, within)
		if list, ok := r.Embed[rel]; ok {
			if e.embed, e.rules, err = files.attribute(path.Join(r.Dir, rel), list); err != nil {
				return err
			}
		}
		e.syso = r.Syso[rel]
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(name, e.edit(data), 0o644)
	})
}

// compile returns what the go command tells the compiler about a package: the
// version of the language, and how its files are called where the program names them,
// as in a stack trace: MODULE@VERSION/directory/file.go, or PACKAGE/file.go for
// the module that is built in its own directory.
func (a *Args) compile(r Root, m Module, dir, pkg, within string) []string {
	name := pkg
	if m.Path != r.Main.Path || m.Sum != "" {
		name = m.Path + "@" + m.Version + strings.TrimPrefix(pkg, within)
	}
	var flags []string
	if lang := r.Lang[within]; lang != "" {
		flags = append(flags, "-lang="+lang)
	}
	return append(flags, "-trimpath="+path.Join("external", a.Repo, dir)+"=>"+name)
}

var (
	importmap  = regexp.MustCompile(`(?m)^ *importmap = ".*",\n`)
	visibility = regexp.MustCompile(`(?m)^ *visibility = \[[^\]]*\],\n`)
	vendorDep  = regexp.MustCompile(`(?m)^ *"//vendor/([^":]+)(?::[^"]*)?",\n`)
	oneDep     = regexp.MustCompile(`(?m)^( *deps = )\["//vendor/([^":]+)(?::[^"]*)?"\],\n`)
	label      = regexp.MustCompile(`"//[^"]*"`)
	srcs       = regexp.MustCompile(`(?m)^    srcs = `)
	embedsrcs  = regexp.MustCompile(`(?ms)^    embedsrcs = .*?,\n(    \w+ = |\))`)
	library    = regexp.MustCompile(`(?m)^go_library\(\n    name = "[^"]*",\n`)
	binary     = regexp.MustCompile(`(?m)^go_binary\(\n    name = "([^"]*)",\n`)
)

// editor edits the BUILD files of one package after the other.
type editor struct {
	root    string   // the folder of the module for which gazelle ran
	module  Module   // that the package belongs to
	program string   // the name of a program in the package; gazelle's if empty
	goroot  string   // of the SDK that will build
	tags    []string // with which gazelle ran
	compile []string // flags of the compiler

	godebug map[string]string // platform → a program's default GODEBUG
	embed   string            // attribute embedsrcs, if the go command says what that is
	rules   string            // that this attribute needs
	syso    []string          // object files
}

// edit makes package paths those of `go build` and labels those of the whole
// source, makes everything visible (Go's own rules for internal packages hold in
// the source), drops dependencies on packages that are in GOROOT by now, has
// programs built with the tags for which their files were chosen, and says which
// module the package belongs to.
func (e *editor) edit(data []byte) []byte {
	data = importmap.ReplaceAll(data, nil)
	data = visibility.ReplaceAll(data, nil)
	for _, re := range []*regexp.Regexp{vendorDep, oneDep} {
		data = re.ReplaceAllFunc(data, func(line []byte) []byte {
			groups := re.FindSubmatch(line)
			if isStd(e.goroot, string(groups[len(groups)-1])) {
				return nil
			}
			return line
		})
	}
	if e.root != "." {
		data = label.ReplaceAllFunc(data, e.move)
	}
	if e.embed != "" {
		data = embedsrcs.ReplaceAll(data, []byte("$1"))
	}
	if len(e.syso) > 0 {
		data = srcs.ReplaceAll(data, []byte("    srcs = "+stringList(e.syso)+" + "))
	}
	data = library.ReplaceAllFunc(data, e.editLibrary)
	data = binary.ReplaceAllFunc(data, e.editBinary)
	pkg := fmt.Appendf(nil, "package(\n    default_package_metadata = [\"//%s:%s\"],\n    default_visibility = [\"//visibility:public\"],\n)\n\n", Meta, metaName(e.module))
	// A package call stands after the loads.
	at := 0
	if i := bytes.LastIndex(data, []byte("\nload(")); i >= 0 {
		at = i + 1
	}
	if bytes.HasPrefix(data[at:], []byte("load(")) {
		at += bytes.Index(data[at:], []byte(")\n")) + 2
		pkg = append([]byte("\n"), bytes.TrimSuffix(pkg, []byte("\n"))...)
	}
	if e.rules != "" {
		pkg = append([]byte("\nload(\"@release_builder//release/sources:defs.bzl\", \"source_file\")\n\n"), bytes.TrimPrefix(pkg, []byte("\n"))...)
	}
	return bytes.Join([][]byte{data[:at], pkg, data[at:], []byte(e.rules)}, nil)
}

// editLibrary edits the first lines of a go_library. What a program's library says
// of the link holds for every go_binary that embeds it.
func (e *editor) editLibrary(lines []byte) []byte {
	lines = append(slices.Clip(lines), "    gc_goopts = "+stringList(e.compile)+",\n"...)
	lines = append(lines, godebug(e.godebug)...)
	return append(lines, e.embed...)
}

// godebug has the linker set a program's default GODEBUG, which is one for all
// platforms unless //go:debug stands in a file of some.
func godebug(values map[string]string) string {
	define := func(value string) string {
		if value == "" {
			return "{}"
		}
		return "{\"runtime.godebugDefault\": " + strconv.Quote(value) + "}"
	}
	platforms := slices.Sorted(maps.Keys(values))
	differ := func(p string) bool { return values[p] != values[platforms[0]] }
	if !slices.ContainsFunc(platforms, differ) {
		if len(platforms) == 0 || values[platforms[0]] == "" {
			return ""
		}
		return "    x_defs = " + define(values[platforms[0]]) + ",\n"
	}
	text := "    x_defs = select({\n"
	for _, p := range platforms {
		text += "        \"@io_bazel_rules_go//go/platform:" + p + "\": " + define(values[p]) + ",\n"
	}
	return text + "        \"//conditions:default\": {},\n    }),\n"
}

// editBinary edits the first lines of a go_binary.
func (e *editor) editBinary(lines []byte) []byte {
	name := string(binary.FindSubmatch(lines)[1])
	if e.program != "" {
		name = e.program
	}
	text := "go_binary(\n    name = " + strconv.Quote(name) + ",\n"
	if len(e.tags) > 0 {
		text += "    gotags = " + stringList(e.tags) + ",\n"
	}
	return []byte(text)
}

// program returns the name of the program in a module's own folder: the
// folder's, or in the source's what `go build` makes of the module's path.
func program(r Root) string {
	if r.Dir != "." {
		return path.Base(r.Dir)
	}
	if prefix, _, ok := module.SplitPathVersion(r.Main.Path); ok {
		return path.Base(prefix)
	}
	return ""
}

// move makes a label of the module one of the source.
func (e *editor) move(label []byte) []byte {
	rest := bytes.TrimPrefix(label, []byte(`"//`))
	switch {
	case bytes.HasPrefix(rest, []byte("conditions:")):
		return label // Bazel's, in a select
	case bytes.HasPrefix(rest, []byte(":")):
		return []byte(`"//` + e.root + string(rest))
	}
	return []byte(`"//` + e.root + "/" + string(rest))
}

// isStd reports whether the package is in the SDK. gazelle's own list is older.
func isStd(goroot, pkg string) bool {
	if first, _, _ := strings.Cut(pkg, "/"); strings.Contains(first, ".") {
		return false
	}
	info, err := os.Stat(filepath.Join(goroot, "src", filepath.FromSlash(pkg)))
	return err == nil && info.IsDir()
}

// stringList writes a list as Starlark. The strings are printable.
func stringList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = strconv.Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
