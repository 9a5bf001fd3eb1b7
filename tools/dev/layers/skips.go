package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
)

// reader is the package that skips a test which lacks a program.
const reader = internal + "testing/readers"

// reasons are the other reasons to skip a test: the condition of an if around it has one.
var reasons = []string{"testing.Short", "runtime.GOOS", "os.Getenv", "os.Getuid"}

// checkSkips returns one error for each test that is skipped for another reason. RELEASE_REQUIRE
// has no effect on it, so nobody would see that it never runs.
func checkSkips(packages []goPackage) error {
	var errs []error
	for _, p := range packages {
		files := slices.Concat(p.TestGoFiles, p.XTestGoFiles, p.IgnoredGoFiles)
		if strings.HasPrefix(p.ImportPath, internal+"testing/") {
			files = append(files, p.GoFiles...)
		}
		for _, name := range files {
			if p.ImportPath != reader {
				errs = append(errs, checkSkip(filepath.Join(p.Dir, name), nil))
			}
		}
	}
	return errors.Join(errs...)
}

// checkSkip does this for one file; src is as in parser.ParseFile.
func checkSkip(name string, src any) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, src, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	var errs []error
	ast.PreorderStack(file, nil, func(n ast.Node, around []ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || slices.ContainsFunc(around, hasReason) {
			return true
		}
		if s, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, s.Sel.Name) {
			errs = append(errs, fmt.Errorf("%s: %s: skip a test with readers.Find, Look or Require, so that RELEASE_REQUIRE has it fail, or for one of %s",
				files.Position(s.Pos()), s.Sel.Name, strings.Join(reasons, ", ")))
		}
		return true
	})
	return errors.Join(errs...)
}

// hasReason reports whether a node is an if with one of reasons.
func hasReason(n ast.Node) bool {
	branch, ok := n.(*ast.IfStmt)
	if !ok {
		return false
	}
	found := false
	ast.Inspect(branch.Cond, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			x, ok := s.X.(*ast.Ident)
			found = found || ok && slices.Contains(reasons, x.Name+"."+s.Sel.Name)
		}
		return true
	})
	return found
}
