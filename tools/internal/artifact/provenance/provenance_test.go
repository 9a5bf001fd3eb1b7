package provenance

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	provenancev1 "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

var update = flag.Bool("update", false, "rewrite testdata")

// h1 is an h1 sum.
const h1 = "h1:Khu2En+0gcYPZ2kuIihfswbzxv/mIHXgzPZ018Oty48="

// args returns a release whose lock has everything that a lock can have.
func args() Args {
	stamp := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	sum := func(s string) digest.Digest { return digest.FromBytes([]byte(s)) }
	l := &lock.Lock{
		Schema: lock.Schema, Manifest: sum("manifest"), Version: "1.0.0", Product: "toolbox", Time: stamp,
		Dependencies: []lock.Dependency{
			{Name: "a", Local: &lock.Local{Path: "../a b"}, Digest: string(sum("a")), Why: "content of localpath"},
			{
				Name: "b", Primary: true, Module: &lock.Module{Path: "example.com/b", Version: "v4.0.0+incompatible"}, Digest: h1, Why: "version in manifest",
				GoModules: []lock.GoModule{
					{Path: "example.com/c", Version: "v1.0.0", Sum: h1, GoModSum: h1},
					{Path: "example.com/d", Version: "v1.0.0", GoModSum: h1},
				},
			},
			{
				Name: "c", Git: &lock.Git{URL: "https://example.com/c", Ref: "refs/heads/main", Commit: strings.Repeat("c0", 20)},
				Digest: string(sum("c")), Why: "branch main in manifest", Exclude: []string{"docs/**"},
				GoModules: []lock.GoModule{{Path: "example.com/c", Version: "v1.0.0", GoModSum: h1}},
			},
			{Name: "d", Local: &lock.Local{Path: "../d", Commit: strings.Repeat("d0", 32), Dirty: true}, Digest: string(sum("d")), Why: "HEAD of localpath"},
			{Name: "e", Git: &lock.Git{URL: "git@example.com:x/e.git", Commit: strings.Repeat("e0", 32)}, Digest: string(sum("e")), Why: "sha in manifest"},
			{Name: "f", Git: &lock.Git{URL: "../f", Commit: strings.Repeat("f0", 20)}, Digest: string(sum("f")), Why: "sha in manifest"},
		},
		Images: []lock.Image{{
			Name: "app", Base: "example.com/base:1", Digest: sum("index"),
			Platforms: []lock.ImagePlatform{{Platform: "linux/arm64", Digest: sum("arm64")}},
		}, {
			Name: "other", Base: "oci-layout:../base", Digest: sum("layout"),
			Platforms: []lock.ImagePlatform{{Platform: "linux/amd64", Digest: sum("amd64")}},
		}},
		Files: []lock.File{{Name: "tool", Platform: "linux-amd64", URL: "https://example.com/amd64", Digest: sum("tool"), Why: "url in manifest"}},
		Toolchain: lock.Toolchain{
			Bazel: "7.7.1", Go: lock.GoSDK{Version: "1.26.8", Archives: map[string]lock.Archive{"linux_amd64": {Sum: h1, SHA256: sum("go")}}},
			RulesGo: lock.GoModule{Path: "github.com/bazelbuild/rules_go", Version: "v1.0.0", Sum: h1}, Gazelle: lock.GoModule{Path: "github.com/bazelbuild/bazel-gazelle", Version: "v1.0.0", Sum: h1},
		},
	}
	return Args{Line: "toolbox-1", Lock: l, LockSum: sum("lock"), Subjects: []Subject{
		{Name: "tool-linux-amd64.tar.gz", Digest: sum("1"), MediaType: "application/gzip"},
		{Name: "images/app", Digest: sum("2"), MediaType: "application/vnd.oci.image.index.v1+json"},
		{Name: "images/app linux/amd64", Digest: sum("3"), MediaType: "application/vnd.oci.image.manifest.v1+json"},
		{Name: "lock.json", Digest: sum("lock"), MediaType: "application/json"},
	}}
}

func marshal(t *testing.T, a Args) []byte {
	t.Helper()
	s, err := New(a)
	if err != nil {
		t.Fatal(err)
	}
	data, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestGolden(t *testing.T) {
	got := marshal(t, args())
	name := filepath.Join("testdata", "provenance.golden")
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s\n(go test ./tools/internal/artifact/provenance -update writes what it is now)", got, want)
	}
}

// TestReader: the reader of the attestation project accepts the statement and knows all fields.
func TestReader(t *testing.T) {
	data := marshal(t, args())
	var s intoto.Statement
	if err := protojson.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	predicate, err := protojson.Marshal(s.Predicate)
	if err != nil {
		t.Fatal(err)
	}
	var p provenancev1.Provenance
	if err := protojson.Unmarshal(predicate, &p); err != nil {
		t.Fatal(err)
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	if got, want := len(p.BuildDefinition.ResolvedDependencies), 17; got != want {
		t.Errorf("got %d resolved dependencies, want %d", got, want)
	}
}

// TestShuffled: the order of subjects and duplicates have no effect.
func TestShuffled(t *testing.T) {
	want := marshal(t, args())
	a := args()
	a.Subjects = append(a.Subjects, a.Subjects[0])
	rand.Shuffle(len(a.Subjects), func(i, j int) { a.Subjects[i], a.Subjects[j] = a.Subjects[j], a.Subjects[i] })
	if got := marshal(t, a); !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Args)
		want   string
	}{
		{"no subject", func(a *Args) { a.Subjects = nil }, "there is no file"},
		{"no digest", func(a *Args) { a.Subjects[0].Digest = "" }, `subject "tool-linux-amd64.tar.gz": parsing digest ""`},
		{"two digests", func(a *Args) {
			a.Subjects = append(a.Subjects, Subject{Name: "images/app", Digest: digest.FromBytes(nil)})
		}, `two subjects "images/app": sha256:`},
		{"bad sum", func(a *Args) { a.Lock.Dependencies[1].GoModules[0].Sum = "h1:x" }, `module example.com/c v1.0.0: got sum "h1:x"`},
		{"no sum", func(a *Args) { a.Lock.Dependencies[1].GoModules[1].GoModSum = "" }, `module example.com/d v1.0.0: got sum ""`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := args()
			tt.change(&a)
			if _, err := New(a); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
