// Package jsonfile reads and writes the canonical JSON documents that the stages of a
// release pass to each other.
//
// Canonical means: two-space indent, one line feed at the end, object keys in
// the order of the Go struct or sorted for a map, no HTML escapes. The same
// value gives the same bytes.
package jsonfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// MaxSize is the largest document, in bytes, that Read accepts.
const MaxSize = 32 << 20

// Bounds on memory and time. Three bytes of JSON can become a large struct, and finding
// the line of an unknown field parses the document many times.
const (
	maxTokens     = 500_000 // keys, values, and both ends of objects and arrays
	maxSearchSize = 4 << 20 // bytes
)

// Marshal returns the canonical JSON of v.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Unmarshal parses one JSON document into v. It refuses unknown fields, duplicate object
// keys (keys that differ only in case are duplicates), strings that are not UTF-8, more
// than half a million keys and values, and anything after the document. An error names
// the line, except for an unknown field in a large document.
func Unmarshal(data []byte, v any) error {
	if len(data) > MaxSize {
		return fmt.Errorf("document has %d bytes, want at most %d", len(data), MaxSize)
	}
	if !utf8.Valid(data) {
		return notUTF8(data)
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, new(struct{})); errors.As(err, &syntax) {
		return atLine(data, syntax.Offset-1, err)
	}
	keys, err := checkKeys(data)
	if err != nil {
		return err
	}
	err = decode(data, v)
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return atLine(data, wrong.Offset, err)
	}
	switch {
	case err == nil:
		return nil
	case len(data) > maxSearchSize:
		return fmt.Errorf(" %w", err)
	}
	return atLine(data, place(data, keys, v), err)
}

// notUTF8 returns the error for a document that is not UTF-8. It shows the string with the
// first bad byte.
func notUTF8(data []byte) error {
	bad := 0
	for r, size := utf8.DecodeRune(data); r != utf8.RuneError || size != 1; r, size = utf8.DecodeRune(data[bad:]) {
		bad += size
	}
	start := bytes.LastIndexByte(data[:bad], '"') + 1
	end := bad + bytes.IndexByte(data[bad:], '"')
	if end < bad {
		end = len(data)
	}
	return atLine(data, int64(bad), fmt.Errorf("%q is not UTF-8", data[start:end]))
}

func decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// Read parses the named file as Unmarshal does.
func Read(name string, v any) error {
	data, err := fileio.ReadLimited(name, MaxSize)
	if err != nil {
		return err
	}
	if err := Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s:%w", name, err)
	}
	return nil
}

// Write replaces the named file with the canonical JSON of v, atomically.
func Write(name string, v any) error {
	data, err := Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %q: %w", name, err)
	}
	return fileio.WriteFile(name, data, 0o644)
}

// checkKeys refuses duplicate keys in the objects of a valid document. It returns the
// offsets at which the text before each key ends.
func checkKeys(data []byte) (before []int64, err error) {
	type frame struct {
		keys map[string]bool // nil for an array
		next bool            // the next token is a key
	}
	stack := []frame{{}}
	d := json.NewDecoder(bytes.NewReader(data))
	for n := 0; ; n++ {
		start := d.InputOffset()
		t, err := d.Token()
		if err != nil {
			return before, nil // the end
		}
		if n == maxTokens {
			return nil, atLine(data, start, fmt.Errorf("document has more than %d keys and values", maxTokens))
		}
		top := &stack[len(stack)-1]
		switch {
		case t == json.Delim('}') || t == json.Delim(']'):
			stack = stack[:len(stack)-1]
		case top.next:
			key := t.(string)
			if top.keys[fold(key)] {
				return nil, atLine(data, d.InputOffset(), fmt.Errorf("duplicate key %q in an object", key))
			}
			top.keys[fold(key)], top.next = true, false
			before = append(before, start)
		default:
			top.next = top.keys != nil
			if t == json.Delim('{') {
				stack = append(stack, frame{map[string]bool{}, true})
			} else if t == json.Delim('[') {
				stack = append(stack, frame{})
			}
		}
	}
}

// fold returns the same form for all keys that encoding/json matches to the same field.
func fold(key string) string {
	return strings.Map(func(r rune) rune {
		for next := unicode.SimpleFold(r); ; next = unicode.SimpleFold(r) {
			if next <= r {
				return next
			}
			r = next
		}
	}, key)
}

// place returns the offset of the key that made decoding into v fail: the first one with
// which the document, cut off after it, cannot be decoded.
func place(data []byte, before []int64, v any) int64 {
	n := sort.Search(len(before), func(i int) bool {
		return decode(closed(data[:before[i]]), reflect.New(reflect.TypeOf(v).Elem()).Interface()) != nil
	})
	if n == 0 {
		return 0
	}
	start := before[n-1]
	return start + int64(bytes.IndexByte(data[start:], '"'))
}

// closed appends the brackets that are open at the end of the first part of a document.
func closed(part []byte) []byte {
	var open []byte
	d := json.NewDecoder(bytes.NewReader(part))
	for {
		t, err := d.Token()
		if err != nil {
			break // the end
		}
		switch t {
		case json.Delim('{'):
			open = append(open, '}')
		case json.Delim('['):
			open = append(open, ']')
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
	}
	slices.Reverse(open)
	return slices.Concat(part, open)
}

func atLine(data []byte, offset int64, err error) error {
	offset = min(max(offset, 0), int64(len(data)))
	return fmt.Errorf("%d: %w", 1+bytes.Count(data[:offset], []byte("\n")), err)
}
