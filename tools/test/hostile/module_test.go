//go:build linux

package hostile

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/gosource"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// useGo gives the feeding process a go command that reads modules from url.
func (p *prep) useGo() {
	p.set("go", proxytest.GoCommand(p))
	env := proxytest.Environ(p.path("gocache"), p.vars["url"])
	for _, name := range slices.Sorted(maps.Keys(env)) {
		p.env = append(p.env, name+"="+env[name])
	}
}

func goCommand(c *cell) (*gomod.Go, error) {
	s, err := c.store()
	return &gomod.Go{Command: c.vars["go"], Store: s, Cache: filepath.Join(c.base, "gocache", "mod")}, err
}

// fill fetches a lock's modules from a proxy into the store.
func fill(c *cell) error {
	g, err := goCommand(c)
	if err != nil {
		return err
	}
	const h1, goModSum = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "h1:flS2VctbRrTv+sBE+VKgxx6hlkMGPVz9MGOmzMYFg3k="
	err = g.Fill(c.ctx, []lock.GoModule{{Path: "example.com/m", Version: "v1.0.0", Sum: h1, GoModSum: goModSum}})
	if g.Store.HasModule(module.Version{Path: "example.com/m", Version: "v1.0.0"}, ".zip") {
		c.say("the store has it")
		return nil
	}
	return err
}

// listed lists the packages of a source.
func listed(c *cell) error {
	_, err := list(c, c.in("source"))
	return err
}

func list(c *cell, dir string) (gomod.Listing, error) {
	g, err := goCommand(c)
	if err != nil {
		return nil, err
	}
	g.Offline = true
	return g.ListRoot(c.ctx, dir, ".", nil, false)
}

// laidOut lists the packages of a source and writes BUILD files for them.
func laidOut(c *cell) error {
	a := gosource.Args{Dir: filepath.Join(c.target(), "source"), Name: "m", Repo: "repo", Roots: []gosource.Root{{Dir: ".", Main: gosource.Module{Path: "example.com/m"}}}}
	var err error
	if a.Roots[0].Packages, err = list(c, a.Dir); err != nil {
		return err
	}
	if err := errors.Join(gosource.Vendor(a), gosource.Generate(a)); err != nil {
		return err
	}
	build, err := os.ReadFile(filepath.Join(a.Dir, "BUILD.bazel"))
	c.say("%s", build)
	return err
}

// modules are hostile proxies, go.mod files and sources.
func modules() []hazard { return slices.Concat(proxies(), goMods(), goFiles()) }

// goodProxy answers like a proxy that has example.com/m@v1.0.0.
func goodProxy(w http.ResponseWriter, r *http.Request) {
	switch filepath.Ext(r.URL.Path) {
	case ".info":
		_, _ = io.WriteString(w, `{"Version": "v1.0.0", "Time": "2024-02-29T12:00:00Z"}`)
	case ".mod":
		_, _ = io.WriteString(w, "module example.com/m\n")
	case ".zip":
		_ = overlapping(w, 1, 1, func(int) string { return zipPrefix + "a.go" })
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func proxies() []hazard {
	var all []hazard
	add := func(name, ext, want string, h http.HandlerFunc) {
		all = append(all, hazard{name: "proxy: " + name, want: `downloading modules: go mod download example.com/m@v1.0.0: …` + want, feed: fill, prepare: func(p *prep) {
			p.serve(func(w http.ResponseWriter, r *http.Request) {
				if ext != "" && filepath.Ext(r.URL.Path) == ext {
					h(w, r)
					return
				}
				goodProxy(w, r)
			})
			p.useGo()
		}})
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	zip := func(n, size int, name string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			_ = overlapping(w, n, size, func(i int) string { return strings.Replace(name, "#", fmt.Sprint(i), 1) })
		}
	}
	add("another zip than the sum says", "", `checksum mismatch`, nil)
	add("no zip", ".zip", `not a valid zip file`, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "no zip") })
	add("zip that leads up", ".zip", `…`, zip(1, 1, "../../x"))
	add("zip bomb", ".zip", `…`, zip(32, 64<<20, zipPrefix+"#"))
	add("zip of 16 EiB", ".zip", `…`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<62))
		_, _ = io.WriteString(w, "PK\x03\x04")
	})
	add("redirect to a file", ".zip", `unsupported protocol scheme "file"`, redirect("file:///etc/passwd"))
	add("redirect to itself", ".zip", `stopped after 10 redirects`, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	add("another version", ".info", ``, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"Version": "../../x"}`) })
	return all
}

// goMods are hostile go.mod files of a source.
func goMods() []hazard {
	var all []hazard
	add := func(name, want string, parts ...any) {
		all = append(all, hazard{name: "go.mod: " + name, want: want, feed: listed, prepare: func(p *prep) {
			p.file("source/a.go", []byte("package a\n"))
			p.text("source/go.mod", parts)
			p.useGo()
		}})
	}
	const head = "module example.com/m\n\ngo 1.26\n\n"
	add("replace by a directory outside", `reading "go.mod": it replaces example.com/x by the directory "../../..", which is outside the source`, head, "replace example.com/x => ../../..\n")
	add("replace by a directory, absolute", `by the directory "{outside}", which is outside the source`, head, "replace example.com/x => \"{outside}\"\n")
	add("replace by a directory through another", `which is outside the source`, head, "replace example.com/x => ./a/../../../x\n")
	add("later Go", `requires go >= 99.0`, "module example.com/m\n\ngo 99.0\n")
	add("block without an end", `reading "go.mod": …syntax error`, head, "require (\n")
	add("path that leads up", `malformed module path "../../x": invalid path element ".."`, "module ../../x\n\nrequire ../y v1.0.0\n")
	add("version that leads up", `reading "go.mod": …`, head, "require example.com/x ../../v1\n")
	add("escape codes", `reading "go.mod": …`, head, "\x1b[2J\x1b]0;owned\x07\n")
	add("zero byte", `reading "go.mod": …`, head, "require \x00 v1.0.0\n")
	add("a million requirements", `reading "{base}/in/source/go.mod": file has more than 1048576 bytes`, head, "require (\n", times{1_000_000, "example.com/m%d v1.0.0\n"}, ")\n")
	add("line of 50 MiB", `reading "{base}/in/source/go.mod": file has more than 1048576 bytes`, head, "require ", times{50 << 20, "x"}, " v1.0.0\n")
	return all
}

// goFiles are sources with large files.
func goFiles() []hazard {
	var all []hazard
	add := func(name, report string, prepare func(p *prep)) {
		all = append(all, hazard{name: "source: " + name, report: report, feed: laidOut, prepare: func(p *prep) {
			p.write(p.path("cell/source/go.mod"), []byte("module example.com/m\n"))
			prepare(p)
			p.useGo()
		}})
	}
	holes := func(p *prep, name string) {
		p.write(p.path("cell/source/"+name), nil)
		if err := os.Truncate(p.path("cell/source/"+name), 4<<30); err != nil {
			p.Fatal(err)
		}
	}
	const embedding = "package a\n\nimport _ \"embed\"\n\n//go:embed BUILD.bazel\nvar b []byte\n"
	add("Go file of 4 GiB", `":cannot_be_built"`, func(p *prep) { holes(p, "a.go") })
	add("embedded file of 4 GiB, to be set aside", `"aside/BUILD.bazel"`, func(p *prep) {
		p.write(p.path("cell/source/a.go"), []byte(embedding))
		holes(p, "BUILD.bazel")
	})
	return all
}
