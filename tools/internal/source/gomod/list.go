package gomod

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
)

// Listing has the packages of a module and all that they import, as the go command lists
// them: by platform.Platform's Key, such as linux_amd64, each package after those that it
// imports.
type Listing map[string][]Package

// Package is a package as `go list -json` describes it for one platform.
type Package struct {
	Dir        string // absolute; empty if not found
	ImportPath string
	Name       string
	Standard   bool // of the SDK
	DepOnly    bool // not named, only imported
	Incomplete bool // it, or a package that it imports, cannot be built
	Module     *PackageModule
	Error      *struct{ Err string }

	DefaultGODEBUG                                 string // of a program
	GoFiles, SFiles, HFiles, SysoFiles, EmbedFiles []string
	Imports                                        []string
	ImportMap                                      map[string]string // import path in the files → path of the package, where they differ
}

// Program returns the go command's name for a package's program: the last part of its path
// that is not a major version. See https://go.dev/src/cmd/go/internal/load/pkg.go,
// DefaultExecName.
func (p *Package) Program() string {
	if prefix, _, ok := module.SplitPathVersion(p.ImportPath); ok {
		return path.Base(prefix)
	}
	return path.Base(p.ImportPath)
}

// PackageModule is a package's module.
type PackageModule struct {
	Path, Version, Dir string
	GoVersion          string // the go line of its go.mod; may be empty
	Main               bool
	Replace            *struct{ Path, Version string } // its replacement
}

// fields are the fields of Package.
const fields = "Dir,ImportPath,Name,Standard,DepOnly,Incomplete,Module,Error,DefaultGODEBUG,GoFiles,SFiles,HFiles,SysoFiles,EmbedFiles,Imports,ImportMap"

// ToolPlatforms returns the platforms on which tools run: the usual ones, and this program's
// own. Packages are listed for them if a Go has no Platforms.
func ToolPlatforms() []platform.Platform {
	list := []platform.Platform{
		{GOOS: "darwin", GOARCH: "amd64"}, {GOOS: "darwin", GOARCH: "arm64"}, {GOOS: "linux", GOARCH: "amd64"},
		{GOOS: "linux", GOARCH: "arm"}, {GOOS: "linux", GOARCH: "arm64"}, {GOOS: "windows", GOARCH: "amd64"},
	}
	if here := (platform.Platform{GOOS: runtime.GOOS, GOARCH: runtime.GOARCH}); !slices.Contains(list, here) {
		list = append(list, here)
	}
	return list
}

// platforms returns those for which packages are listed.
func (g *Go) platforms() []platform.Platform {
	if len(g.Platforms) > 0 {
		return g.Platforms
	}
	return ToolPlatforms()
}

// List lists the packages of the module in dir. A package that cannot be built has an Error,
// which matters only to those that need the package. An installed module is listed as by
// `go install PATH@VERSION`, any other as by `go build` in its directory: with its vendor
// directory, if that agrees with go.mod. Sums that its go.sum lacks are completed, unless
// OwnSums is set.
func (g *Go) List(ctx context.Context, dir string, tags []string, installed bool) (Listing, error) {
	args := []string{"-tags=" + strings.Join(tags, ",")}
	if installed {
		return g.listInstalled(ctx, dir, append(args, "-mod=readonly"))
	}
	listing, err := g.listed(ctx, dir, args, "./...")
	if err != nil && strings.Contains(err.Error(), "inconsistent vendoring") {
		// The vendor directory was made for a workspace, or for another go.mod.
		args = append(args, "-mod=readonly")
		listing, err = g.listed(ctx, dir, args, "./...")
	}
	if !lacksSums(listing, err) {
		return listing, err
	}
	if g.OwnSums {
		return listing, hint.With(err, "or leave missingSums: refuse out of the manifest, so that the lock has the sums")
	}
	// Earlier go commands wrote fewer sums to go.sum than today's needs.
	complete, completeErr := g.listCompleted(ctx, dir, []string{args[0], "-mod=readonly"}, true)
	if err == nil && completeErr != nil {
		return listing, nil // what is missing is of packages that other platforms or nobody needs
	}
	return complete, completeErr
}

// ListPackages lists named packages that the module in dir can import, and the packages
// that they import.
func (g *Go) ListPackages(ctx context.Context, dir string, paths ...string) (Listing, error) {
	return g.listed(ctx, dir, []string{"-mod=readonly"}, paths...)
}

