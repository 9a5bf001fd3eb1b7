package platform

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// rules is the directory of the files that have the same tables as this package.
const rules = "../../../../release/rules/private"

// run runs a file of the rules, and those that it loads.
func run(t *testing.T, name string) starlark.StringDict {
	t.Helper()
	thread := &starlark.Thread{Name: name, Load: func(_ *starlark.Thread, module string) (starlark.StringDict, error) {
		return run(t, strings.TrimPrefix(module, ":")), nil
	}}
	src, err := os.ReadFile(filepath.Join(rules, name))
	if err != nil {
		t.Fatal(err)
	}
	globals, err := starlark.ExecFileOptions(&syntax.FileOptions{}, thread, name, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	return globals
}

// call calls a function of a file of the rules with texts.
func call(globals starlark.StringDict, name string, args ...string) (starlark.Value, error) {
	var values starlark.Tuple
	for _, a := range args {
		values = append(values, starlark.String(a))
	}
	return starlark.Call(&starlark.Thread{Name: name}, globals[name], values, nil)
}

// strs returns a list or tuple of strings.
func strs(v starlark.Value) (all []string) {
	for i := range v.(starlark.Indexable).Len() {
		all = append(all, string(v.(starlark.Indexable).Index(i).(starlark.String)))
	}
	return all
}

// TestRules compares the platforms of the rules with those of this package.
func TestRules(t *testing.T) {
	globals := run(t, "platforms.bzl")
	got := map[string][]string{}
	for _, item := range globals["PLATFORMS"].(*starlark.Dict).Items() {
		name := string(item[0].(starlark.String))
		got[name] = strs(item[1])
		setting, err := call(globals, "setting", name)
		if err != nil {
			t.Fatal(err)
		}
		oci, err := call(globals, "oci_platform", name)
		if err != nil {
			t.Fatal(err)
		}
		got[name] = append(append(got[name], strs(setting)...), string(oci.(starlark.String)))
	}
	want := map[string][]string{}
	for _, p := range All() {
		variable, value := p.Setting()
		want[p.String()] = []string{p.GOOS, p.GOARCH, p.Level, variable, value, p.OCI()}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !slices.Equal(got[name], want[name]) {
			t.Errorf("%s: got %q in platforms.bzl, want %q", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d platforms in platforms.bzl, want %d", len(got), len(want))
	}
	for _, item := range globals["UNIVERSAL"].(*starlark.Dict).Items() {
		var halves []string
		for _, h := range byName[string(item[0].(starlark.String))].Halves() {
			halves = append(halves, h.String())
		}
		if got := strs(item[1]); !slices.Equal(got, halves) {
			t.Errorf("%s: got %q in platforms.bzl, want %q", item[0], got, halves)
		}
	}
}

// TestRulesNames compares the names that the rules make with those of this package.
func TestRulesNames(t *testing.T) {
	globals := run(t, "names.bzl")
	if got := globals["DEFAULT_NAMES"]; got != starlark.String(DefaultNames) {
		t.Errorf("default: got %s in names.bzl, want %q", got, DefaultNames)
	}
	for _, template := range []Template{DefaultNames, "{name}_{version}_{Os}_{uname}", "{os}-{arch}-{name}", "{name}", "x", "", "{", "}", "{{name}}", "{name}}", "{x}", "{name", "{}", "a}b{name}"} {
		for _, p := range All() {
			got, gotErr := call(globals, "archive_name", "//x:y", string(template), "tool", "1.2", p.String())
			want, wantErr := template.Expand("tool", "1.2", p)
			if (gotErr == nil) != (wantErr == nil) || gotErr == nil && got != starlark.String(want) {
				t.Fatalf("%q for %s: got %v, %v in names.bzl, want %q, %v", template, p, got, gotErr, want, wantErr)
			}
		}
	}
}
