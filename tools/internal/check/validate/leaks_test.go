package validate

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// TestLeaksAnywhere: what is looked for is found at every place of a file.
func TestLeaksAnywhere(t *testing.T) {
	f, err := newLeakFinder(map[string]string{"builder.example": "host name"})
	if err != nil {
		t.Fatal(err)
	}
	const key, host, source, fill = "AKIAABCDEFGHIJKLMNOP", "builder.example", "\x00/home/me/x.go\x00", "."
	want := []string{
		`it has what looks like an AWS access key, 20 bytes that begin with "AKIA"`,
		`it has the host name "builder.example"`,
		`it has the absolute path of a source file, "/home/me/x.go"`,
	}
	for at := 70; at < 80; at++ {
		for _, size := range []int{at + 60, 2000} {
			data := bytes.Repeat([]byte(fill), size)
			copy(data, "\x7fELF")
			copy(data[at:], key+source+host)
			if got := f.leaks(data); !slices.Equal(got, want) {
				t.Fatalf("at %d of %d bytes: got %q, want %q", at, size, got, want)
			}
		}
	}
	if got := f.leaks(append([]byte("AKIAEXAMPLEEXAMPLEEX"), bytes.Repeat([]byte(fill), 2000)...)); len(got) > 0 {
		t.Errorf("got %q for an example", got)
	}
}

// TestSearch compares a search with looking for one text after the other.
func TestSearch(t *testing.T) {
	texts := []string{"abca", "aaaa", "bcab", "cabcabb", ".go\x00", "ccccccc"}
	s := newSearch(texts)
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		data := make([]byte, random.IntN(200))
		for i := range data {
			data[i] = "abc"[random.IntN(3)]
		}
		got, want := make([][]int, len(texts)), make([][]int, len(texts))
		s.each(data, func(text, at int) { got[text] = append(got[text], at) })
		for i, text := range texts {
			for at := range data {
				if bytes.HasPrefix(data[at:], []byte(text)) {
					want[i] = append(want[i], at)
				}
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("in %q: got %d, want %d", data, got, want)
		}
	}
	if _, err := newLeakFinder(map[string]string{"abc": "name"}); err == nil {
		t.Error("got no error for a secret of 3 bytes")
	}
}
