package gosource

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/annotate/*.out.bazel")

// plant writes files below dir.
func plant(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for path, data := range files {
		name := filepath.Join(dir, filepath.FromSlash(path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(data), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// goroot makes an SDK that has packages which gazelle does not know.
func goroot(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	plant(t, dir, map[string]string{
		"src/crypto/hkdf/hkdf.go": "", "src/crypto/sha3/sha3.go": "", "src/crypto/mlkem/mlkem.go": "", "src/weak/weak.go": "",
		"src/file": "no package",
		// The standard library has no folder with a dot; a module has always one.
		"src/example.com/dep/dep.go": "",
	})
	return dir
}

// TestEdit edits what the real gazelle wrote.
func TestEdit(t *testing.T) {
	root := goroot(t)
	inputs, err := filepath.Glob(filepath.Join("testdata", "annotate", "*.in.bazel"))
	if err != nil || len(inputs) == 0 {
		t.Fatalf("got %d inputs, %v", len(inputs), err)
	}
	for _, in := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(in), ".in.bazel"), func(t *testing.T) {
			data, err := os.ReadFile(in)
			if err != nil {
				t.Fatal(err)
			}
			e := editor{root: ".", module: Module{Path: "example.com/top"}, goroot: root}
			if strings.HasPrefix(filepath.Base(in), "sub-") {
				e.root, e.tags = "tools/sub", []string{"agent", "small"}
			}
			got := e.edit(data)
			out := strings.TrimSuffix(in, ".in.bazel") + ".out.bazel"
			if *update {
				if err := os.WriteFile(out, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s\n(go test ./tools/internal/gosource -update writes what it is now)", got, want)
			}
		})
	}
}

func TestIsStd(t *testing.T) {
	root := goroot(t)
	for pkg, want := range map[string]bool{
		"crypto/hkdf": true, "weak": true, "crypto": true, "crypto/none": false, "none": false, "file": false,
		"example.com/dep": false, "example.com/weak": false,
	} {
		if got := isStd(root, pkg); got != want {
			t.Errorf("%s: got %t, want %t", pkg, got, want)
		}
	}
}

func TestAnnotate(t *testing.T) {
	const rule = "go_library(\n    name = \"go_default_library\",\n)\n"
	dir := t.TempDir()
	plant(t, dir, map[string]string{
		"BUILD.bazel": rule, "sub/BUILD.bazel": rule, "sub/BUILD": "left alone", "sub/x.bazel": "left alone",
		"vendor/example.com/dep/BUILD.bazel": rule, "vendor/example.com/dep/sub/BUILD.bazel": rule,
		"vendor/example.com/dep/v2/BUILD.bazel": rule, "vendor/example.com/BUILD.bazel": "above packages",
		"vendored/BUILD.bazel": rule,
	})
	plant(t, dir, map[string]string{"go.mod": "module example.com/top\n", "other/go.mod": "", "other/BUILD.bazel": rule})
	modules := []vendored{
		{Module: Module{Path: "example.com/dep", Version: "v1.0.0", Sum: "h1:x"}, packages: []string{"example.com/dep", "example.com/dep/sub"}},
		{Module: Module{Path: "example.com/dep/v2", Version: "v2.0.0", Replace: &Module{Path: "../fork"}}, packages: []string{"example.com/dep/v2"}},
	}
	a := Args{Dir: dir, GOROOT: goroot(t)}
	if err := a.annotate(Root{Dir: ".", Main: Module{Path: "example.com/top"}}, modules, &embedder{}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"BUILD.bazel": "folder/example.com/top", "sub/BUILD.bazel": "folder/example.com/top", "vendored/BUILD.bazel": "folder/example.com/top",
		"vendor/example.com/dep/BUILD.bazel": "module/example.com/dep@v1.0.0", "vendor/example.com/dep/sub/BUILD.bazel": "module/example.com/dep@v1.0.0",
		"vendor/example.com/dep/v2/BUILD.bazel": "module/example.com/dep/v2@v2.0.0=>..%2Ffork", "other/BUILD.bazel": "",
		"vendor/example.com/BUILD.bazel": "", "sub/BUILD": "", "sub/x.bazel": "",
	} {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		if err != nil {
			t.Fatal(err)
		}
		label := "default_package_metadata = [\"//.release:" + want + "\"],\n"
		if want == "" && bytes.Contains(data, []byte("package(")) || want != "" && !bytes.Contains(data, []byte(label)) {
			t.Errorf("%s: got\n%s\nwant module %q", path, data, want)
		}
	}
}
