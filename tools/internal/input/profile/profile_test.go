package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

func TestFrom(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     map[string]string // by profile
	}{
		{"production takes what is on the stage", "stage: {}\nproduction: {}\n", map[string]string{"production": "stage"}},
		{"the order is nothing", "production: {}\nstage: {}\n", map[string]string{"production": "stage"}},
		{"production alone takes what was built", "production: {}\n", nil},
		{"no other profile does unless it says so", "stage: {}\nmirror: {}\n", nil},
		{"production takes what was built if it says so", "stage: {}\nproduction: {from: build}\n", nil},
		{"from another profile", "stage: {}\nqa: {from: stage}\nproduction: {from: qa}\n", map[string]string{"qa": "stage", "production": "qa"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all, err := Kinds(nil).Parse("d.yaml", []byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range all {
				if p.From != tt.want[p.Name] {
					t.Errorf("%s: got from %q, want %q", p.Name, p.From, tt.want[p.Name])
				}
			}
		})
	}
}

// TestJSON reads profiles from receipts and writes them again.
func TestJSON(t *testing.T) {
	const good = `{"name":"a","from":"b","aliases":{"x":"stable"},"buckets":[{"url":"u<&>","aliases":["x"]},{"url":"v"}],"tags":{},"github":{"dir":"d","prerelease":true}}`
	var p Profile
	if err := jsonfile.Unmarshal([]byte(good), &p); err != nil {
		t.Fatal(err)
	}
	if got := p.Of("buckets"); len(p.Places) != 4 || len(got) != 2 || got[0].Text("url") != "u<&>" || got[0].List("aliases")[0] != "x" || !p.Places[3].Flag("prerelease") {
		t.Errorf("got %+v", p)
	}
	data, err := jsonfile.Marshal(p)
	var b bytes.Buffer
	if err := errors.Join(err, json.Compact(&b, data)); err != nil || b.String() != good {
		t.Errorf("got %s, %v, want %s", &b, err, good)
	}
	for _, tt := range []struct{ in, want string }{
		{`[]`, `1: got "[]", want an object`},
		{"{\n\"name\": 1}", "2: name: got number, want string"},
		{"{\"name\": \"a\",\n\"buckets\": [\n1]}", `2: buckets: got "1", want an object`},
		{"{\"buckets\": 1}", `1: buckets: got "1", want a list of objects`},
	} {
		if err := jsonfile.Unmarshal([]byte(tt.in), new(Profile)); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.in, err, tt.want)
		}
	}
}
