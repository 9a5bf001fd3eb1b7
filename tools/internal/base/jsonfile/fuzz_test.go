package jsonfile

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
)

// FuzzUnmarshal: what is accepted is one document by encoding/json's own
// judgement, and its canonical form reads back as itself.
func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `{}`, "{}\n{}", `{"name": "a", "name": "b"}`, `{"name": "a", "Name": "b"}`,
		`{"parts": [{"name": "<&>"}], "labels": {"b": "\u0000", "a": "\ud800"}, "size": 9007199254740993}`,
		`{"time": "2024-02-29T00:00:00.5+01:00"}`, `{"size": 1e3}`, "{\"a\": [[{\"b\":\n1}]]}", "\xef\xbb\xbf{}", `[[[[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = Unmarshal(data, new(any)) // does not panic, whatever the type
		if json.Valid(data) {
			if got, err := checkKeys(data); err == nil && !slices.Equal(got, keysOf(data)) {
				t.Fatalf("keys of %q: got offsets %d, want %d", data, got, keysOf(data))
			}
		}
		var d document
		if Unmarshal(data, &d) != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("accepted what is no JSON document: %q", data)
		}
		first, err := Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var again document
		if err := Unmarshal(first, &again); err != nil {
			t.Fatalf("the canonical form %q cannot be read: %v", first, err)
		}
		second, err := Marshal(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("canonical form: got %q, %v, then %q", first, err, second)
		}
	})
}

// keysOf returns what checkKeys does, by encoding/json's own tokens.
func keysOf(data []byte) (before []int64) {
	type frame struct{ object, value bool } // value: of an object, the next token is one
	stack := []frame{{}}
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		start := d.InputOffset()
		t, err := d.Token()
		if err != nil {
			return before
		}
		top := &stack[len(stack)-1]
		switch {
		case t == json.Delim('}') || t == json.Delim(']'):
			stack = stack[:len(stack)-1]
		case top.object && !top.value:
			before = append(before, start)
			top.value = true
		default:
			top.value = false
			if t == json.Delim('{') || t == json.Delim('[') {
				stack = append(stack, frame{object: t == json.Delim('{')})
			}
		}
	}
}
