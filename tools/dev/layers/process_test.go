package main

import (
	"strings"
	"testing"
)

func TestCheckFile(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       []string // parts of the errors, one each
	}{
		{"nothing", `import "os"; var _ = os.Getenv("HOME")`, nil},
		{"environment", `import "os"; var env = append(os.Environ(), "A=b")`, []string{"a.go:1:42: os.Environ"}},
		{"as a value", `import "os"; var env = os.Environ`, []string{"os.Environ"}},
		{"command", `import ("context"; "os/exec"); func f(c context.Context) { exec.Command("a"); exec.CommandContext(c, "a") }`, []string{"exec.Command:", "exec.CommandContext:"}},
		{"other name", `import run "os/exec"; var _ = run.Command("a")`, []string{"run.Command"}},
		{"own scope", `import . "os/exec"; var _ = Command("a")`, []string{"dot import of os/exec"}},
		{"another package of that name", `import "example.com/exec"; var _ = exec.Command("a")`, nil},
		{"method", `import "os/exec"; func f(w world) { w.Command("a"); _ = exec.ErrNotFound }`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := checkFile("a.go", "package a; "+tt.body)
			var got []string
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if len(got) != len(tt.want) {
				t.Fatalf("got %d errors %q, want %d", len(got), got, len(tt.want))
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("got %q, want %q in it", got[i], want)
				}
			}
		})
	}
}
