//go:build linux

package hostile

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
)

// world is shared by all cases: a git server, started when first needed.
type world struct {
	t    *testing.T
	once sync.Once
	git  *gittest.Server

	treesOnce sync.Once
	treesRepo *gitWorld
}

func newWorld(t *testing.T) *world {
	gittest.Env(t)
	return &world{t: t}
}

func (w *world) server() *gittest.Server {
	w.once.Do(func() { w.git = gittest.New(w.t) })
	return w.git
}

// prep is the part of a case that makes the input.
type prep struct {
	*testing.T
	world   *world
	base    string // has cell and store, which feed may fill, and files that it must not touch
	outside string // another directory, for absolute paths
	vars    map[string]string
	env     []string // additional environment of the feeding process
}

// The directories below base that feed may write to.
var writable = []string{"cell", "store", "gocache"}

func newPrep(t *testing.T, w *world) *prep {
	p := &prep{T: t, world: w, base: t.TempDir(), outside: t.TempDir(), vars: map[string]string{}}
	for _, dir := range append([]string{"in", "cwd", "home", "tmp", "cellar", "next", ".git"}, writable...) {
		if err := os.Mkdir(p.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{p.path("secret"), p.path("x"), p.path("cellar/x"), p.path("next/x"), p.path(".git/config"), filepath.Join(p.outside, "x")} {
		p.write(name, []byte("untouched"))
	}
	p.set("outside", p.outside)
	p.set("base", p.base)
	return p
}

func (p *prep) path(name string) string { return filepath.Join(p.base, name) }

// in returns the path of an input file.
func (p *prep) in(name string) string { return filepath.Join(p.base, "in", name) }

func (p *prep) set(name, value string) { p.vars[name] = value }

// file makes an input file.
func (p *prep) file(name string, data []byte) { p.write(p.in(name), data) }

func (p *prep) write(name string, data []byte) {
	p.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		p.Fatal(err)
	}
}

// stream makes an input file that does not fit into memory.
func (p *prep) stream(name string, write func(w io.Writer) error) {
	p.Helper()
	f, err := os.Create(p.in(name))
	if err == nil {
		err = write(f)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		p.Fatal(err)
	}
}

// expand replaces {NAME}.
func (p *prep) expand(text string) string {
	for name, value := range p.vars {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

// environ returns the environment of the feeding process.
func (p *prep) environ(name string) []string {
	p.Helper()
	vars, err := json.Marshal(p.vars)
	if err != nil {
		p.Fatal(err)
	}
	keep := []string{"PATH=", "GIT_", "RUNFILES_", "TEST_", "JAVA_RUNFILES=", "LD_LIBRARY_PATH="}
	var env []string
	for _, e := range os.Environ() {
		if slices.ContainsFunc(keep, func(k string) bool { return strings.HasPrefix(e, k) }) {
			env = append(env, e)
		}
	}
	env = append(env, caseVariable+"="+name, baseVariable+"="+p.base, varsVariable+"="+string(vars),
		"HOME="+p.path("home"), "TMPDIR="+p.path("tmp"), "LC_ALL=C")
	return append(env, p.env...)
}

// listing returns a line for everything that feed must not change.
func (p *prep) listing() string {
	p.Helper()
	var b strings.Builder
	for _, root := range []string{p.base, p.outside} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if root == p.base && slices.Contains(writable, strings.TrimPrefix(path, root+"/")) {
				fmt.Fprintln(&b, path, d.Type())
				return fs.SkipDir
			}
			return describe(&b, path, d)
		})
		if err != nil {
			p.Fatal(err)
		}
	}
	return b.String()
}

// describe writes what identifies a file: any change changes it.
func describe(w io.Writer, path string, d fs.DirEntry) error {
	const small = 1 << 20
	info, err := d.Info()
	if err != nil {
		return err
	}
	what := ""
	switch {
	case info.Mode().IsRegular() && info.Size() <= small:
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		what = fmt.Sprintf("%x", sha256.Sum256(data))
	case info.Mode()&fs.ModeSymlink != 0:
		if what, err = os.Readlink(path); err != nil {
			return err
		}
	}
	size, stamp := info.Size(), info.ModTime().UnixNano()
	if info.IsDir() {
		size, stamp = 0, 0 // TMPDIR may be used, but must be empty afterwards
	}
	_, err = fmt.Fprintf(w, "%q %v %d %d %q\n", path, info.Mode(), size, stamp, what)
	return err
}

// difference returns the lines that only one of two listings has.
func difference(before, after string) string {
	count := map[string]int{}
	for line := range strings.Lines(before) {
		count[line]--
	}
	for line := range strings.Lines(after) {
		count[line]++
	}
	var b strings.Builder
	for _, line := range slices.Sorted(maps.Keys(count)) {
		if n := count[line]; n != 0 {
			fmt.Fprintf(&b, "%+d %s", n, line)
		}
	}
	return b.String()
}
