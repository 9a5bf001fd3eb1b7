package lock

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// sample returns a lock that uses every field.
func sample() *Lock {
	stamp := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	d := digest.FromBytes([]byte("manifest"))
	l := &Lock{
		Schema: Schema, Manifest: d, Version: "1.0.0", Product: "toolbox", Docker: "docker.io/x",
		Platforms: []string{"linux-amd64"}, Architectures: []string{"linux/amd64"}, Outputs: []string{"archive"}, SkipSBOM: true, Time: stamp,
		Licenses: &Licenses{Allow: []string{"MIT"}, Exceptions: []LicenseException{{Component: "example.com/c", License: "ISC", Why: "its README says so"}}},
		Dependencies: []Dependency{
			{Name: "a", Local: &Local{Path: "../a"}, Digest: string(d), Size: 1, Time: stamp, Why: "content of localpath"},
			{
				Name: "b", Primary: true, Module: &Module{Path: "example.com/b", Version: "v1.0.0"}, Digest: "h1:x", Size: 2, Time: stamp, Why: "version in manifest",
				GoModules: []GoModule{{Path: "example.com/c", Version: "v1.0.0", Sum: "h1:y", GoModSum: "h1:z"}},
			},
			{
				Name: "c", Digest: string(d), Size: 3, Time: stamp, Why: "branch main in manifest", Exclude: []string{"docs/**"},
				Git: &Git{
					URL: "https://example.com/c", Ref: "refs/heads/main", Commit: strings.Repeat("c0", 20),
					Submodules: []Submodule{{Path: "sub", Commit: strings.Repeat("5b", 20)}}, LFS: []string{"big.bin"},
				},
				GoRoots: []string{".", "cmd"}, GoTags: map[string][]string{"agent": {"agent", "grpcnotrace"}},
			},
			{Name: "d", Local: &Local{Path: "../d", Commit: strings.Repeat("d0", 32), Dirty: true}, Digest: string(d), Time: stamp, Why: "HEAD of localpath"},
		},
		Images: []Image{{
			Name: "app", Base: "example.com/base:1", Digest: d,
			Platforms: []ImagePlatform{{Platform: "linux/arm64", Digest: d, Size: 4}},
		}},
		Files: []File{
			{Name: "tool", Platform: "linux-amd64", URL: "https://example.com/amd64", Digest: d, Size: 5, Why: "url in manifest"},
			{Name: "tool", Platform: "linux-arm64", URL: "https://example.com/arm64", Digest: d, Size: 6, Why: "url in manifest"},
		},
		Toolchain: Toolchain{
			Bazel: "7.7.1", Go: GoSDK{Version: "1.26.8", Archives: map[string]Archive{"linux_amd64": {Sum: "h1:s", SHA256: d}}},
			RulesGo: GoModule{Path: "rules_go", Version: "v1.0.0", Sum: "h1:r"}, Gazelle: GoModule{Path: "gazelle", Version: "v1.0.0", Sum: "h1:g"},
		},
	}
	l.Seal()
	return l
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Lock)
		want   []string
	}{
		{"good", func(*Lock) {}, nil},
		{"only the primary", func(l *Lock) { l.Dependencies = l.Dependencies[1:] }, nil},
		{
			"other schema", func(l *Lock) { l.Schema, l.Manifest = "release-builder/lock/v2", "" },
			[]string{`schema: got "release-builder/lock/v2", want "release-builder/lock/v1"`},
		},
		{"no schema", func(l *Lock) { l.Schema = "" }, []string{`schema: got "", want "release-builder/lock/v1"`}},
		{
			"manifest", func(l *Lock) { l.Manifest = "sha256:ab" },
			[]string{`manifest: parsing digest "sha256:ab": want sha256: and 64 lower-case hexadecimal digits`},
		},
		{"order", func(l *Lock) { slices.Reverse(l.Dependencies) }, []string{"dependencies: not sorted by name"}},
		{"twice", func(l *Lock) { l.Dependencies[0].Name = "b" }, []string{`duplicate dependency "b"`}},
		{"no primary", func(l *Lock) { l.Dependencies[1].Primary = false }, []string{"dependencies: 0 are primary, want 1"}},
		{"two primaries", func(l *Lock) { l.Dependencies[0].Primary = true }, []string{"dependencies: 2 are primary, want 1"}},
		{"no dependencies", func(l *Lock) { l.Dependencies = nil }, []string{"dependencies: 0 are primary, want 1"}},
		{"no source", func(l *Lock) { l.Dependencies[0].Local = nil }, []string{`dependency "a": want exactly one of module, git and local`}},
		{
			"two sources", func(l *Lock) { l.Dependencies[0].Module = &Module{Path: "example.com/a", Version: "v1.0.0"} },
			[]string{`dependency "a": want exactly one of module, git and local`},
		},
		{"no digest", func(l *Lock) { l.Dependencies[1].Digest = "" }, []string{`dependency "b": no digest`}},
		{
			"everything", func(l *Lock) {
				l.Manifest, l.Dependencies = "", []Dependency{{Name: "z"}, {Name: "a"}, {Name: "a", Digest: "h1:x", Local: &Local{}}}
			},
			[]string{
				`manifest: parsing digest "": want sha256: and 64 lower-case hexadecimal digits`, "dependencies: not sorted by name",
				`dependency "z": want exactly one of module, git and local`, `dependency "a": want exactly one of module, git and local`,
				`duplicate dependency "a"`, `dependency "a": parsing digest "h1:x": want sha256: and 64 lower-case hexadecimal digits`,
				"dependencies: 0 are primary, want 1",
			},
		},
		{
			"commits", func(l *Lock) { l.Dependencies[0].Local.Commit, l.Dependencies[2].Git.Commit = "86c9f01", "HEAD" },
			[]string{
				`dependency "a": commit: got "86c9f01", want 40 or 64 lower-case hexadecimal digits`,
				`dependency "c": commit: got "HEAD", want 40 or 64 lower-case hexadecimal digits`,
			},
		},
		{
			"images", func(l *Lock) {
				l.Images = append(l.Images, Image{Name: "app", Digest: l.Manifest}, Image{Name: "no"})
				l.Images[0].Platforms[0].Digest = "sha256:"
			},
			[]string{
				`image "app": platform "linux/arm64": parsing digest "sha256:": want sha256: and 64 lower-case hexadecimal digits`,
				`image "app": images are not sorted by name, each once`, `image "app": no platforms`,
				`image "no": parsing digest "": want sha256: and 64 lower-case hexadecimal digits`,
			},
		},
		{
			"files", func(l *Lock) {
				l.Files = append(l.Files, l.Files[1], File{Name: "z"})
			},
			[]string{
				`file "tool": files are not sorted by name and platform, each once`,
				`file "z": parsing digest "": want sha256: and 64 lower-case hexadecimal digits`,
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := sample()
			tt.change(l)
			var got []string
			if err := l.Check(); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%q\nwant\n%q", got, tt.want)
			}
		})
	}
}

func TestRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock.json")
	if err := jsonfile.Write(name, sample()); err != nil {
		t.Fatal(err)
	}
	l, err := Read(name)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := jsonfile.Marshal(l); err != nil || !bytes.Equal(got, want) {
		t.Errorf("written again: got %v\n%s\nwant\n%s", err, got, want)
	}
}

var update = flag.Bool("update", false, "rewrite testdata")

// TestFormat: another form of the same lock would make every lock stale.
func TestFormat(t *testing.T) {
	got, err := jsonfile.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", "lock.golden"), got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filepath.Join("testdata", "lock.golden"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s\n(go test ./tools/internal/input/lock -update writes what it is now)", got, want)
	}
}

func TestReadErrors(t *testing.T) {
	good, err := jsonfile.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) string {
		t.Helper()
		if !strings.Contains(string(good), old) {
			t.Fatalf("the sample has no %q", old)
		}
		return strings.Replace(string(good), old, new, 1)
	}
	name := filepath.Join(t.TempDir(), "lock.json")
	seal := fmt.Sprintf(",\n      \"entry_digest\": %q", sample().Dependencies[0].EntryDigest)
	for _, tt := range []struct{ name, content, want string }{
		{"empty", "", "reading lock: " + name + ":1: unexpected end of JSON input"},
		{"conflict", replace("  \"product\"", "<<<<<<< HEAD\n  \"product\""), "reading lock: " + name + ":5: invalid character '<'"},
		{"unknown field", replace(`"product"`, `"produkt"`), "reading lock: " + name + `:5: json: unknown field "produkt"`},
		{"key twice", replace("  \"product\"", "  \"version\": \"2.0.0\",\n  \"product\""), "reading lock: " + name + `:5: duplicate key "version" in an object`},
		{"key twice in another case", replace("  \"product\"", "  \"Version\": \"2.0.0\",\n  \"product\""), "reading lock: " + name + `:5: duplicate key "Version" in an object`},
		{"two documents", string(good) + "{}\n", "after top-level value"},
		{"later schema", replace("lock/v1", "lock/v2"), "reading lock \"" + name + `": schema: got "release-builder/lock/v2"`},
		{"no digest", replace(`"h1:x"`, `""`), "reading lock \"" + name + `": dependency "b": no digest`},
		{"altered dependency", replace(`"v1.0.0"`, `"v1.0.1"`), `lock entry "b": digest of the entry: got sha256:`},
		{"altered image", replace("example.com/base:1", "example.com/base:2"), `lock entry "app": digest of the entry: got sha256:`},
		{"altered file", replace("example.com/arm64", "example.com/other"), `lock entry "tool linux-arm64": digest of the entry: got sha256:`},
		{"no seal", replace(seal, ""), "want none"},
		{"bad time", replace("2024-02-29T12", "2023-02-29T12"), "parsing time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(name, []byte(tt.content), 0o644); err != nil {
				t.Fatal(err)
			}
			l, err := Read(name)
			if l != nil || err == nil || !strings.HasPrefix(err.Error(), "reading lock") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v, want no lock and %q", l, err, tt.want)
			}
		})
	}
	if l, err := Read(name + ".none"); l != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: got %v, %v, want no lock and %v", l, err, fs.ErrNotExist)
	}
}

