// Package jsonfile reads and writes the canonical JSON documents that the
// stages of a release hand to each other, and replaces files atomically.
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
	"io"
	"os"
	"path/filepath"
)

// MaxSize is the largest document, in bytes, that Read accepts.
const MaxSize = 64 << 20

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

// Unmarshal parses one JSON document into v. It refuses unknown fields,
// repeated object keys and anything after the document; an error names the line.
func Unmarshal(data []byte, v any) error {
	if len(data) > MaxSize {
		return fmt.Errorf("document has %d bytes, want at most %d", len(data), MaxSize)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := checkKeys(d); err != nil {
		return atLine(data, d.InputOffset(), err)
	}
	d = json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return atLine(data, d.InputOffset(), err)
	}
	return nil
}

// Read parses the named file as Unmarshal does.
func Read(name string, v any) error {
	data, err := ReadLimited(name, MaxSize)
	if err != nil {
		return err
	}
	if err := Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s:%w", name, err)
	}
	return nil
}

// ReadLimited returns the content of the named file, or an error if it has
// more than limit bytes.
func ReadLimited(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("reading %q: file has more than %d bytes", name, limit)
	}
	return data, nil
}

// Write replaces the named file with the canonical JSON of v, atomically.
func Write(name string, v any) error {
	data, err := Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %q: %w", name, err)
	}
	return WriteFile(name, data, 0o644)
}

// WriteFile replaces the named file atomically: it writes a temporary file in
// the same directory, syncs it, and renames it. A crash leaves the old file or
// the new one.
func WriteFile(name string, data []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %q: %w", name, errors.Join(err, f.Close(), os.Remove(f.Name())))
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Chmod(mode); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), name); err != nil {
		return err
	}
	return f.Close()
}

// checkKeys reads all tokens of one document and refuses a key that stands
// twice in an object, and any data after the document.
func checkKeys(d *json.Decoder) error {
	type frame struct {
		keys map[string]bool // nil for an array
		next bool            // the next token is a key
	}
	var stack []frame
	for first := true; first || len(stack) > 0; first = false {
		t, err := d.Token()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		top := len(stack) - 1
		switch t {
		case json.Delim('{'):
			if top >= 0 {
				stack[top].next = true
			}
			stack = append(stack, frame{keys: map[string]bool{}, next: true})
			continue
		case json.Delim('['):
			if top >= 0 {
				stack[top].next = true
			}
			stack = append(stack, frame{})
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
			continue
		}
		if top < 0 || stack[top].keys == nil {
			continue
		}
		if f := &stack[top]; f.next {
			key := t.(string)
			if f.keys[key] {
				return fmt.Errorf("key %q stands twice in one object", key)
			}
			f.keys[key] = true
			f.next = false
		} else {
			f.next = true
		}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("data after the end of the document")
	}
	return nil
}

func atLine(data []byte, offset int64, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset = syntax.Offset
	}
	offset = min(max(offset, 0), int64(len(data)))
	return fmt.Errorf("%d: %w", 1+bytes.Count(data[:offset], []byte("\n")), err)
}
