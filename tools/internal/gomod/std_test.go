package gomod

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// plant writes files below a temporary folder and returns it.
func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for path, data := range files {
		name := filepath.Join(dir, filepath.FromSlash(path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(data), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func imports(packages ...string) string {
	return "package p\n\nimport (\n\t\"" + strings.Join(packages, "\"\n\t\"") + "\"\n)\n"
}

func TestStdImports(t *testing.T) {
	dir := plant(t, map[string]string{
		"a.go":                       imports("fmt", "C", "example.com/other/x", "unsafe"),
		"a_test.go":                  imports("only/test"),
		"a_windows.go":               imports("windows/only"),
		"sub/tagged.go":              "//go:build never && tagged\n\n" + imports("net/http"),
		"sub/tool.go":                "// Copyright\n\n//go:build ignore\n// +build ignore\n\n" + imports("only/ignored"),
		"sub/either.go":              "//go:build ignore || linux\n\n" + imports("either/way"),
		"sub/both.go":                "//go:build linux && (ignore && cgo)\n\n" + imports("only/ignored/too"),
		"sub/not.go":                 "//go:build !ignore\n\n" + imports("not/ignored"),
		"sub/late.go":                "package p\n\n//go:build ignore\n\nimport \"after/package\"\n",
		"sub/renamed.go":             "package p\n\nimport (\n\t_ \"blank\"\n\t. \"dot\"\n\tx `raw`\n)\n",
		"sub/broken.go":              "this is not Go; import \"broken\"\n",
		"sub/half.go":                "package p\n\nimport \"before/error\"\n\nfunc {\n",
		"sub/text.txt":               imports("text"),
		"testdata/a.go":              imports("only/testdata"),
		"sub/testdata/a.go":          imports("only/testdata"),
		"_skipped/a.go":              imports("only/underscore"),
		".hidden/a.go":               imports("only/dot"),
		"sub/_skipped.go":            imports("only/underscore"),
		"sub/.hidden.go":             imports("only/dot"),
		"vendor/example.com/x/a.go":  imports("vendored/import", "fmt", "example.com/y"),
		"vendor/example.com/x/a.s":   "",
		"vendor/modules.txt":         "# example.com/x v1.0.0\n",
		"internal/testdata.go/go.go": imports("in/a/folder/with/a/dot"),
	})
	want := []string{"after/package", "before/error", "blank", "dot", "either/way", "fmt", "in/a/folder/with/a/dot", "net/http", "not/ignored", "raw", "unsafe", "vendored/import", "windows/only"}
	got, err := StdImports(dir)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got\n%q, %v\nwant\n%q", got, err, want)
	}
	// The folder itself counts, whatever its name.
	hidden := filepath.Join(t.TempDir(), ".testdata")
	if err := os.Rename(dir, hidden); err != nil {
		t.Fatal(err)
	}
	if got, err := StdImports(hidden); err != nil || !slices.Equal(got, want) {
		t.Errorf("in a hidden folder: got %q, %v", got, err)
	}
	if got, err := StdImports(t.TempDir()); len(got) != 0 || err != nil {
		t.Errorf("empty folder: got %q, %v, want nothing", got, err)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	_, err = StdImports(missing)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: got %v, want %v", err, fs.ErrNotExist)
	}
	wantError(t, err, `listing imports below "`+missing+`": `)
}

func TestStdClosure(t *testing.T) {
	goroot := plant(t, map[string]string{
		"src/fmt/print.go":                          imports("os", "reflect"),
		"src/fmt/print_test.go":                     imports("testing"),
		"src/os/file_linux.go":                      imports("syscall", "unsafe"),
		"src/os/file_windows.go":                    imports("internal/windows"),
		"src/os/gen.go":                             "//go:build ignore\n\n" + imports("go/ast"),
		"src/reflect/type.go":                       imports("fmt"), // a circle, which the real one has not
		"src/syscall/a.go":                          imports("C"),
		"src/unsafe/unsafe.go":                      "package unsafe\n",
		"src/internal/windows/a.go":                 "package windows\n",
		"src/net/http/a.go":                         imports("golang.org/x/net/idna", "fmt"),
		"src/vendor/golang.org/x/net/idna/idna.go":  imports("golang.org/x/text/norm"),
		"src/vendor/golang.org/x/text/norm/norm.go": imports("unsafe"),
		"src/testing/a.go":                          imports("flag"),
		"src/go/ast/a.go":                           "package ast\n",
	})
	for _, tt := range []struct {
		packages string
		want     string
	}{
		{"", ""},
		{"unsafe", "unsafe"},
		{"fmt", "fmt internal/windows os reflect syscall unsafe"},
		{"reflect unsafe fmt", "fmt internal/windows os reflect syscall unsafe"},
		{"net/http", "fmt internal/windows net/http os reflect syscall unsafe vendor/golang.org/x/net/idna vendor/golang.org/x/text/norm"},
		{"golang.org/x/text/norm", "unsafe vendor/golang.org/x/text/norm"},
		{"none C unsafe", "unsafe"},
	} {
		got, err := StdClosure(goroot, strings.Fields(tt.packages))
		if want := strings.Fields(tt.want); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got\n%q, %v\nwant\n%q", tt.packages, got, err, want)
		}
	}
}

// TestStdClosureSDK reads the SDK of the go command that runs.
func TestStdClosureSDK(t *testing.T) {
	w := newWorld(t)
	goroot := filepath.Dir(filepath.Dir(w.goCmd))
	got, err := StdClosure(goroot, []string{"net/http", "os/signal"})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"fmt", "internal/syscall/windows", "net/http", "os/signal", "runtime", "unsafe", "vendor/golang.org/x/net/http/httpguts"} {
		if !slices.Contains(got, p) {
			t.Errorf("got %q, want %s among them", got, p)
		}
	}
	if slices.Contains(got, "testing") || !slices.IsSorted(got) {
		t.Errorf("got %q, want it sorted and without testing", got)
	}
}
