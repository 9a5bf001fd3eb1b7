package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

// fill repeats s up to size bytes.
func fill(s string, size int) string { return strings.Repeat(s, size/len(s)) }

// TestBytes parses files that are not plain text, or too large.
func TestBytes(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", "m: file is empty, want a mapping with version and dependencies"},
		{"blank", " \n\n  \n", "m: file is empty, want a mapping with version and dependencies"},
		{"marker", "---", "m: file is empty, want a mapping with version and dependencies"},
		{"no line feed", "version: 1\ndependencies:\n  ? a", `m:3:6: dependency "a": got nothing, want a mapping with git, localpath or module`},
		{"zero", "version: 1\x00\n", "m:1:11: control character U+0000, want text"},
		{"zeros", fill("\x00", 1000), "m:1:1: control character U+0000, want text"},
		{"byte order mark", "\ufeffversion: 1\n", "m:1:1: byte order mark, want plain UTF-8"},
		{"inner byte order mark", "version: \ufeff1\n", "m:1:10: byte order mark, want plain UTF-8"},
		{"UTF-16", "\xff\xfev\x00", "m:1:1: byte 0xff is not UTF-8"},
		{"Latin 1", "version: 1\n# \xe9t\xe9\n", "m:2:3: byte 0xe9 is not UTF-8"},
		{"surrogate", "a: \xed\xa0\x80", "m:1:4: byte 0xed is not UTF-8"},
		{"tab", "version:\t1\ndependencies:\n\ta:\n", "m:1:9: tab, want spaces\nm:3:1: tab, want spaces"},
		{"tab in a comment", "é: #\tx", "m:1:5: tab, want spaces"},
		{"escape", "a: \x1b[31m", "m:1:4: control character U+001B, want text"},
		{"delete", "a: \x7f", "m:1:4: control character U+007F, want text"},
		{"next line", "a: \u0085b", "m:1:4: control character U+0085, want text"},
		{"line separator", "a: \u2028b", "m:1:4: control character U+2028, want text"},
		{"direction", "a: b # \u202e", "m:1:8: control character U+202E, want text"},
		{"old Macintosh", "a: b\rc: d\r", "m:1:5: control character U+000D, want text"},
		{"noncharacter", "a: b\nc: \uffff", "m:2: invalid YAML: control characters are not allowed"},
		{"large", fill("#", MaxSize+1), "m: file has 1048577 bytes, want at most 1048576"},
		{"brackets", fill("[", 100_000), "m:1:65: brackets 65 deep, want at most 64"},
		{"braces", "a: " + fill("{a: ", 100_000), "m:1:260: brackets 65 deep, want at most 64"},
		{"mixed brackets", "é: " + fill("[{a: ", 100_000), "m:1:164: brackets 65 deep, want at most 64"},
		{"list", "a: [" + fill("b,", 100_000), "m:1:20002: more than 10000 entries, want a smaller file"},
		{"lines", fill("- a\n", 100_000), "m:10001:1: more than 10000 entries, want a smaller file"},
		{"nested lists", fill("- ", 100_000), "m:1:20001: more than 10000 entries, want a smaller file"},
		{"hidden list", "a: [\"\n# \"" + fill(",b", 100_000), "m:2:20000: more than 10000 entries, want a smaller file"},
	} {
		m, err := Parse("m", []byte(c.in))
		if m != nil || fmt.Sprint(err) != c.want {
			t.Errorf("%s:\ngot  %v\nwant %s", c.name, err, c.want)
		}
	}
}

// checkErrors checks the form of an error of Parse.
func checkErrors(t *testing.T, data []byte, err error) {
	t.Helper()
	if err == nil {
		return
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("got %#v, want joined errors", err)
	}
	lines := bytes.Count(data, []byte("\n")) + 1
	last := new(strictyaml.Error)
	for _, err := range joined.Unwrap() {
		var e *strictyaml.Error
		switch {
		case !errors.As(err, &e) || e.Msg == "" || strings.ContainsAny(e.Msg, "\n\r\x00\x1b") || !utf8.ValidString(e.Msg) || len(e.Msg) > 1000:
			t.Fatalf("got %#v, want one line of text", err)
		case e.Line > lines || e.Line < last.Line || e.Line == last.Line && e.Column != 0 && e.Column < last.Column:
			t.Fatalf("got %v after %v in a file of %d lines", e, last, lines)
		}
		last = e
	}
}

// TestDamaged parses the good manifests cut off after, without, and with two of each byte.
func TestDamaged(t *testing.T) {
	for _, name := range glob(t, "testdata/good/*.yaml") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range data {
			for _, in := range [][]byte{data[:i], slices.Delete(bytes.Clone(data), i, i+1), slices.Insert(bytes.Clone(data), i, data[i])} {
				m, err := Parse("m", in)
				checkErrors(t, in, err)
				if err == nil {
					checkRoundTrip(t, m)
				}
			}
		}
	}
}

// FuzzParse checks that Parse never panics, that its errors are lines with
// positions, and that Format keeps what parses.
func FuzzParse(f *testing.F) {
	for _, name := range glob(f, "testdata/good/*") {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, name := range glob(f, "testdata/bad/*.txtar") {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			if strings.HasSuffix(file.Name, ".yaml") {
				f.Add(file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse("m.yaml", data)
		if err != nil {
			checkErrors(t, data, err)
			return
		}
		checkRoundTrip(t, m)
		if p := m.Primary(); p == nil || p.Auto != "" {
			t.Errorf("primary: got %+v, want one without auto", p)
		}
		for _, d := range m.Dependencies {
			if _, ok := m.Find(d.From); d.From != "" && (!ok || d.From == d.Name || d.Auto == "") {
				t.Errorf("from: got %+v, want another dependency beside auto", d)
			}
		}
		for _, file := range m.Files {
			if (file.URL == "") == (len(file.URLs) == 0) {
				t.Errorf("file: got %+v, want one of url and urls", file)
			}
		}
		if again, err := Parse("m.yaml", data); err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("second time: got %+v, %v, want %+v", again, err, m)
		}
	})
}
