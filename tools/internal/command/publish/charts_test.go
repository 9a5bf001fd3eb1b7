package publish

import (
	"fmt"
	"io"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
)

// TestOverrideCharts replaces the Helm repositories of a profile, and adds what flags alone
// give.
func TestOverrideCharts(t *testing.T) {
	place := profile.Place{Key: "charts"}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "[{charts false [{bucket gs://old}]} {charts false [{hub registry.example/charts}]}]"},
		{[]string{"--helmbucket", "a/b"}, "[{charts false [{hub registry.example/charts}]} {charts false [{bucket gs://a/b}]}]"},
		{[]string{"--s3helmbucket", "c/d", "--s3-base-endpoint", "https://s3.example"}, "[{charts false [{hub registry.example/charts}]} {charts false [{bucket s3://c/d} {endpoint https://s3.example}]}]"},
		{[]string{"--helmbucket", "a/b", "--s3helmbucket", "c/d"}, "[{charts false [{hub registry.example/charts}]} {charts false [{bucket gs://a/b}]} {charts false [{bucket s3://c/d}]}]"},
		{[]string{"--grafanatoken", "env://T"}, "[{charts false [{bucket gs://old}]} {charts false [{hub registry.example/charts}]} {grafana true []}]"},
	} {
		var o options
		if err := o.flags(io.Discard).Parse(tt.args); err != nil {
			t.Fatal(err)
		}
		if bad := o.check(); bad != "" && len(tt.args) > 0 {
			t.Errorf("%q: got %s", tt.args, bad)
		}
		p := profile.Profile{Places: []profile.Place{place.WithText("bucket", "gs://old"), place.WithText("hub", "registry.example/charts")}}
		if err := o.override(&p); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(p.Places); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.args, got, tt.want)
		}
	}
}
