package strictyaml

import (
	"strings"
	"testing"
)

func TestAny(t *testing.T) {
	for _, tt := range []struct{ name, data, want string }{
		{"what strict YAML refuses", "\ufeffa: &a [!!str 1, *a]\r\n\"b\":\tc\r\nb: *a\r\n", ""},
		{"nothing", "# x\n", "f.yaml: file is empty"},
		{"size", strings.Repeat("#", 1001), "f.yaml: file has 1001 bytes, want at most 1000"},
		{"entries", "a:\n" + strings.Repeat("- ", 120) + "x\n", "f.yaml:2:199: more than 100 entries"},
		{"entries in a comment of another line end", "#\r" + strings.Repeat("- ", 120), "f.yaml:1:203: more than 100 entries"},
		{"documents", "a: b\n---\na: b\n", "f.yaml:2: a second document starts here, want one"},
		{"not UTF-8", "a: b\nb: \xff\n", "f.yaml:2: byte 0xff is not UTF-8"},
		{"syntax", "a: b\nc: [\n", "f.yaml:2: invalid YAML: "},
		{"a long name", "a: *" + strings.Repeat("x", 900) + "\n", "f.yaml: invalid YAML: unknown anchor 'xxx"},
		// https://github.com/go-yaml/yaml/issues/666
		{"panic", "#\n  - C\nD:\n-\n? - ? - - ? -\n  - ? - : a", "f.yaml"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root, err := Any("f.yaml", []byte(tt.data), Limits{Size: 1000, Entries: 100})
			switch {
			case tt.want == "" && (err != nil || root == nil):
				t.Errorf("got %v", err)
			case tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want) || len(err.Error()) > 300):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// FuzzAny: whatever is read has one root.
func FuzzAny(f *testing.F) {
	for _, seed := range []string{"a: &a [*a]\n", "- - - a\n", "\ufeffa:\r  - b\r", "? a\n: b\n", "%YAML 1.2\n--- |\n x\n", "a: 'b''c'\n", "{a: [b, \"\\e\"]}\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		root, err := Any("f.yaml", data, Limits{Size: 1 << 16, Entries: 1000})
		if err == nil && root == nil || err != nil && (len(err.Error()) > 1000 || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' })) {
			t.Errorf("got %v, %q", root, err)
		}
	})
}

// FuzzLoad: strict YAML is read or refused, with the file's name.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{"a: b\n", "a: [b, c]\n", "a: {b: c}\n", "- |\n  x\n", "a: \"b\" # c\n", "a: 'b'", "? a\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := New("f.yaml", "a mapping")
		root := p.Load(data)
		if err := p.Err(); (root == nil) != (err != nil) || err != nil && !strings.HasPrefix(err.Error(), "f.yaml:") {
			t.Errorf("got %v, %v", root, err)
		}
	})
}
