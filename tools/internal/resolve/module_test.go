package resolve

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/mod/module"
)

func TestRequiredBy(t *testing.T) {
	const goMod = `module example.com/top

go 1.24

tool example.com/plain/cmd

require (
	example.com/plain v1.0.0
	example.com/indirect v0.1.0 // indirect
	example.com/moved v1.0.0
	example.com/moved-version v1.0.0
	example.com/other-version v1.0.0
	example.com/near v0.0.0
)

replace (
	example.com/moved => example.com/fork v1.2.0
	example.com/moved-version v1.0.0 => example.com/moved-version v1.0.1
	example.com/other-version v0.9.0 => example.com/fork v0.9.1
	example.com/near => ./near
	example.com/absent => example.com/fork v1.0.0
)
`
	for _, tt := range []struct{ path, goMod, want, wantErr string }{
		{"example.com/plain", goMod, "example.com/plain@v1.0.0", ""},
		{"example.com/indirect", goMod, "example.com/indirect@v0.1.0", ""},
		{"example.com/moved", goMod, "example.com/fork@v1.2.0", ""},
		{"example.com/moved-version", goMod, "example.com/moved-version@v1.0.1", ""},
		{"example.com/other-version", goMod, "example.com/other-version@v1.0.0", ""},
		{
			// A replacement for one version goes before one for all.
			"example.com/a", "module m\nrequire example.com/a v1.0.0\nreplace example.com/a => example.com/all v1.0.0\nreplace example.com/a v1.0.0 => example.com/one v1.0.0\n",
			"example.com/one@v1.0.0", "",
		},
		{
			"example.com/a", "module m\nrequire example.com/a v1.0.0\nreplace example.com/a v1.0.0 => example.com/one v1.0.0\nreplace example.com/a => example.com/all v1.0.0\n",
			"example.com/one@v1.0.0", "",
		},
		{"example.com/near", goMod, "", `go.mod of example.com/top@v1 replaces example.com/near by the folder "./near"`},
		{"example.com/absent", goMod, "", "go.mod of example.com/top@v1 does not require example.com/absent"},
		{"example.com/top", goMod, "", "go.mod of example.com/top@v1 does not require example.com/top"},
		{"example.com/plain", "module m\nrequire (\n", "", "reading go.mod of example.com/top@v1: go.mod:"},
		{"example.com/plain", "", "", "reading go.mod of example.com/top@v1: file does not exist"},
	} {
		primary := &Primary{Revision: "example.com/top@v1", ReadFile: func(_ context.Context, name string) ([]byte, error) {
			if name != "go.mod" || tt.goMod == "" {
				return nil, fs.ErrNotExist
			}
			return []byte(tt.goMod), nil
		}}
		got, err := requiredBy(t.Context(), primary, tt.path)
		if tt.wantErr != "" {
			if err == nil || !strings.HasPrefix(err.Error(), tt.wantErr) || got != (module.Version{}) {
				t.Errorf("%s: got %v, %v, want %q", tt.path, got, err, tt.wantErr)
			}
			continue
		}
		if err != nil || got.String() != tt.want {
			t.Errorf("%s: got %v, %v, want %s", tt.path, got, err, tt.want)
		}
	}
	broken := &Primary{Revision: "r", ReadFile: func(context.Context, string) ([]byte, error) { return nil, context.Canceled }}
	if _, err := requiredBy(t.Context(), broken, "example.com/a"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it to wrap %v", err, context.Canceled)
	}
}
