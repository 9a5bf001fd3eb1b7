package validate

import (
	"bytes"
	"slices"
	"testing"
)

// TestLeaksAnywhere: what is looked for is found at every place of a file, also where two blocks
// meet.
func TestLeaksAnywhere(t *testing.T) {
	c := &checker{args: Args{Secrets: map[string]string{"builder.example": "host name"}}}
	const key, host, source, fill = "AKIAABCDEFGHIJKLMNOP", "builder.example", "\x00/home/me/x.go\x00", "."
	want := []string{
		`it has what looks like a AWS access key, 20 bytes that begin with "AKIA"`,
		`it has the host name "builder.example"`,
		`it has the absolute path of a source file, "/home/me/x.go"`,
	}
	for at := leakBlock - 60; at < leakBlock+5; at++ {
		for _, size := range []int{at + 60, 2 * leakBlock, 2*leakBlock + 60} {
			data := bytes.Repeat([]byte(fill), size)
			copy(data, "\x7fELF")
			copy(data[at:], key+source+host)
			if got := c.leaks(data); !slices.Equal(got, want) {
				t.Fatalf("at %d of %d bytes: got %q, want %q", at, size, got, want)
			}
		}
	}
	if got := c.leaks(append([]byte("AKIAEXAMPLEEXAMPLEEX"), bytes.Repeat([]byte(fill), 3*leakBlock)...)); len(got) > 0 {
		t.Errorf("got %q for an example", got)
	}
}
