package depsfile

import (
	"strings"
	"testing"
)

// sample has the form of istio.deps.
const sample = `[
  {"_comment": "", "name": "PROXY_REPO_SHA", "repoName": "proxy", "file": "", "lastStableSHA": "11f5b1c1eb4c5a1d1d0b8d0e0a6e4c9f1d7a0d5e"},
  {"_comment": "", "name": "OLD", "repoName": "api", "file": "x", "lastStableSHA": "v1.4.1", "more": [1]},
  {"name": "AGAIN", "repoName": "api", "lastStableSHA": "v1.4.1"},
  {"name": "A", "repoName": "torn", "lastStableSHA": "v1"},
  {"name": "B", "repoName": "torn", "lastStableSHA": "v2"}
]`

func TestFind(t *testing.T) {
	f, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ repo, want, wantErr string }{
		{"proxy", "11f5b1c1eb4c5a1d1d0b8d0e0a6e4c9f1d7a0d5e", ""},
		{"api", "v1.4.1", ""},
		{"torn", "", `duplicate repoName "torn", with "v1" and "v2"`},
		{"none", "", `no entry with repoName "none", only proxy, api, api, torn, torn`},
	} {
		e, err := f.Find(tt.repo)
		if tt.wantErr != "" {
			if err == nil || err.Error() != tt.wantErr {
				t.Errorf("%s: got %v, want %q", tt.repo, err, tt.wantErr)
			}
			continue
		}
		if err != nil || e.LastStable != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.repo, e.LastStable, err, tt.want)
		}
	}
	if _, err := (File{}).Find("x"); err == nil || err.Error() != "it has no entries" {
		t.Errorf("empty: got %v", err)
	}
}

func TestParseErrors(t *testing.T) {
	entry := func(sha string) string { return `[{"repoName": "x", "lastStableSHA": "` + sha + `"}]` }
	for _, tt := range []struct{ name, data, want string }{
		{"no JSON", "", "parsing: unexpected end of JSON input"},
		{"object", "{}", "parsing: json: cannot unmarshal object"},
		{"number", `[{"repoName": 1}]`, "parsing: json: cannot unmarshal number"},
		{"deep", strings.Repeat("[", 100_000), "parsing: "},
		{"no repository", `[{"lastStableSHA": "v1"}]`, "entry 1 has no repoName"},
		{"no revision", entry(""), `entry "x": lastStableSHA: got "" (empty), want a commit or a tag`},
		{"option", entry("--upload-pack=touch"), "does not begin with a letter or digit"},
		{"refspec", entry("a:b"), "not a name that git allows"},
		{"traversal", entry("a/../b"), "not a name that git allows"},
		{"lock", entry("a.lock"), "not a name that git allows"},
		{"newline", entry(`a\nb`), "not printable ASCII"},
		{"long", entry(strings.Repeat("a", 201)), "more than 200 characters"},
		{"large", strings.Repeat(" ", MaxSize+1), "file has 1048577 bytes, want at most 1048576"},
	} {
		if f, err := Parse([]byte(tt.data)); f != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, %v, want %q", tt.name, f, err, tt.want)
		}
	}
}

// FuzzParse: whatever a file says, what Find returns can stand on git's command line.
func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add(`[{"repoName":"x","lastStableSHA":"-x"}]`)
	f.Add(`[{"repoName":"x","lastStableSHA":"a\u0000"}]`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, data string) {
		file, err := Parse([]byte(data))
		if err != nil {
			return
		}
		for _, e := range file {
			if e.LastStable == "" || e.LastStable[0] == '-' || strings.ContainsAny(e.LastStable, "\x00\n :") {
				t.Errorf("got revision %q", e.LastStable)
			}
		}
	})
}
