package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxJSONDepth is the depth up to which values are compared one by one.
const maxJSONDepth = 64

// json notes each value that differs. It returns false if there is none, or if one side is not
// a JSON document.
func (e *explainer) json(member string, old, new []byte) bool {
	a, errA := decodeJSON(old)
	b, errB := decodeJSON(new)
	if errA != nil || errB != nil {
		return false
	}
	before := e.out.count
	w := &jsonWalk{e, member}
	w.value("", a, b, 0)
	return e.out.count > before
}

// jsonForm notes how the form of two documents with equal values differs. It returns false if
// one is not a JSON document, or if duplicate keys differ.
func (e *explainer) jsonForm(member string, old, new []byte) bool {
	var a, b bytes.Buffer
	if json.Compact(&a, old) != nil || json.Compact(&b, new) != nil {
		return false
	}
	f := finding{member: member, what: "spaces", old: string(old), new: string(new)}
	if a.String() != b.String() {
		if a.Len() != b.Len() {
			return false
		}
		f.what, f.old, f.new = "order", a.String(), b.String()
	}
	f.showText()
	e.note(f)
	return true
}

func decodeJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one document")
	}
	return v, nil
}

type jsonWalk struct {
	e      *explainer
	member string
}

func (w *jsonWalk) value(path string, old, new any, depth int) {
	x, y := compact(old), compact(new)
	if x == y {
		return
	}
	if depth < maxJSONDepth {
		switch a := old.(type) {
		case map[string]any:
			if b, ok := new.(map[string]any); ok {
				w.object(path, a, b, depth)
				return
			}
		case []any:
			if b, ok := new.([]any); ok {
				w.array(path, a, b, depth)
				return
			}
		}
	}
	w.note(path, text(old), text(new))
}

func (w *jsonWalk) note(path, old, new string) {
	if path == "" {
		path = "."
	}
	f := finding{member: w.member, what: "JSON path " + printable(path), key: path, old: old, new: new}
	f.showText()
	w.e.note(f)
}

func (w *jsonWalk) object(path string, old, new map[string]any, depth int) {
	keys := slices.Collect(maps.Keys(old))
	for k := range new {
		if _, ok := old[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		child := path + jsonKey(k)
		a, inOld := old[k]
		b, inNew := new[k]
		switch {
		case inOld && inNew:
			w.value(child, a, b, depth+1)
		case inOld:
			w.note(child, text(a), "")
		default:
			w.note(child, "", text(b))
		}
	}
}

func jsonKey(k string) string {
	plain := strings.IndexFunc(k, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) < 0
	if plain && k != "" {
		return "." + k
	}
	return "[" + strconv.Quote(limited(k, 100)) + "]"
}

// array compares the elements between the common prefix and the common suffix.
func (w *jsonWalk) array(path string, old, new []any, depth int) {
	x, y := compacts(old), compacts(new)
	if slices.Equal(slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y))) {
		i := 0
		for x[i] == y[i] {
			i++
		}
		w.e.note(finding{
			member: w.member, what: "order", key: path, sorted: [2]string{orderOf(x), orderOf(y)},
			old: printable(fmt.Sprintf("%s[%d] is %s", path, i, x[i])), new: printable(fmt.Sprintf("%s[%d] is %s", path, i, y[i])),
		})
		return
	}
	start, end := 0, 0
	for len(x) != len(y) && start < min(len(x), len(y)) && x[start] == y[start] {
		start++
	}
	for len(x) != len(y) && end < min(len(x), len(y))-start && x[len(x)-1-end] == y[len(y)-1-end] {
		end++
	}
	a, b := old[start:len(old)-end], new[start:len(new)-end]
	for i := range max(len(a), len(b)) {
		child := fmt.Sprintf("%s[%d]", path, start+i)
		switch {
		case i >= len(b):
			w.note(child, text(a[i]), "")
		case i >= len(a):
			w.note(child, "", text(b[i]))
		default:
			w.value(child, a[i], b[i], depth+1)
		}
	}
}

func compacts(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = compact(v)
	}
	return out
}

// compact returns a value as JSON with sorted keys and without spaces.
func compact(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return "" // it was decoded from JSON
	}
	return string(data)
}

// text returns a string unchanged, and anything else as JSON.
func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return compact(v)
}
