package yamledit

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestApply(t *testing.T) {
	for _, tt := range []struct {
		name, in, path, value, want string // want: the file, or after ! an error
	}{
		{"plain", "a: b # c\n", "a", "x", "a: x # c\n"},
		{"double", "a: \"b\\\"c\"  # c\n", "a", `x"y`, "a: \"x\\\"y\"  # c\n"},
		{"single", "a: 'it''s'\n", "a", "x's", "a: 'x''s'\n"},
		{"nested", "# head\nglobal:\n    # hub\n    hub:    docker.io/a   # why\n\n    tag: x\n", "global.hub", "r.example/b", "# head\nglobal:\n    # hub\n    hub:    r.example/b   # why\n\n    tag: x\n"},
		{"lines of Windows", "a:\r\n  b: c\r\nd: e\r\n", "a.b", "x", "a:\r\n  b: x\r\nd: e\r\n"},
		{"old lines of Apple", "a: b\rc: d\r", "c", "x", "a: b\rc: x\r"},
		{"byte order mark", "\ufeffa: b\n", "a", "x", "\ufeffa: x\n"},
		{"other letters", "ä: {ö: ü, π: b}\n", "ä.π", "x", "ä: {ö: ü, π: x}\n"},
		{"tabs", "a:\tb\t# c\n", "a", "x", "a:\tx\t# c\n"},
		{"no end of line", "a: b", "a", "x", "a: x"},
		{"nothing", "a:\nb: c\n", "a", "x", "a: x\nb: c\n"},
		{"nothing but a comment", "a:  # why\nb: c\n", "a", "x", "a: x  # why\nb: c\n"},
		{"null", "a: ~\n", "a", "x", "a: x\n"},
		{"empty string", "a: \"\"\n", "a", "x", "a: \"x\"\n"},
		{"flow", "{\"a\": [b, {c: d}]}\n", "a.1.c", "x", "{\"a\": [b, {c: x}]}\n"},
		{"list", "a:\n- b\n- c\n", "a.1", "x", "a:\n- b\n- x\n"},
		{"dot in a key", "a.b:\n  c\\d: e\n", `a\.b.c\\d`, "x", "a.b:\n  c\\d: x\n"},
		{"a version that is a number", "a: latest\n", "a", "1.30", "a: \"1.30\"\n"},
		{"a commit that is a number", "a: latest\n", "a", "12e4567", "a: \"12e4567\"\n"},
		{"yes", "a: latest\n", "a", "yes", "a: \"yes\"\n"},
		{"colon", "a: b\n", "a", "c: d", "a: \"c: d\"\n"},
		{"number stays one", "a: 1\n", "a", "2", "a: 2\n"},
		{"boolean stays one", "a: true\n", "a", "false", "a: false\n"},
		{"text for a number", "a: 1.0\n", "a", "1.2.3", "a: 1.2.3\n"},
		{"control", "a: b\n", "a", "x\ny", "a: \"x\\U0000000ay\"\n"},
		{"document", "---\na: b\n...\n", "a", "x", "---\na: x\n...\n"},
		{"no key", "a: {b: c, d: e}\n", "a.x", "y", `!f.yaml:1: a.x: no key "x" at a: there is "b", "d"`},
		{"no key at the top", "# c\n\na: b\nb: c\n", "x", "y", `!f.yaml:3: x: no key "x" at the top: there is "a", "b"`},
		{"key of a value", "a: b\n", "a.b", "y", `!f.yaml:1: a.b: no key "b" at a: there is the value "b"`},
		{"position", "a: [b]\n", "a.1", "y", `!f.yaml:1: a.1: no "1" at a: there is a list of 1`},
		{"map", "a:\n  b: c\n", "a", "y", `!f.yaml:2: a: got a map with "b", want a single value: a path that goes on, such as a.b`},
		{"list of values", "a: [b]\n", "a", "y", `!f.yaml:1: a: got a list, want a single value`},
		{"alias", "a: &x b\nc: *x\n", "c", "y", `!f.yaml:2: c: got the alias *x, want a value of its own`},
		{"anchor", "a: &x b\nc: *x\n", "a", "y", `!f.yaml:1: a: got the anchor &x, want a value that nothing else uses`},
		{"anchor above", "a: &x {b: c}\nd: *x\n", "a.b", "y", `!f.yaml:1: a.b: got the anchor &x`},
		{"merged", "a: &x {b: c}\nd:\n  <<: *x\n", "d.b", "y", `!f.yaml:3: d.b: no key "b" at d: there is "<<"`},
		{"duplicate", "a: b\nc: d\na: e\n", "a", "y", `!f.yaml:3: a: duplicate key "a", first on line 1`},
		{"tag", "a: !!str b\n", "a", "y", `!f.yaml:1: a: got a value with the tag !!str, want one without`},
		{"block", "a: |\n  b\n", "a", "y", `!f.yaml:1: a: got a block of text, want a value on one line`},
		{"lines", "a: b\n  c\n", "a", "y", `!f.yaml:1: a: got a value on several lines, want one line`},
		{"quoted lines", "a: \"b\n  c\"\n", "a", "y", `!f.yaml:1: a: got a value on several lines, want one line`},
		{"documents", "a: b\n---\na: b\n", "a", "y", `!f.yaml:2: a second document starts here, want one`},
		{"empty", "# nothing\n", "a", "y", `!f.yaml: file is empty`},
		{"empty path", "a: b\n", "a..b", "y", `!f.yaml:1: a..b: want keys separated by dots`},
		{"not UTF-8", "a: \xff\n", "a", "y", `!f.yaml:1: byte 0xff is not UTF-8`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Apply("f.yaml", []byte(tt.in), []Edit{{tt.path, tt.value}})
			if want, ok := strings.CutPrefix(tt.want, "!"); ok {
				if err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("got %q, %v, want error %s", got, err, want)
				}
				return
			}
			if err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestSeveral sets values in any order, and reports all that is wrong.
func TestSeveral(t *testing.T) {
	const in = "# Charts\n_internal_defaults_do_not_set:\n  # the hub\n  global:\n    hub: gcr.io/testing  # not shipped\n    tag: latest\n  hub: \"\"\n"
	want := strings.NewReplacer("gcr.io/testing", "r.example/istio", "latest", "1.31.0", `""`, `"r.example/istio"`).Replace(in)
	edits := []Edit{
		{"_internal_defaults_do_not_set.hub", "r.example/istio"},
		{"_internal_defaults_do_not_set.global.tag", "1.31.0"},
		{"_internal_defaults_do_not_set.global.hub", "r.example/istio"},
	}
	got, err := Apply("values.yaml", []byte(in), edits)
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	_, err = Apply("values.yaml", []byte(in), append(edits, edits[0], Edit{"tag", "x"}))
	if err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.Contains(err.Error(), "duplicate edit") {
		t.Errorf("got %v, want two errors", err)
	}
}

// FuzzApply edits files of any form: an edit is refused, or changes one value and nothing
// else.
func FuzzApply(f *testing.F) {
	f.Add("a: b # c\n", "a", "x")
	f.Add("a:\r\n  b: [c, {d: 'e'}]\r\n", "a.b.1.d", "x'")
	f.Add("\ufeffä: \"b\" # c\n", "ä", "1.30")
	f.Add("{a:, b: c}", "a", "x")
	f.Add("? a\n: b\n", "a", "yes")
	f.Fuzz(func(t *testing.T, in, path, value string) {
		out, err := Apply("f", []byte(in), []Edit{{path, value}})
		if err != nil {
			return
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(out, &doc); err != nil {
			t.Fatalf("got %q: %v", out, err)
		}
		n, err := find(doc.Content[0], path)
		if err != nil || n.Value != value {
			t.Fatalf("got %q with %+v, %v, want %q", out, n, err, value)
		}
		again, err := Apply("f", out, []Edit{{path, value}})
		if err != nil || string(again) != string(out) {
			t.Errorf("again: got %q, %v, want %q", again, err, out)
		}
	})
}
