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
	for name, want := range map[string]string{
		"yq": "@programs_src//:yq", "fzf": "@programs_src//:fzf", "shfmt": "@programs_src//cmd/shfmt:shfmt", "kustomize": "@programs_src//:kustomize",
	} {
		if p, err := choose([]string{name}); err != nil || p[0].label() != want {
			t.Errorf("%s: got %v, %v, want %s", name, p, err, want)
		}
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

// TestWrite: a line replaces the one before it, with its lock.
func TestWrite(t *testing.T) {
	w := &workspace{dir: t.TempDir()}
	lock := filepath.Join(w.dir, "manifests", line, "lock.json")
	for _, p := range table[:2] {
		if err := w.write(p, []string{"linux-amd64", "win-amd64"}); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(lock); err == nil {
			t.Error("the lock of the program before is there")
		}
		manifest, err := os.ReadFile(filepath.Join(w.dir, "manifests", line, "manifest.yaml"))
		if want := "platforms: [linux-amd64, win-amd64]\ndependencies:\n  src: {module: " + p.module + ", version: " + p.version + "}\n"; err != nil || !strings.HasSuffix(string(manifest), want) {
			t.Errorf("got %v\n%s\nwant %s", err, manifest, want)
		}
		if err := os.WriteFile(lock, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUsage(t *testing.T) {
	var errs strings.Builder
	if status := run(t.Context(), []string{"nothing"}, &strings.Builder{}, &errs); status != cli.Usage || !strings.Contains(errs.String(), `program "nothing": want one of those in tools/dev/programs/table.go`) {
		t.Errorf("got status %d, %q", status, errs.String())
	}
}
