package gosource

import (
	"reflect"
	"strings"
	"testing"
)

const modulesTxt = `# example.com/dep v1.0.0
## explicit; go 1.20
example.com/dep
example.com/dep/sub
# example.com/Upper/v2 v2.0.0+incompatible
## explicit
example.com/Upper/v2
# example.com/required v1.1.0
## explicit
# example.com/renamed v1.0.0 => example.com/fork v1.2.3
## explicit; go 1.21
example.com/renamed/in
# example.com/patched v1.0.0 => example.com/patched v1.0.1
example.com/patched
# example.com/near v0.0.0 => ./near
## explicit
example.com/near
# example.com/any => example.com/fork v1.2.3
# example.com/unused => ../unused
`

const goSum = `example.com/dep v1.0.0 h1:dep
example.com/dep v1.0.0/go.mod h1:mod of dep
example.com/dep v0.9.0 h1:old
example.com/fork v1.2.3 h1:fork
example.com/patched v1.0.0 h1:unpatched
example.com/patched v1.0.1 h1:patched
example.com/near v0.0.0 h1:upstream
`

func TestVendoredModules(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, map[string]string{"vendor/modules.txt": modulesTxt, "go.sum": strings.ReplaceAll(goSum, "mod of dep", "mod")})
	fork := &Module{Path: "example.com/fork", Version: "v1.2.3", Sum: "h1:fork"}
	want := []vendored{
		{Module{Path: "example.com/dep", Version: "v1.0.0", Sum: "h1:dep"}, []string{"example.com/dep", "example.com/dep/sub"}},
		{Module{Path: "example.com/Upper/v2", Version: "v2.0.0+incompatible"}, []string{"example.com/Upper/v2"}},
		{Module{Path: "example.com/required", Version: "v1.1.0"}, nil},
		{Module{Path: "example.com/renamed", Version: "v1.0.0", Replace: fork}, []string{"example.com/renamed/in"}},
		{Module{Path: "example.com/patched", Version: "v1.0.0", Replace: &Module{Path: "example.com/patched", Version: "v1.0.1", Sum: "h1:patched"}}, []string{"example.com/patched"}},
		{Module{Path: "example.com/near", Version: "v0.0.0", Replace: &Module{Path: "./near"}}, []string{"example.com/near"}},
		{Module{Path: "example.com/any", Replace: fork}, nil},
		{Module{Path: "example.com/unused", Replace: &Module{Path: "../unused"}}, nil},
	}
	got, err := vendoredModules(dir)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%v, %v\nwant\n%v", got, err, want)
	}
	bare := t.TempDir()
	plant(t, bare, map[string]string{"vendor/modules.txt": "# example.com/a v1.0.0\nexample.com/a\n"})
	got, err = vendoredModules(bare)
	if err != nil || len(got) != 1 || got[0].Sum != "" {
		t.Errorf("without go.sum: got %v, %v, want one module without a sum", got, err)
	}
	if got, err := vendoredModules(t.TempDir()); len(got) != 0 || err != nil {
		t.Errorf("without vendor: got %v, %v, want none", got, err)
	}
}

func TestVendoredModulesErrors(t *testing.T) {
	for _, tt := range []struct{ txt, want string }{
		{"example.com/a\n", `reading vendor/modules.txt:1: package "example.com/a" before any module`},
		{"## workspace\nexample.com/a\n", `reading vendor/modules.txt:2: package "example.com/a" before any module`},
		{"# example.com/a v1.0.0\n# example.com/b v1.0.0 => \n", `reading vendor/modules.txt:2: module "example.com/b": replaced by nothing`},
		{"# example.com/a v1.0.0\n" + strings.Repeat("x", 100_000) + "\n", "token too long"},
	} {
		dir := t.TempDir()
		plant(t, dir, map[string]string{"vendor/modules.txt": tt.txt})
		if _, err := vendoredModules(dir); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}
