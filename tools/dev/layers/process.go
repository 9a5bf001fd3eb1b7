package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// environs is the package that decides which variables of the user a process sees.
const environs = internal + "base/environ"

// banned are the functions, by import path, that only environs calls.
var banned = map[string][]string{
	"os":      {"Environ", "StartProcess"},
	"os/exec": {"Command", "CommandContext"},
	"syscall": {"Environ", "ForkExec", "StartProcess"},
}

// checkProcesses returns one error for each use of a banned function outside of tests.
func checkProcesses(packages []goPackage) error {
	var errs []error
	for _, p := range packages {
		if p.ImportPath == environs || strings.HasSuffix(p.ImportPath, "test") {
			continue
		}
		for _, name := range slices.Concat(p.GoFiles, p.IgnoredGoFiles) {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			errs = append(errs, checkFile(filepath.Join(p.Dir, name), nil))
		}
	}
	return errors.Join(errs...)
}

// checkFile does this for one file; src is as in parser.ParseFile.
func checkFile(name string, src any) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, src, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	imports := map[string]string{} // import path by the name in the file
	for _, spec := range file.Imports {
		from, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		as := path.Base(from)
		if spec.Name != nil {
			as = spec.Name.Name
		}
		if as == "." && banned[from] != nil {
			return fmt.Errorf("%s: dot import of %s: import it under its name", name, from)
		}
		imports[as] = from
	}
	var errs []error
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := selector.X.(*ast.Ident)
		if ok && slices.Contains(banned[imports[pkg.Name]], selector.Sel.Name) {
			errs = append(errs, fmt.Errorf("%s: %s.%s: start processes with environ.Command, which chooses their environment",
				files.Position(selector.Pos()), pkg.Name, selector.Sel.Name))
		}
		return true
	})
	return errors.Join(errs...)
}
