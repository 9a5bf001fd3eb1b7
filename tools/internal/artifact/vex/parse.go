package vex

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

const (
	wantFile     = "a mapping with author and statements"
	wantProducts = "[images/tool, pkg:golang/golang.org/x/crypto]"
)

// The values that the specification has for status and justification.
var (
	statuses       = []string{notAffected, affected, "fixed", "under_investigation"}
	justifications = []string{
		"component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
		"vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist",
	}
)

const (
	notAffected = "not_affected"
	affected    = "affected"
)

// File is what people write about vulnerabilities.
type File struct {
	Author, Role string
	Version      int // of the document
	Statements   []Assertion
}

// An Assertion is about a vulnerability in products.
type Assertion struct {
	Vulnerability string
	Aliases       []string
	// Products are artifacts, by path or by a pattern of path.Match, and package URLs.
	Products []string
	// Components are the package URLs in the products that have the vulnerability.
	Components                                   []string
	Status, Justification, Impact, Action, Notes string
}

// identifier is the rule for the name of a vulnerability, such as CVE-2026-1234.
var identifier = strictyaml.Rule{Want: "the name of a vulnerability such as CVE-2026-1234", Check: func(s string) string {
	if bad := rules.FileName(s); bad != "" || s == strings.ToLower(s) || !strings.ContainsAny(s, "0123456789") {
		return "no such name"
	}
	return ""
}}

// packageURL is the rule for package URLs.
var packageURL = strictyaml.Rule{Want: "a package URL such as pkg:golang/golang.org/x/crypto", Check: func(s string) string {
	_, err := parsePURL(s)
	switch bad := rules.PlainText(s); {
	case bad != "":
		return bad
	case err != nil:
		return err.Error()
	}
	return ""
}}

type parser struct{ *strictyaml.Parser }

// Parse parses a file in strict YAML. The error joins a *strictyaml.Error for each problem.
func Parse(name string, data []byte) (*File, error) {
	p := parser{strictyaml.New(name, wantFile)}
	root := p.Load(data)
	if root == nil {
		return nil, p.Err()
	}
	f := p.Fields(root, "", "", wantFile, []string{"author", "role", "statements", "version"})
	file := &File{Author: p.Text(&f, "author", rules.Line), Role: p.Text(&f, "role", rules.Line), Version: 1}
	if n := f.Values["version"]; n != nil {
		var ok bool
		if file.Version, ok = p.Number(n, "version"); ok && file.Version == 0 {
			p.Errorf(n, "version: got 0, want 1 or more")
		}
	}
	p.Required(root, &f, "author")
	p.Required(root, &f, "statements")
	p.NotEmpty(&f, "statements")
	known := []string{"action", "aliases", "components", "impact", "justification", "notes", "products", "status", "vulnerability"}
	p.Each(&f, "statements", func(*yaml.Node) []string { return known }, func(n *yaml.Node, f *strictyaml.Fields) {
		file.Statements = append(file.Statements, p.assertion(n, f))
	})
	if err := p.Err(); err != nil {
		return nil, err
	}
	return file, nil
}

// Read reads and parses the named file.
func Read(name string) (*File, error) {
	data, err := fileio.ReadLimited(name, strictyaml.MaxSize)
	if err != nil {
		return nil, err
	}
	return Parse(name, data)
}

func (p parser) assertion(n *yaml.Node, f *strictyaml.Fields) Assertion {
	a := Assertion{
		Vulnerability: p.Text(f, "vulnerability", identifier),
		Aliases:       p.Words(f, "aliases", "[GHSA-7jwh-3vrq-q3m8]", identifier),
		Products:      p.List(f, "products", wantProducts, p.product),
		Components:    p.Words(f, "components", "[pkg:golang/golang.org/x/crypto]", packageURL),
		Status:        p.Choice(f, "status", statuses),
		Justification: p.Choice(f, "justification", justifications),
		Impact:        p.Text(f, "impact", rules.Line), Action: p.Text(f, "action", rules.Line), Notes: p.Text(f, "notes", rules.Line),
	}
	for _, key := range []string{"vulnerability", "products", "status"} {
		p.Required(n, f, key)
	}
	p.NotEmpty(f, "products")
	has := func(key string) bool { return f.Keys[key] != nil }
	switch {
	case a.Status == notAffected && !has("justification") && !has("impact"):
		p.Errorf(n, "%sno justification and no impact, want one for status not_affected", f.In)
	case a.Status == affected && !has("action"):
		p.Errorf(n, "%sno action, want what users can do for status affected", f.In)
	case a.Status == "":
		return a
	}
	for key, status := range map[string]string{"justification": notAffected, "impact": notAffected, "action": affected} {
		if has(key) && a.Status != status {
			p.Errorf(f.Keys[key], "%s%s: got status %s, want %s", f.In, key, a.Status, status)
		}
	}
	return a
}

// product returns the text of a product: a path, a pattern or a package URL.
func (p parser) product(n *yaml.Node, what string) string {
	if strings.HasPrefix(n.Value, "pkg:") {
		return p.Scalar(n, what, packageURL)
	}
	return p.Scalar(n, what, strictyaml.Rule{Want: "a path in the release, a pattern such as tool-*.tar.gz or a package URL", Check: rules.Exclude.Check})
}
