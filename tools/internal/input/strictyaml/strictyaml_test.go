package strictyaml

import (
	"fmt"
	"strings"
	"testing"
)

// TestManyErrors looks at how many errors of a file are shown.
func TestManyErrors(t *testing.T) {
	var file strings.Builder
	for i := range 3 * maxErrors {
		fmt.Fprintf(&file, "unknown%d: 1\n", i)
	}
	p := New("m.yaml", "a mapping with version")
	p.Fields(p.Load([]byte(file.String())), "", "", "a mapping with version", []string{"version"})
	lines := strings.Split(p.Err().Error(), "\n")
	if got := lines[len(lines)-1]; len(lines) != maxErrors+1 || got != "m.yaml:21: further errors: 40" {
		t.Errorf("got %d lines, the last %q", len(lines), got)
	}
}

// TestList reads what a file says, with an error for each thing that is wrong.
func TestList(t *testing.T) {
	p := New("f", "a mapping with names")
	f := p.Fields(p.Load([]byte("names: [a, b, a]\nnmae: x\n")), "", "", "a mapping with names", []string{"name", "names"})
	got := p.Words(&f, "names", "[a]", Rule{Want: "a letter", Check: func(s string) string { return "" }})
	want := `f:1:15: names: duplicate "a"
f:2:1: unknown key "nmae": want one of name, names; did you mean "name"?`
	if err := p.Err(); strings.Join(got, " ") != "a b" || err == nil || err.Error() != want {
		t.Errorf("got %q, %v, want %s", got, err, want)
	}
}
