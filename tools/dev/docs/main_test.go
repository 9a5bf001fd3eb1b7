package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

func TestRun(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("docs/other.md", "")
	for _, verb := range verbs {
		write("tools/"+verb+"/main.go", "// "+verb+" does it.\n//\n//\tgo "+verb+"\npackage main\n")
	}
	write("release/rules/defs.bzl", "\nrelease_a = _release_a\nInfo = _Info\n")
	write("release/rules/private/a.bzl", `_hidden = rule(implementation = _impl)
release_a = rule(
    implementation = _impl,
    doc = """Makes a.

More of it.""",
    attrs = {
        "b": attr.string(doc = "One | two.", mandatory = True),
        "c": attr.bool(default = True, doc = "Whether."),
        "_d": attr.label(),
    },
)
Info = provider(doc = "What.", fields = {"x": "string: it."})
`)
	status := func(args ...string) (int, string) {
		var stderr strings.Builder
		got := run(t.Context(), append([]string{"-root", root}, args...), &strings.Builder{}, &stderr)
		return got, stderr.String()
	}
	if got, out := status("-check"); got != cli.Failure || !strings.Contains(out, `rules.md" is stale`) || !strings.Contains(out, `commands.md" is stale`) {
		t.Errorf("before: got %d, %s", got, out)
	}
	if got, out := status(); got != cli.OK {
		t.Fatalf("got %d, %s", got, out)
	}
	if got, out := status("-check"); got != cli.OK {
		t.Errorf("after: got %d, %s", got, out)
	}
	for name, parts := range map[string][]string{
		"rules.md": {
			"\n## release_a\n\nMakes a.\n\nMore of it.\n", "| `b` | string | required | One \\| two. |\n", "| `c` | bool | `True` | Whether. |\n",
			"\n## Info\n\nWhat.\n", "| `x` | string: it. |\n",
		},
		"commands.md": {"\n## gc\n\ngc does it.\n\n\tgo gc\n"},
	} {
		data, err := os.ReadFile(filepath.Join(root, "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			if !strings.Contains(string(data), part) {
				t.Errorf("%s: got\n%s\nwant %q in it", name, data, part)
			}
		}
		if strings.Contains(string(data), "_hidden") || strings.Contains(string(data), "`_d`") {
			t.Errorf("%s: got\n%s\nwant nothing private", name, data)
		}
	}
}
