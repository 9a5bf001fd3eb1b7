// Layers checks that imports point down: each package of this repository is in
// one layer, and imports packages of lower layers or of its own only. It checks as
// well that processes get their environment from package environ: no other calls
// os.Environ, exec.Command, exec.CommandContext or os.StartProcess.
//
//	go run ./tools/layers
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/cli"
	"github.com/jasonwzm/release-builder/tools/internal/environ"
)

const (
	module   = "github.com/jasonwzm/release-builder/"
	internal = module + "tools/internal/"
	commands = 6
)

// layers are the packages below tools/internal, from the lowest layer.
var layers = [][]string{
	{"digest", "jsonfile", "cli", "environ", "filelock", "parallel", "progress", "retryafter"},
	{"archive", "sourcetar", "manifest", "lock", "store", "release"},
	{"ociimage", "gomod", "gosource", "depsfile", "gitsource", "download", "baseimage", "needs", "transport", "registryclient", "helmchart", "compare"},
	{"resolve", "publish", "bundle", "reproduce"},
	{"bucket", "registry", "gittag", "github", "destinations", "gc"},
}

// fetchMayImport are the modules that tools/fetch and what it imports may use:
// repository rules compile it before anything else is there.
const fetchMayImport = "golang.org/x/mod/"

func main() { cli.Main(run) }

func run(ctx context.Context, _ []string, stdout, stderr io.Writer) int {
	packages, err := list(ctx)
	if err == nil {
		err = errors.Join(check(packages), checkProcesses(packages))
	}
	if err != nil {
		return cli.Fail(stderr, "layers", err)
	}
	fmt.Fprintf(stdout, "layers: %d packages, all imports point down, all processes have their environment from one table\n", len(packages))
	return cli.OK
}

type goPackage struct {
	Dir            string
	GoFiles        []string
	IgnoredGoFiles []string // those of other platforms
	ImportPath     string
	Imports        []string
	Deps           []string
}

func list(ctx context.Context) ([]goPackage, error) {
	out, err := environ.Command(ctx, environ.User(), "go", "list", "-json=Dir,GoFiles,IgnoredGoFiles,ImportPath,Imports,Deps", "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("listing packages: %w", err)
	}
	var packages []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p goPackage
		if err := d.Decode(&p); err != nil {
			return nil, fmt.Errorf("listing packages: %w", err)
		}
		packages = append(packages, p)
	}
	return packages, nil
}

// check returns one error for each import that points up.
func check(packages []goPackage) error {
	var errs []error
	for _, p := range packages {
		from, err := layer(p.ImportPath)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, i := range p.Imports {
			if !strings.HasPrefix(i, module) {
				continue
			}
			to, err := layer(i)
			if err == nil && to > from {
				err = fmt.Errorf("%s in layer %d imports %s in layer %d: imports point down only", p.ImportPath, from, i, to)
			}
			errs = append(errs, err)
		}
		if p.ImportPath != module+"tools/fetch" {
			continue
		}
		for _, d := range p.Deps {
			if strings.Contains(strings.Split(d, "/")[0], ".") && !strings.HasPrefix(d, module) && !strings.HasPrefix(d, fetchMayImport) {
				errs = append(errs, fmt.Errorf("tools/fetch imports %s: want the standard library and %s only", d, path.Clean(fetchMayImport)))
			}
		}
	}
	return errors.Join(errs...)
}

// layer returns the layer of a package, from 1. Commands are above all others;
// packages that only tests import are with them.
func layer(importPath string) (int, error) {
	name, ok := strings.CutPrefix(importPath, internal)
	if !ok || strings.HasSuffix(name, "test") {
		return commands, nil
	}
	for i, names := range layers {
		if slices.Contains(names, strings.Split(name, "/")[0]) {
			return i + 1, nil
		}
	}
	return 0, fmt.Errorf("%s is in no layer: give it one in tools/layers", importPath)
}
