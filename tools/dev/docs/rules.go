package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bazelbuild/buildtools/build"
)

// rules returns the page about the rules and their providers.
func rules(root string) ([]byte, error) {
	files, err := filepath.Glob(filepath.Join(root, "release", "rules", "private", "*.bzl"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("finding the rules below %q: got %d files, %w", root, len(files), err)
	}
	public, err := os.ReadFile(filepath.Join(root, "release", "rules", "defs.bzl"))
	if err != nil {
		return nil, err
	}
	var rules, providers bytes.Buffer
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f, err := build.ParseBzl(name, data)
		if err != nil {
			return nil, err
		}
		for _, statement := range f.Stmt {
			name, call, ok := assigned(statement)
			switch {
			case !ok || !bytes.Contains(public, []byte("\n"+name+" = ")):
			case called(call) == "rule":
				writeRule(&rules, name, call)
			case called(call) == "provider":
				writeProvider(&providers, name, call)
			}
		}
	}
	var page bytes.Buffer
	page.WriteString("# Rules\n\n<!-- Generated from the doc strings by go run ./tools/dev/docs. -->\n\n" +
		"`@<product>//:rules.bzl` exports these without `release_`, and with the line's constants bound: `archive`, `binary`,\n" +
		"`image`, `release` (a `release_tree` with manifest.yaml and lock.json) and so on. It has these as well:\n\n" +
		"- `binaries(programs = {NAME: LABEL})` is a `binary` for each entry; `archives()` is an archive for each program above\n" +
		"  it, named NAME-archive, with the program at its top.\n" +
		"- `archive` without `binaries` has every program above it. `release` without `artifacts` has every artifact above\n" +
		"  it, `docker_archives` without `images` every image, and `sources` without `sources` all sources of the line.\n" +
		"- `image(about = {\"title\": …})` sets the labels org.opencontainers.image.title and so on, and the version's.\n" +
		"- `is_semver(VERSION)`, of //release/rules:defs.bzl, says whether the release has charts, for checks of them.\n")
	page.Write(rules.Bytes())
	page.WriteString("\n# Providers\n")
	page.Write(providers.Bytes())
	return page.Bytes(), nil
}

// assigned returns the name and the call of a statement NAME = CALL(…).
func assigned(statement build.Expr) (string, *build.CallExpr, bool) {
	a, ok := statement.(*build.AssignExpr)
	if !ok {
		return "", nil, false
	}
	name, isName := a.LHS.(*build.Ident)
	call, isCall := a.RHS.(*build.CallExpr)
	if !isName || !isCall {
		return "", nil, false
	}
	return name.Name, call, true
}

func called(call *build.CallExpr) string {
	switch x := call.X.(type) {
	case *build.Ident:
		return x.Name
	case *build.DotExpr:
		return x.Name
	}
	return ""
}

// argument returns a keyword argument of a call, or nil.
func argument(call *build.CallExpr, name string) build.Expr {
	for _, arg := range call.List {
		if a, ok := arg.(*build.AssignExpr); ok {
			if id, ok := a.LHS.(*build.Ident); ok && id.Name == name {
				return a.RHS
			}
		}
	}
	return nil
}

// text returns the value of a string literal, on one line.
func text(e build.Expr) string {
	s, ok := e.(*build.StringExpr)
	if !ok {
		return ""
	}
	return strings.ReplaceAll(strings.Join(strings.Fields(s.Value), " "), "|", "\\|")
}

func writeRule(b *bytes.Buffer, name string, call *build.CallExpr) {
	fmt.Fprintf(b, "\n## %s\n\n", name)
	if s, ok := argument(call, "doc").(*build.StringExpr); ok {
		fmt.Fprintf(b, "%s\n", strings.TrimSpace(s.Value))
	}
	b.WriteString("\n| attribute | type | default | meaning |\n|---|---|---|---|\n| `name` | name | required | the target's name |\n")
	attrs, _ := argument(call, "attrs").(*build.DictExpr)
	if attrs == nil {
		return
	}
	for _, entry := range attrs.List {
		key := text(entry.Key)
		attr, ok := entry.Value.(*build.CallExpr)
		if !ok || strings.HasPrefix(key, "_") {
			continue
		}
		fallback := "none"
		if d := argument(attr, "default"); d != nil {
			fallback = "`" + strings.TrimSpace(build.FormatString(d)) + "`"
		}
		if m, ok := argument(attr, "mandatory").(*build.Ident); ok && m.Name == "True" {
			fallback = "required"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", key, called(attr), fallback, text(argument(attr, "doc")))
	}
}

func writeProvider(b *bytes.Buffer, name string, call *build.CallExpr) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n| field | meaning |\n|---|---|\n", name, text(argument(call, "doc")))
	fields, _ := argument(call, "fields").(*build.DictExpr)
	if fields == nil {
		return
	}
	for _, entry := range fields.List {
		fmt.Fprintf(b, "| `%s` | %s |\n", text(entry.Key), text(entry.Value))
	}
}
