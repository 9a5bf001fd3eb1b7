package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

func TestTable(t *testing.T) {
	names := map[string]bool{}
	for _, p := range table {
		if err := module.Check(p.module, p.version); err != nil || names[p.name] {
			t.Errorf("%s: got %v, want each once, with a version of its module", p.name, err)
		}
		names[p.name] = true
	}
	if p, err := choose([]string{"yq"}); err != nil || len(p) != 1 || p[0].name != "yq" {
		t.Errorf("got %v, %v, want yq", p, err)
	}
}

func TestReason(t *testing.T) {
	for _, tt := range []struct{ out, want string }{
		{"INFO: x\nERROR: at the top\nresolve: error: a|b\n", "a/b"},
		{"  Error in fail: package p: no\nERROR: last\n", "package p: no"},
		{"ERROR: first\nERROR: second\n", "ERROR: first"},
		{"INFO: done\n", ""},
	} {
		if got := reason(tt.out); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.out, got, tt.want)
		}
	}
}

func TestRead(t *testing.T) {
	const outcomes = `[{"program": "yq linux/amd64", "identical": true, "text": ""}, {"program": "yq windows/amd64", "identical": false, "text": ""}]`
	const good = "published 1.0.0\n1.0.0 to stage: 0 changes, 2 B\n"
	for _, tt := range []struct{ name, outcomes, out, want string }{
		{"yq", outcomes, good, ""},
		{"fzf", outcomes, good, "the release has no program fzf"},
		{"yq", outcomes, strings.ReplaceAll(good, " 0 changes", " 1 change"), "published again, the release has changes"},
		{"yq", "", good, "outcomes.json"},
	} {
		file := filepath.Join(t.TempDir(), "outcomes.json")
		if err := os.WriteFile(file, []byte(tt.outcomes), 0o644); err != nil {
			t.Fatal(err)
		}
		var r result
		r.read(program{name: tt.name}, file, tt.out)
		if !strings.Contains(r.problem, tt.want) || (r.problem == "") != (tt.want == "") {
			t.Errorf("%+v: got %q", tt, r.problem)
		}
		if tt.outcomes != "" && (r.identical != 1 || r.programs != 2) {
			t.Errorf("%+v: got %d of %d, want 1 of 2", tt, r.identical, r.programs)
		}
	}
}

func TestUsage(t *testing.T) {
	var errs strings.Builder
	if status := run(t.Context(), []string{"nothing"}, &strings.Builder{}, &errs); status != cli.Usage || !strings.Contains(errs.String(), `program "nothing": want one of those in tools/dev/programs/table.go`) {
		t.Errorf("got status %d, %q", status, errs.String())
	}
}
