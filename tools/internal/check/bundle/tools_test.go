package bundle

import (
	"fmt"
	"path/filepath"
	"testing"
)

const (
	goMod = "module example.com/ws\n\ngo 1.26.0\n\nrequire (\n\texample.com/used v1.0.0\n\texample.com/rules v2.0.0+incompatible\n)\n\nrequire example.com/unread v0.1.0 // indirect\n"
	goSum = "example.com/used v1.0.0 h1:used\nexample.com/used v1.0.0/go.mod h1:used.mod\nexample.com/used v0.9.0/go.mod h1:older\n" +
		"example.com/rules v2.0.0+incompatible h1:rules\nexample.com/rules v2.0.0+incompatible/go.mod h1:rules.mod\n" +
		"example.com/unread v0.1.0 h1:unread\nexample.com/unread v0.1.0/go.mod h1:unread.mod\n"
	modulesTxt = "# example.com/rules v2.0.0+incompatible\n## explicit\n# example.com/unread v0.1.0\n## explicit; go 1.20\n# example.com/used v1.0.0\n## explicit; go 1.26\nexample.com/used\nexample.com/used/sub\n"
)

func TestToolModules(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ name, mod, sum, txt, want, err string }{
		{name: "tools", mod: goMod, sum: goSum, txt: modulesTxt,
			want: "[{example.com/rules v2.0.0+incompatible h1:rules h1:rules.mod } {example.com/unread v0.1.0  h1:unread.mod } {example.com/used v1.0.0 h1:used h1:used.mod }]"},
		{name: "replaced", mod: goMod + "replace example.com/used => ./used\n", sum: goSum, txt: modulesTxt, err: "it has replace lines, which a bundle does not support"},
		{name: "no sum", mod: goMod, txt: modulesTxt, err: "reading go.sum: it has no h1 sum of example.com/used@v1.0.0"},
		{name: "no content's sum", mod: goMod, sum: "example.com/used v1.0.0/go.mod h1:used.mod\n", txt: modulesTxt, err: "reading go.sum: it has no h1 sum of example.com/used@v1.0.0"},
		{name: "no module", mod: goMod, sum: goSum, txt: "example.com/used\n", err: `package "example.com/used" before any module`},
		{name: "no go.mod", mod: "{", sum: goSum, txt: modulesTxt, err: "reading "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			w.write(filepath.Join(dir, "modules.txt"), tt.txt, 0o644)
			got, err := ToolModules([]byte(tt.mod), []byte(tt.sum), filepath.Join(dir, "modules.txt"), "example.com/rules")
			if tt.err != "" {
				wantError(t, err, tt.err)
			} else if err != nil || fmt.Sprint(got) != tt.want {
				t.Errorf("got %v, %v\nwant %s", got, err, tt.want)
			}
		})
	}
	_, err := ToolModules([]byte(goMod), []byte(goSum), "none")
	wantError(t, err, "none")
}
