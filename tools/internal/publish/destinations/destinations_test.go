package destinations

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// place returns a place with values at keys.
func place(key string, values ...any) profile.Place {
	p := profile.Place{Key: key, Single: key == "tags" || key == "github"}
	for i := 0; i < len(values); i += 2 {
		switch value := values[i+1].(type) {
		case string:
			p = p.WithText(values[i].(string), value)
		case []string:
			p = p.WithList(values[i].(string), value)
		case bool:
			p.Values = append(p.Values, profile.Value{Key: values[i].(string), Value: value})
		}
	}
	return p
}

// full is a profile with some of each kind.
func full() profile.Profile {
	return profile.Profile{
		Name: "stage", Aliases: map[string]string{"{major}.{minor}": "highest", "latest": "stable"},
		Places: []profile.Place{
			place("buckets", "url", "file://{state}/bucket", "aliases", []string{"{version}-alias", "{major}.{minor}"}),
			place("buckets", "url", "file://{state}/second"),
			place("registries", "hub", "file://{state}/registry", "tags", []string{"{version}", "latest", "{major}.{minor}"}),
			place("charts", "bucket", "file://{state}/charts"),
			place("charts", "hub", "file://{state}/charthub", "tags", []string{"v{major}", "{commit}"}),
			place("tags", "url", "file://{state}/git/{name}.git", "tagger", "A <a@b.example>"),
			place("github", "dir", "{state}/github", "title", "Demo {version}"),
		},
	}
}

func TestOpen(t *testing.T) {
	state := t.TempDir()
	for _, tt := range []struct{ only, want []string }{
		{nil, []string{"registry", "charts", "charts-2", "bucket", "bucket-2", "tags", "github"}},
		{[]string{"bucket"}, []string{"bucket", "bucket-2"}},
		{[]string{"github", "charts"}, []string{"charts", "charts-2", "github"}},
	} {
		tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{}))
		all, err := Open(t.Context(), Args{Profile: expanded(t, state, tree), Tree: tree, Only: tt.only, Env: none})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, d := range all {
			names = append(names, d.Name())
		}
		if !slices.Equal(names, tt.want) {
			t.Errorf("only %q: got %q, want %q", tt.only, names, tt.want)
		}
	}
	if entries, err := os.ReadDir(state); err != nil || len(entries) > 0 {
		t.Errorf("opening left %v, %v", entries, err)
	}
	_, err := Open(t.Context(), Args{Profile: profile.Profile{Name: "x"}, Only: []string{"tags"}, Env: none})
	if want := `profile "x" has no destinations of tags`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestOpenErrors wants all that is wrong at once.
func TestOpenErrors(t *testing.T) {
	p := profile.Profile{Places: []profile.Place{place("buckets", "url", "ftp://a"), place("buckets", "url", "file://relative"), place("github", "owner", "me")}}
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{}))
	_, err := Open(t.Context(), Args{Profile: p, Tree: tree, Env: none})
	for _, want := range []string{"bucket: ", "bucket-2: ", "github: no token for GitHub"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		file, github, gh string
		want, error      string
	}{
		{"from-file\n", "from-github", "from-gh", "from-file", ""},
		{"", "from-github", "from-gh", "from-gh", ""},
		{"", "from-github", "", "from-github", ""},
		{"", "", " from-gh\n", "from-gh", ""},
		{"", "", "", "", "no token for GitHub"},
		{"two words", "", "", "", "got several words, want one"},
		{"\n", "x", "", "", "is empty"},
	} {
		a := Args{Env: func(name string) string { return map[string]string{"GITHUB_TOKEN": tt.github, "GH_TOKEN": tt.gh}[name] }, Log: func(string, ...any) {}}
		a.Tree = releasetest.Open(t, releasetest.Make(t, releasetest.Args{}))
		if tt.file != "" {
			write(tt.file)
			a.TokenFile = file
		}
		got, err := a.token()
		if got != tt.want || (err == nil) != (tt.error == "") || err != nil && !strings.Contains(err.Error(), tt.error) {
			t.Errorf("%+v: got %q, %v", tt, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "two words") {
			t.Errorf("got %v, which shows the file's content", err)
		}
	}
}

// TestTokenVariable reads tokens from the variables that flags name.
func TestTokenVariable(t *testing.T) {
	a := Args{Env: func(name string) string { return map[string]string{"MINE": "mine\n", "GH_TOKEN": "gh"}[name] }, TokenFile: "env://MINE"}
	if got, err := a.token(); got != "mine" || err != nil {
		t.Errorf("got %q, %v, want that of MINE", got, err)
	}
	a.TokenFile = "env://NONE"
	if got, err := a.token(); err == nil || got != "" {
		t.Errorf("got %q, %v, want an error", got, err)
	}
	if got := tokenFile("env://MINE") + tokenFile("file"); got != "file" {
		t.Errorf("got %q, want the file", got)
	}
}

// TestWarnings checks that files with credentials are looked at, of the services
// that are used, and what is said of those that others can read.
func TestWarnings(t *testing.T) {
	home := t.TempDir()
	names := []string{".docker/config.json", ".config/gcloud/application_default_credentials.json", ".aws/credentials"}
	for _, name := range names {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(home, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, name), []byte("{}"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	var said []string
	a := &Args{
		Env: func(name string) string { return map[string]string{"HOME": home}[name] },
		Log: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) },
	}
	warn := func(kind Kind, p profile.Place) { a.warnReadable(kind.Credentials(a, p)) }
	warn(registries(), place("registries", "hub", "registry.example/x"))
	warn(registries(), place("registries", "hub", "file:///x"))
	warn(buckets(), place("buckets", "url", "gs://x"))
	warn(charts(), place("charts", "bucket", "s3://x"))
	warn(buckets(), place("buckets", "url", "file:///x"))
	var want []string
	for _, name := range names {
		file := filepath.Join(home, name)
		want = append(want, fmt.Sprintf("warning: %s has credentials and other users can read it: run chmod 600 %s", file, file))
	}
	if !slices.Equal(said, want) {
		t.Errorf("got %q, want %q", said, want)
	}
	for _, name := range names {
		if err := os.Chmod(filepath.Join(home, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	said = nil
	warn(charts(), place("charts", "hub", "registry.example/x"))
	warn(buckets(), place("buckets", "url", "gs://x"))
	if len(said) > 0 {
		t.Errorf("private files: got %q", said)
	}
}

func TestSource(t *testing.T) {
	if _, err := Source(t.Context(), &publish.Receipt{}, nil); err == nil || !strings.Contains(err.Error(), "the receipt has no bucket") {
		t.Errorf("got %v", err)
	}
}

func none(string) string { return "" }