func (g *Go) listed(ctx context.Context, dir string, flags []string, patterns ...string) (Listing, error) {
	// With a profile, each program's packages would be listed separately.
	args := slices.Concat([]string{"list", "-e", "-deps", "-pgo=off", "-json=" + fields}, flags, []string{"--"}, patterns)
	listing, err := g.onEach(ctx, dir, args)
	if err == nil {
		err = listing.check()
	}
	if err != nil {
		return nil, advise(fmt.Errorf("listing packages: %w", err))
	}
	return listing, nil
}

// onEach runs `go list` for each platform. The first run downloads modules that the others
// need too.
func (g *Go) onEach(ctx context.Context, dir string, args []string) (Listing, error) {
	platforms := g.platforms()
	lists := make([][]Package, len(platforms))
	if g.downloaded == nil {
		g.downloaded = new(atomic.Int64)
	}
	var done atomic.Int64
	report := func(n int) {
		if g.Progress != nil {
			g.Progress("listing packages by platform", n, len(platforms))
		}
	}
	report(0)
	one := func(ctx context.Context, i int) (err error) {
		lists[i], err = g.on(platforms[i]).list(ctx, dir, args)
		report(int(done.Add(1)))
		return err
	}
	err := one(ctx, 0)
	if err == nil {
		err = parallel.DoAll(ctx, len(platforms)-1, runtime.GOMAXPROCS(0), func(ctx context.Context, i int) error { return one(ctx, i+1) })
	}
	if err != nil {
		return nil, err
	}
	listing := Listing{}
	for i, p := range platforms {
		listing[p.Key()] = lists[i]
	}
	return listing, nil
}

// on returns a go command for a platform.
func (g *Go) on(p platform.Platform) *Go {
	other := *g
	other.platform = p.Env()
	return &other
}

// list runs `go list`. If a package is missing in the store, it tries the network.
func (g *Go) list(ctx context.Context, dir string, args []string) (list []Package, err error) {
	missing := errors.New("packages are missing")
	_, err = g.runIf(ctx, dir, args, func(out []byte) error {
		if list, err = decode(out); err != nil {
			return err
		}
		for _, p := range list {
			if p.Error != nil {
				p.Error.Err = g.anonymous(p.Error.Err)
			}
		}
		if slices.ContainsFunc(list, func(p Package) bool { return p.Dir == "" && p.Error != nil }) {
			return missing
		}
		return nil
	})
	if errors.Is(err, missing) {
		return list, nil
	}
	return list, err
}

// decode reads a stream of packages.
func decode(stream []byte) (list []Package, err error) {
	for d := json.NewDecoder(bytes.NewReader(stream)); ; {
		var p Package
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("parsing the go command's answer: %w", err)
		}
		list = append(list, p)
	}
}

// check returns an error if another module was changed or cannot be downloaded now, and if
// nothing of the module can be built. Other errors are properties of the module.
func (l Listing) check() error {
	var first error
	built := false
	for _, key := range slices.Sorted(maps.Keys(l)) {
		for _, p := range l[key] {
			if p.Error != nil {
				err := fmt.Errorf("package %s: %s", p.ImportPath, oneLine(p.Error.Err))
				if isPassing(&p) {
					return err
				}
				if p.Dir == "" && first == nil {
					first = err
				}
			}
			built = built || !p.DepOnly && !p.Incomplete
		}
	}
	if built {
		return nil
	}
	return first
}

// lasting are the go command's messages about a package that does not exist.
var lasting = []string{
	"no required module provides package", "cannot find module providing package", "missing go.sum entry", " is not in std", "does not contain package",
	"ambiguous import", "import cycle", "malformed import path", "local import", "use of internal package", "use of vendored package", "is replaced but not required",
	"404 Not Found", "410 Gone", "no such file or directory",
}

// isPassing reports whether the go command could not read a module that may exist.
func isPassing(p *Package) bool {
	text := p.Error.Err
	if strings.Contains(text, "checksum mismatch") || strings.Contains(text, "SECURITY ERROR") {
		return true
	}
	return p.Dir == "" && !slices.ContainsFunc(lasting, func(s string) bool { return strings.Contains(text, s) })
}

// anonymous removes this machine's paths from an error of the go command.
func (g *Go) anonymous(text string) string {
	text = strings.ReplaceAll(text, g.Store.ProxyURL()+"/", "")
	if what, _, ok := strings.Cut(text, " is not in std ("); ok {
		text = what + " is not in std"
	}
	return text
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
