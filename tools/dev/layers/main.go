// Layers checks that imports point down: a package below tools/internal may import those
// of its own directory and of the directories before it. It also checks that only package
// environ calls os.Environ, exec.Command, exec.CommandContext and os.StartProcess, and that
// only package readers skips a test because something is missing.
//
//	go run ./tools/dev/layers
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

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
)

const (
	module   = "github.com/jasonwzm/release-builder/"
	internal = module + "tools/internal/"
)

// directories are those below tools/internal, the lowest first. Commands and test helpers
// are above them.
var directories = []string{"base", "web", "input", "artifact", "source", "resolve", "publish", "check", "command"}

// fetchMayImport are the modules that tools/build/fetch may use, itself and by what it
// imports: repository rules compile it before anything else.
const fetchMayImport = "golang.org/x/mod/"

func main() { cli.Main(run) }

func run(ctx context.Context, _ []string, stdout, stderr io.Writer) int {
	packages, err := list(ctx)
	if err == nil {
		err = errors.Join(check(packages), checkProcesses(packages), checkSkips(packages))
	}
	if err != nil {
		return cli.Fail(stderr, "layers", err)
	}
	fmt.Fprintf(stdout, "layers: %d packages: all imports point down, all processes get their environment from package environ, all that tests lack can be required\n", len(packages))
	return cli.OK
}

type goPackage struct {
	Dir            string
	GoFiles        []string
	IgnoredGoFiles []string // files for other platforms
	TestGoFiles    []string
	XTestGoFiles   []string
	ImportPath     string
	Imports        []string
	Deps           []string
}

func list(ctx context.Context) ([]goPackage, error) {
	out, err := environ.Command(ctx, environ.User(), "go", "list", "-json=Dir,GoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles,ImportPath,Imports,Deps", "./...").Output()
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
		from, err := directory(p.ImportPath)
		errs = append(errs, err)
		for _, i := range p.Imports {
			if to, err := directory(i); err == nil && to > from {
				errs = append(errs, fmt.Errorf("%s imports %s: a package may import those of its own directory and of the directories before it: %s",
					strings.TrimPrefix(p.ImportPath, module), strings.TrimPrefix(i, module), strings.Join(directories, ", ")))
			}
		}
		if p.ImportPath != module+"tools/build/fetch" {
			continue
		}
		for _, d := range p.Deps {
			if strings.Contains(strings.Split(d, "/")[0], ".") && !strings.HasPrefix(d, module) && !strings.HasPrefix(d, fetchMayImport) {
				errs = append(errs, fmt.Errorf("tools/build/fetch imports %s: want the standard library and %s only", d, path.Clean(fetchMayImport)))
			}
		}
	}
	return errors.Join(errs...)
}

// directory returns the index of a package's directory in directories. It is len(directories)
// for commands and test helpers, and -1 for packages of other modules.
func directory(importPath string) (int, error) {
	if !strings.HasPrefix(importPath, module) {
		return -1, nil
	}
	name, ok := strings.CutPrefix(importPath, internal)
	first, _, _ := strings.Cut(name, "/")
	if !ok || first == "testing" {
		return len(directories), nil
	}
	if i := slices.Index(directories, first); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("%s is in an unknown directory: want one of %s, testing", strings.TrimPrefix(importPath, module), strings.Join(directories, ", "))
}
