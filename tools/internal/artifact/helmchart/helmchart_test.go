package helmchart

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// chart returns an archive of files: name, content, name, content.
func chart(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for i := 0; i < len(files); i += 2 {
		h := &tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))}
		if strings.HasPrefix(files[i+1], "-> ") {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, files[i+1][3:], 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(files[i+1])); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRead(t *testing.T) {
	const good = "name: web\nversion: 1.2.0\n"
	for _, tt := range []struct {
		name  string
		files []string
		want  string // Metadata as JSON, or after ! an error
	}{
		{"small", []string{"web/Chart.yaml", good}, `{"name":"web","version":"1.2.0"}`},
		{"dotted path", []string{"./web/values.yaml", "", "./web/Chart.yaml", good}, `{"name":"web","version":"1.2.0"}`},
		{"subchart first", []string{"web/charts/sub/Chart.yaml", "name: sub\nversion: 0.1.0\n", "web/Chart.yaml", good}, `{"name":"web","version":"1.2.0"}`},
		{"values", []string{"web/Chart.yaml", good + "appVersion: 1.10\ndeprecated: true\nx: 2024-02-29\nannotations: {a: true, b: 2}\nlist: [a, null]\n"},
			`{"annotations":{"a":"true","b":"2"},"appVersion":"1.10","deprecated":true,"list":["a",null],"name":"web","version":"1.2.0","x":"2024-02-29"}`},
		{"alias", []string{"web/Chart.yaml", good + "a: &a [x]\nb: *a\n"}, `{"a":["x"],"b":["x"],"name":"web","version":"1.2.0"}`},
		{"none", []string{"web/values.yaml", ""}, `!^chart has no file NAME/Chart.yaml$`},
		{"at the top", []string{"Chart.yaml", good, "../Chart.yaml", good}, `!has no file`},
		{"empty", []string{"web/Chart.yaml", ""}, `!parsing Chart.yaml: file is empty`},
		{"link", []string{"web/Chart.yaml", "-> /etc/passwd"}, `!is not a file`},
		{"large", []string{"web/Chart.yaml", strings.Repeat(" ", maxMetadata+1)}, `!is not a file of at most`},
		{"no map", []string{"web/Chart.yaml", "- a\n"}, `!want a map at the top level$`},
		{"no version", []string{"web/Chart.yaml", "name: web\n"}, `!version in Chart.yaml is "", want`},
		{"no semantic version", []string{"web/Chart.yaml", "name: web\nversion: one\n"}, `!version in Chart.yaml is "one"`},
		{"name", []string{"web/Chart.yaml", "name: ../web\nversion: 1.2.0\n"}, `!name in Chart.yaml is "../web"`},
		{"dots", []string{"web/Chart.yaml", "name: ..\nversion: 1.2.0\n"}, `!name in Chart.yaml is ".."`},
		{"two", []string{"web/Chart.yaml", good + "name: x\n"}, `!duplicate key|already defined`},
		{"documents", []string{"web/Chart.yaml", good + "---\n" + good}, `!parsing Chart.yaml:3: a second document starts here, want one`},
		{"merge", []string{"web/Chart.yaml", good + "a: &a {x: y}\nb: {<<: *a}\n"}, `!a key that is not a string`},
		{"bomb", []string{"web/Chart.yaml", good + bomb()}, `!more than 10000 keys`},
		{"own alias", []string{"web/Chart.yaml", good + "a: &a [*a]\n"}, `!more than|unknown anchor|contains itself`},
		{"deep", []string{"web/Chart.yaml", good + "a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100)}, `!deeper than 50`},
		{"binary", []string{"web/Chart.yaml", good + "a: !!binary aGk=\n"}, `!got a value of type "!!binary"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Read(bytes.NewReader(chart(t, tt.files...)))
			if want, ok := strings.CutPrefix(tt.want, "!"); ok {
				if err == nil || !regexp.MustCompile(want).MatchString(err.Error()) {
					t.Errorf("got %v, %v, want an error %q", c, err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(c.Metadata)
			if err != nil || string(got) != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func bomb() string {
	s := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 8 {
		s += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 10))
	}
	return s
}

// TestUnpacked reads charts that are small only when compressed.
func TestUnpacked(t *testing.T) {
	data := chart(t, "web/a", strings.Repeat("\x00", maxArchive+1), "web/Chart.yaml", "name: web\nversion: 1.2.0\n")
	if _, err := Read(bytes.NewReader(data)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v, want a limit", err)
	}
}

func FuzzRead(f *testing.F) {
	base := chart(f, "base/Chart.yaml", "name: base\nversion: 1.2.0\ndependencies: [{name: web, version: 1.x}]\n")
	f.Add(chart(f, "web/Chart.yaml", "name: web\nversion: 1.2.0\n", "web/charts/base.tgz", string(base), "web/charts/c/Chart.yaml", "name: c\nversion: 0.0.1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := Read(bytes.NewReader(data)); err == nil {
			if _, err := json.Marshal(c.Metadata); err != nil {
				t.Error(err)
			}
		}
		left := int64(maxMetadata)
		if charts, err := readTree(bytes.NewReader(data), &left, 0); err == nil {
			_ = charts.checkCycles()
		}
	})
}
