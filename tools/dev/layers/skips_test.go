package main

import (
	"strings"
	"testing"
)

func TestCheckSkip(t *testing.T) {
	for _, tt := range []struct {
		name, body, want string
	}{
		{"none", `t.Log("x")`, ""},
		{"bare", `t.Skip("no gpgv")`, "a.go:1:"},
		{"formatted", `t.Skipf("no %s", name)`, "Skipf: "},
		{"now", `if err != nil { t.SkipNow() }`, "SkipNow: "},
		{"a program", `if _, err := exec.LookPath("x"); err != nil { t.Skip(err) }`, "readers.Find, Look or Require"},
		{"after an if", `if testing.Short() { return }; t.Skip("x")`, "Skip: "},
		{"short", `if testing.Short() { t.Skip("slow") }`, ""},
		{"system", `if runtime.GOOS == "windows" { t.Skip("x") }`, ""},
		{"variable", `if x && os.Getenv("X") == "" { t.Skipf("x") }`, ""},
		{"subtest", `if os.Getuid() == 0 { t.Run("x", func(t *testing.T) { t.Skip("root") }) }`, ""},
		{"another Skip", `_ = fs.SkipDir`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := checkSkip("a.go", "package a; func f() { "+tt.body+" }")
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
