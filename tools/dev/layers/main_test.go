package main

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct{ from, to, want string }{
		{"tools/internal/web/client", "tools/internal/base/hint", ""},
		{"tools/internal/web/client", "tools/internal/web/other", ""},
		{"tools/internal/web/client", "tools/internal/input/lock", "tools/internal/web/client imports tools/internal/input/lock: "},
		{"tools/internal/publish", "tools/internal/publish/bucket", ""},
		{"tools/internal/source/store", "tools/internal/publish", "imports tools/internal/publish: "},
		{"tools/internal/check/gc", "tools/internal/testing/gittest", "imports tools/internal/testing/gittest: "},
		{"tools/internal/testing/gittest", "tools/internal/check/gc", ""},
		{"tools/resolve", "tools/internal/check/gc", ""},
		{"tools/internal/base/cli", "tools/resolve", "imports tools/resolve: "},
		{"tools/internal/new/thing", "tools/internal/base/cli", "tools/internal/new/thing is in an unknown directory: "},
	} {
		err := check([]goPackage{{ImportPath: module + tt.from, Imports: []string{"fmt", module + tt.to}}})
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s imports %s: got %v, want %q", tt.from, tt.to, err, tt.want)
		}
	}
	fetch := goPackage{ImportPath: module + "tools/build/fetch", Deps: []string{"fmt", module + "tools/internal/base/cli", "golang.org/x/mod/module", "example.com/more"}}
	if err := check([]goPackage{fetch}); err == nil || err.Error() != "tools/build/fetch imports example.com/more: want the standard library and golang.org/x/mod only" {
		t.Errorf("fetch: got %v", err)
	}
}
