package main

import (
	"bytes"
	"fmt"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
)

// verbs are the user's commands, in the order in which a new user needs them.
var verbs = []string{"init", "resolve", "bundle", "publish", "rehearse", "approve", "verify", "validate", "diff", "rebuild", "reproduce", "gc", "release"}

// commands returns the page about the commands.
func commands(root string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# Commands\n\n<!-- Generated from the package comments by go run ./tools/dev/docs. -->\n")
	for _, verb := range verbs {
		name := filepath.Join(root, "tools", verb, "main.go")
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			return nil, err
		}
		if f.Doc == nil {
			return nil, fmt.Errorf("%q has no package comment", name)
		}
		fmt.Fprintf(&b, "\n## %s\n\n", verb)
		b.Write(new(doc.Package).Markdown(f.Doc.Text()))
	}
	return b.Bytes(), nil
}
