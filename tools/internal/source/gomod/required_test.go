package gomod

import (
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

func TestRequired(t *testing.T) {
	const goMod = "module example.com/m\n\ngo 1.99\n\nnews (\n\tfrom a later go\n)\n\nrequire example.com/a v1.2.3\n\nrequire (\n\texample.com/b v0.1.0 // indirect\n\texample.com/c v1.0.0\n)\n"
	const goSum = "example.com/a v1.2.2 h1:old\nexample.com/a v1.2.3 h1:content\nexample.com/a v1.2.3/go.mod h1:mod\n" +
		"example.com/b v0.1.0 h1:b\nexample.com/c v1.0.0/go.mod h1:c\n"
	for _, tt := range []struct {
		path    string
		want    lock.GoModule
		wantErr string
	}{
		{"example.com/a", lock.GoModule{Path: "example.com/a", Version: "v1.2.3", Sum: "h1:content", GoModSum: "h1:mod"}, ""},
		{"example.com/b", lock.GoModule{Path: "example.com/b", Version: "v0.1.0", Sum: "h1:b"}, ""},
		{"example.com/c", lock.GoModule{}, `reading go.sum: no h1 sum of example.com/c@v1.0.0`},
		{"example.com/d", lock.GoModule{}, `reading go.mod: module example.com/d is not required`},
		{"example.com", lock.GoModule{}, `reading go.mod: module example.com is not required`},
	} {
		got, err := Required([]byte(goMod), []byte(goSum), tt.path)
		if tt.wantErr != "" {
			if err == nil || err.Error() != tt.wantErr {
				t.Errorf("%s: got %v, want %q", tt.path, err, tt.wantErr)
			}
			continue
		}
		if got != tt.want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", tt.path, got, err, tt.want)
		}
	}
	_, err := Required([]byte("module x\nrequire (\n"), []byte(goSum), "example.com/a")
	wantError(t, err, "reading go.mod: ", "syntax error")
}
