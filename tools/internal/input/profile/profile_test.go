package profile

import "testing"

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