func TestFind(t *testing.T) {
	l := sample()
	d, ok := l.Find("b")
	if !ok || d != &l.Dependencies[1] {
		t.Errorf("got %v, %t, want the lock's own entry b", d, ok)
	}
	if d, ok := l.Find("z"); d != nil || ok {
		t.Errorf("got %v, %t, want nothing", d, ok)
	}
}

// TestSealEachByte: whichever byte of an entry is another, it is found: the lock
// cannot be read, or says both digests.
func TestSealEachByte(t *testing.T) {
	for _, entry := range []any{&sample().Dependencies[2], &sample().Images[0], &sample().Files[0]} {
		good, err := jsonfile.Marshal(entry)
		if err != nil {
			t.Fatal(err)
		}
		for i := range good {
			bad := bytes.Clone(good)
			bad[i] ^= 1
			switch e := entry.(type) {
			case *Dependency:
				err = altered(bad, new(Dependency))
			case *Image:
				err = altered(bad, new(Image))
			case *File:
				err = altered(bad, new(File))
			default:
				t.Fatalf("got %T", e)
			}
			if err == nil && !equalButSpace(good, bad) {
				t.Errorf("byte %d of\n%s\nis another, and nothing was said", i, bad)
			}
		}
	}
}

func altered(data []byte, entry interface{ CheckSeal() error }) error {
	if err := jsonfile.Unmarshal(data, entry); err != nil {
		return err
	}
	return entry.CheckSeal()
}

// equalButSpace reports whether two documents say the same in JSON.
func equalButSpace(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

func TestException(t *testing.T) {
	l := &Licenses{Exceptions: []LicenseException{{Component: "deb/..."}, {Component: "example.com/a"}, {Component: "example.com/b/..."}}}
	for name, want := range map[string]string{
		"example.com/a": "example.com/a", "example.com/a/b": "", "example.com/b": "example.com/b/...", "example.com/b/v2": "example.com/b/...",
		"example.com/bc": "", "deb/libc6": "deb/...", "apk/musl": "",
	} {
		if got, ok := l.Exception("none", name); got.Component != want || ok != (want != "") {
			t.Errorf("%s: got %q, %t, want %q", name, got.Component, ok, want)
		}
	}
	if _, ok := (*Licenses)(nil).Exception("example.com/a"); ok {
		t.Error("no policy has an exception")
	}
}

func TestRepositories(t *testing.T) {
	want := "toolbox toolbox_a toolbox_b toolbox_base_app toolbox_c toolbox_c_agent toolbox_d toolbox_file_tool"
	if got := strings.Join(sample().Repositories(), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := Repository("istio", "client-go", "v1.2"), "istio_client_go_v1_2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
