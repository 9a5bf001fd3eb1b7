// Package proxytest makes Go module proxies for tests, with modules that a test describes as
// text, and finds the go command to use with them. Nothing that it starts asks another proxy,
// a checksum database or a version control system.
package proxytest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	modzip "golang.org/x/mod/zip"
)

// Time is the default commit time of versions.
const Time = "2024-02-29T12:00:00Z"

// Proxy is a module proxy in a directory, in the layout of
// https://go.dev/ref/mod#goproxy-protocol.
type Proxy struct {
	Dir  string
	t    testing.TB
	tree map[module.Version]map[string]string // module → its files
	made map[module.Version]Module
}

// Module is one version with its h1 sums, as in go.sum.
type Module struct {
	Path, Version, Sum, GoModSum string
}

// New makes a proxy in a temporary directory. The files are named
// "<module>@<version>/<path>" and have the version's content at that path; a file
// "<module>@<version>.time" has the version's commit time, if it is not Time.
//
// A version without a go.sum gets the one that its go.mod needs, so versions cannot require
// each other.
func New(t testing.TB, files map[string]string) *Proxy {
	t.Helper()
	p := &Proxy{Dir: t.TempDir(), t: t, tree: map[module.Version]map[string]string{}, made: map[module.Version]Module{}}
	times := map[module.Version]string{}
	for name, data := range files {
		path, rest, ok := strings.Cut(name, "@")
		version, file, isFile := strings.Cut(rest, "/")
		m := module.Version{Path: path, Version: strings.TrimSuffix(version, ".time")}
		switch {
		case !ok || !isFile && m.Version == version:
			t.Fatalf("module file %q: want module@version/path or module@version.time", name)
		case !isFile:
			times[m] = strings.TrimSpace(data)
		default:
			if p.tree[m] == nil {
				p.tree[m] = map[string]string{}
			}
			p.tree[m][file] = data
		}
	}
	for m := range p.tree {
		p.make(m)
		p.write(m, ".info", fmt.Appendf(nil, `{"Version":%q,"Time":%q}`, m.Version, stamp(times[m])))
	}
	return p
}

func stamp(t string) string {
	if t == "" {
		return Time
	}
	return t
}

// URL returns the URL of the proxy's directory, for GOPROXY.
func (p *Proxy) URL() string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(p.Dir)}
	return u.String()
}

// Module returns the sums of a version, given as path@version.
func (p *Proxy) Module(version string) Module {
	p.t.Helper()
	path, v, _ := strings.Cut(version, "@")
	m, ok := p.made[module.Version{Path: path, Version: v}]
	if !ok {
		p.t.Fatalf("the proxy has no module %s", version)
	}
	return m
}

// File returns the path of a version's file in the proxy's directory, or in another directory
// of the same layout. The extension is ".info", ".mod" or ".zip".
func File(dir, version, ext string) (string, error) {
	path, v, _ := strings.Cut(version, "@")
	path, err := module.EscapePath(path)
	if err != nil {
		return "", err
	}
	v, err = module.EscapeVersion(v)
	return filepath.Join(dir, filepath.FromSlash(path), "@v", v+ext), err
}

// GoSum returns the go.sum that a go.mod needs: the sums of all modules that it requires or
// uses as replacements, and of all that those require.
func (p *Proxy) GoSum(goMod string) string {
	p.t.Helper()
	var b strings.Builder
	for _, m := range p.Closure(goMod) {
		fmt.Fprintf(&b, "%s %s %s\n%s %s/go.mod %s\n", m.Path, m.Version, m.Sum, m.Path, m.Version, m.GoModSum)
	}
	return b.String()
}

// Closure returns the versions in GoSum, sorted.
func (p *Proxy) Closure(goMod string) []Module {
	p.t.Helper()
	found := map[module.Version]Module{}
	p.collect(goMod, found)
	list := slices.Collect(maps.Values(found))
	slices.SortFunc(list, func(a, b Module) int {
		return strings.Compare(a.Path+" "+a.Version, b.Path+" "+b.Version)
	})
	return list
}

func (p *Proxy) collect(goMod string, found map[module.Version]Module) {
	p.t.Helper()
	f, err := modfile.Parse("go.mod", []byte(goMod), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	var list []module.Version
	for _, r := range f.Require {
		list = append(list, r.Mod)
	}
	for _, r := range f.Replace {
		list = append(list, r.New)
	}
	for _, m := range list {
		if _, ok := found[m]; ok || p.tree[m] == nil {
			continue
		}
		found[m] = p.make(m)
		p.collect(p.goMod(m), found)
	}
}

// goMod returns the go.mod that a proxy serves for a version.
func (p *Proxy) goMod(m module.Version) string {
	if data, ok := p.tree[m]["go.mod"]; ok {
		return data
	}
	return "module " + m.Path + "\n"
}

// make writes a version's go.mod and zip.
func (p *Proxy) make(m module.Version) Module {
	p.t.Helper()
	if done, ok := p.made[m]; ok {
		return done
	}
	goMod := p.goMod(m)
	files := maps.Clone(p.tree[m])
	if _, ok := files["go.sum"]; !ok {
		if sums := p.GoSum(goMod); sums != "" {
			files["go.sum"] = sums
		}
	}
	var list []modzip.File
	for _, name := range slices.Sorted(maps.Keys(files)) {
		list = append(list, zipFile{name, files[name]})
	}
	var b bytes.Buffer
	if err := modzip.Create(&b, m, list); err != nil {
		p.t.Fatalf("packing %s: %v", m, err)
	}
	p.write(m, ".mod", []byte(goMod))
	name := p.write(m, ".zip", b.Bytes())
	done := Module{Path: m.Path, Version: m.Version}
	var err error
	if done.Sum, err = dirhash.HashZip(name, dirhash.Hash1); err != nil {
		p.t.Fatal(err)
	}
	open := func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(goMod)), nil }
	if done.GoModSum, err = dirhash.Hash1([]string{"go.mod"}, open); err != nil {
		p.t.Fatal(err)
	}
	p.made[m] = done
	return done
}

func (p *Proxy) write(m module.Version, ext string, data []byte) (name string) {
	p.t.Helper()
	name, err := File(p.Dir, m.String(), ext)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(name), 0o755)
	}
	if err == nil {
		err = os.WriteFile(name, data, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return name
}

// Txtar returns the files of a txtar archive, for New.
func Txtar(t testing.TB, name string) map[string]string {
	t.Helper()
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range a.Files {
		files[f.Name] = string(f.Data)
	}
	return files
}

// Directory adds the files below a directory, which may be missing, to files.
func Directory(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		return
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Alter adds a file to a module's zip. The zip stays valid, but its sum changes.
func Alter(name string) error {
	old, err := zip.OpenReader(name)
	if err != nil {
		return err
	}
	defer old.Close()
	if len(old.File) == 0 {
		return fmt.Errorf("altering %q: it has no files", name)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range old.File {
		if err := w.Copy(f); err != nil {
			return err
		}
	}
	prefix := old.File[0].Name
	i := strings.IndexByte(prefix, '@')
	prefix = prefix[:i+strings.IndexByte(prefix[i:], '/')]
	f, err := w.Create(prefix + "/altered.txt")
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, "altered\n"); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// zipFile is a file in memory.
type zipFile struct{ path, data string }

func (f zipFile) Path() string                 { return f.path }
func (f zipFile) Lstat() (fs.FileInfo, error)  { return fileInfo{f}, nil }
func (f zipFile) Open() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(f.data)), nil }
