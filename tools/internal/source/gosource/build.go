package gosource

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
)

// The names of each package's targets.
const (
	library = "go_default_library"
	broken  = "cannot_be_built"
)

// build is a BUILD file that is being written.
type build struct{ strings.Builder }

// writeBuild writes the BUILD file of a package.
func (a *Args) writeBuild(r Root, p *pkg, files *embedder) error {
	embed, rules, err := files.labels(p)
	if err != nil {
		return err
	}
	var b build
	b.loads(p, rules != "")
	fmt.Fprintf(&b, "\npackage(\n    default_package_metadata = [%s],\n    default_visibility = [\"//visibility:public\"],\n)\n", quote("//"+Meta+":"+metaName(p.module)))
	b.rule("go_library", library)
	b.ordered("srcs", p.srcs)
	b.list("embedsrcs", embed)
	fmt.Fprintf(&b, "    importpath = %s,\n    gc_goopts = %s,\n", quote(p.path), stringList(a.compile(r, p)))
	b.godebug(p.godebug)
	a.stdlib(&b, p)
	b.list("deps", p.deps)
	b.WriteString(")\n")
	if p.program != "" {
		b.rule("go_binary", p.program)
		if len(a.Tags) > 0 {
			fmt.Fprintf(&b, "    gotags = %s,\n", stringList(a.Tags))
		}
		if p.profile {
			b.WriteString("    pgoprofile = \"default.pgo\",\n")
		}
		fmt.Fprintf(&b, "    embed = [%s],\n)\n", quote(":"+library))
	}
	if len(p.errors) > 0 {
		b.rule("package_error", broken)
		fmt.Fprintf(&b, "    tags = [\"manual\"],\n    importpath = %s,\n", quote(p.path))
		text := map[string]string{}
		for platform := range p.srcs {
			text[platform] = strings.Join(p.errors[platform], "; ")
		}
		b.value("text", text, `""`, quote)
		b.WriteString(")\n")
	}
	b.WriteString(rules)
	return os.WriteFile(filepath.Join(a.Dir, filepath.FromSlash(p.dir), "BUILD.bazel"), []byte(b.String()), 0o644)
}

// loads writes the load statements of a package.
func (b *build) loads(p *pkg, sourceFile bool) {
	rules := []string{"go_library"}
	if p.program != "" {
		rules = []string{"go_binary", "go_library"}
	}
	b.load("@io_bazel_rules_go//go:def.bzl", rules)
	rules = nil
	if len(p.errors) > 0 {
		rules = append(rules, "package_error")
	}
	if sourceFile {
		rules = append(rules, "source_file")
	}
	if rules != nil {
		b.load("@release_builder//release/sources:defs.bzl", rules)
	}
}

func (b *build) load(file string, rules []string) {
	list := stringList(rules)
	fmt.Fprintf(b, "load(%s, %s)\n", quote(file), list[1:len(list)-1])
}

func (b *build) rule(kind, name string) {
	fmt.Fprintf(b, "\n%s(\n    name = %s,\n", kind, quote(name))
}

// ordered writes a list whose order matters, with a list for each platform if they differ.
// The compiler gets files in the go command's order.
func (b *build) ordered(name string, lists perPlatform) {
	if len(lists.union()) == 0 {
		return
	}
	fmt.Fprintf(b, "    %s = ", name)
	if one, same := lists.same(); same {
		b.lines("    ", one)
	} else {
		b.choose(lists)
	}
	b.WriteString(",\n")
}

// list writes a list. Elements that not all platforms have are in a select.
func (b *build) list(name string, lists perPlatform) {
	all := lists.union()
	if len(all) == 0 {
		return
	}
	common := slices.DeleteFunc(slices.Clone(all), func(s string) bool {
		return slices.ContainsFunc(slices.Collect(maps.Values(lists)), func(list []string) bool { return !slices.Contains(list, s) })
	})
	fmt.Fprintf(b, "    %s = ", name)
	if len(common) > 0 {
		b.lines("    ", common)
	}
	if len(common) > 0 && len(common) < len(all) {
		b.WriteString(" + ")
	}
	if len(common) < len(all) {
		rest := perPlatform{}
		for platform, list := range lists {
			rest[platform] = slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(common, s) })
		}
		b.choose(rest)
	}
	b.WriteString(",\n")
}

// choose writes a select with each platform's list.
func (b *build) choose(lists perPlatform) {
	b.WriteString("select({\n")
	for _, platform := range slices.Sorted(maps.Keys(lists)) {
		if len(lists[platform]) > 0 {
			fmt.Fprintf(b, "        %s: ", quote(platformLabel(platform)))
			b.lines("        ", lists[platform])
			b.WriteString(",\n")
		}
	}
	b.WriteString("        \"//conditions:default\": [],\n    })")
}

// lines writes a list with one element per line.
func (b *build) lines(indent string, list []string) {
	b.WriteString("[\n")
	for _, s := range list {
		b.WriteString(indent + "    " + quote(s) + ",\n")
	}
	b.WriteString(indent + "]")
}

// platformLabel returns the condition of a select for a platform. With a level it is more
// special than that of the pair alone, so Bazel prefers it.
func platformLabel(key string) string {
	if p, err := platform.FromKey(key); err == nil && p.Level != "" {
		return "@release_builder//release/platforms:is-" + p.String()
	}
	return "@io_bazel_rules_go//go/platform:" + key
}

// value writes a single value, or a select if it depends on the platform.
func (b *build) value(name string, values map[string]string, none string, write func(string) string) {
	distinct := slices.Compact(slices.Sorted(maps.Values(values)))
	if len(distinct) == 1 {
		fmt.Fprintf(b, "    %s = %s,\n", name, write(distinct[0]))
		return
	}
	fmt.Fprintf(b, "    %s = select({\n", name)
	for _, p := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(b, "        %s: %s,\n", quote(platformLabel(p)), write(values[p]))
	}
	fmt.Fprintf(b, "        \"//conditions:default\": %s,\n    }),\n", none)
}

// godebug makes the linker set a program's default GODEBUG. It is set on the program's
// library, so that it applies to every go_binary that embeds it.
func (b *build) godebug(values map[string]string) {
	if strings.Join(slices.Collect(maps.Values(values)), "") == "" {
		return
	}
	b.value("x_defs", values, "{}", func(value string) string {
		if value == "" {
			return "{}"
		}
		return "{\"runtime.godebugDefault\": " + quote(value) + "}"
	})
}

// compile returns the go command's options for compiling a package: the language version,
// and the file names that the program contains, such as in a stack trace:
// MODULE@VERSION/directory/file.go, or PACKAGE/file.go for a module that is built in its own
// directory.
func (a *Args) compile(r Root, p *pkg) []string {
	name := p.path
	if m := p.module; m.Path != r.Main.Path || m.Sum != "" {
		name = m.Path + "@" + m.Version + strings.TrimPrefix(p.path, p.within)
	}
	return []string{"-lang=" + p.lang, "-trimpath=" + path.Join("external", a.Repo, p.dir) + "=>" + name}
}

var quoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// quote returns a string as Starlark. Only characters that would end it are escaped.
func quote(s string) string { return `"` + quoter.Replace(s) + `"` }

// stringList returns a list as Starlark.
func stringList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
