package goinfo_test

import (
	"slices"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
)

func TestFlags(t *testing.T) {
	for _, tt := range []struct {
		name   string
		xDefs  map[string]string
		want   string
		failed bool
	}{
		{name: "none", want: "-s -w -buildid="},
		{name: "sorted, and the package of the program is main", xDefs: map[string]string{"x/b.V": "1", "x/cmd.V": "2", "x/cmd/a.V": "3"}, want: `-s -w -buildid= -X "x/b.V=1" -X "main.V=2" -X "x/cmd/a.V=3"`},
		{name: "a quote", xDefs: map[string]string{"x.V": `a "b"`}, want: `-s -w -buildid= -X 'x.V=a "b"'`},
		{name: "both quotes", xDefs: map[string]string{"x.V": `"'`}, failed: true},
		{name: "the default GODEBUG is left out", xDefs: map[string]string{"runtime.godebugDefault": "a=1"}, want: "-s -w -buildid="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := goinfo.Program{Package: "x/cmd", XDefs: tt.xDefs}.Flags()
			if (err != nil) != tt.failed || err == nil && !slices.Equal(got, []string{"-trimpath", "-ldflags=" + tt.want}) {
				t.Errorf("got %q, %v, want -ldflags=%s", got, err, tt.want)
			}
		})
	}
}
