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
	if !json.Valid(data) {
		err := json.Unmarshal(data, new(struct{}))
		if errors.As(err, &syntax) {
			err = atLine(data, syntax.Offset-1, err)
		}
		return err
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
		next bool            // the next string is a key
	}
	stack := []frame{{}}
	ended := 0 // the end of the last token that is no comma or colon
	for i, n := 0, 0; i < len(data); {
		top := &stack[len(stack)-1]
		start := i
		switch data[i] {
		case ' ', '\t', '\r', '\n', ':':
			i++
			continue
		case ',':
			top.next = top.keys != nil
			i++
			continue
		case '{':
			stack = append(stack, frame{map[string]bool{}, true})
			i++
		case '[':
			stack = append(stack, frame{})
			i++
		case '}', ']':
			stack = stack[:len(stack)-1]
			i++
		case '"':
			i += stringSize(data[i:])
		default: // a number, true, false or null
			if i = bytes.IndexAny(data[start:], ",]} \t\r\n"); i < 0 {
				i = len(data) - start
			}
			i += start
		}
		if n++; n > maxTokens {
			return nil, atLine(data, int64(ended), fmt.Errorf("document has more than %d keys and values", maxTokens))
		}
		if data[start] == '"' && top.next {
			key := unquote(data[start:i])
			if top.keys[fold(key)] {
				return nil, atLine(data, int64(i), fmt.Errorf("duplicate key %q in an object", key))
			}
			top.keys[fold(key)], top.next = true, false
			before = append(before, int64(ended))
		}
		ended = i
	}
	return before, nil
}

// stringSize returns the number of bytes of the string that a valid document begins with, with
// both quotes.
func stringSize(data []byte) int {
	for i := 1; ; i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// unquote returns the value of a valid string.
func unquote(s []byte) (v string) {
	if !bytes.Contains(s, []byte{'\\'}) {
		return string(s[1 : len(s)-1])
	}
	_ = json.Unmarshal(s, &v) // the document is valid
	return v
}

// fold returns the same form for all keys that encoding/json matches to the same field.
func fold(key string) string {
	if !strings.ContainsFunc(key, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return strings.ToUpper(key)
	}
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
