package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/cli"
	"github.com/jasonwzm/release-builder/tools/internal/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/releasetest"
)

// published publishes a release to folders and returns its receipt and the folder.
func published(t *testing.T) (receipt, dir string) {
	t.Helper()
	dir = filepath.ToSlash(t.TempDir())
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Files: map[string]string{"demo": "demo"}, Images: []string{"app"}}))
	profile := manifest.Profile{
		Name: "stage", Buckets: []manifest.Bucket{{URL: "file://" + dir + "/bucket", Aliases: []string{"latest"}}},
		Registries: []manifest.Registry{{Hub: "file://" + dir + "/registry"}},
	}
	all, err := destinations.Open(t.Context(), destinations.Args{Profile: profile, Tree: tree, Env: os.Getenv})
	if err != nil {
		t.Fatal(err)
	}
	p := &publish.Publisher{Tree: tree, Destinations: all}
	plan, err := p.Plan(t.Context())
	if err == nil {
		plan, err = p.Apply(t.Context(), plan)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := publish.NewReceipt("demo", tree, profile, plan)
	if err != nil {
		t.Fatal(err)
	}
	receipt = filepath.Join(dir, "receipt.json")
	if err := r.Write(receipt); err != nil {
		t.Fatal(err)
	}
	return receipt, dir
}

func TestVerify(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alter func(dir string) error
		deep  bool   // is needed to find it
		want  string // in the error
	}{
		{"as published", func(string) error { return nil }, false, ""},
		{"a file is gone", func(dir string) error { return os.Remove(dir + "/bucket/1.2.0/demo") }, false, "bucket: "},
		{"a file is another", func(dir string) error { return rewrite(dir+"/bucket/1.2.0/demo", "demO") }, false, "bucket: "},
		{"an alias moved", func(dir string) error { return rewrite(dir+"/bucket/latest", "1.3.0") }, false, "bucket: "},
		{"a tag is gone", func(dir string) error { return rewrite(dir+"/registry/app/index.json", "{}") }, false, "registry: "},
		{"a layer is gone", func(dir string) error { return os.RemoveAll(dir + "/registry/app/blobs") }, true, "registry: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			receipt, dir := published(t)
			if err := tt.alter(dir); err != nil {
				t.Fatal(err)
			}
			for _, deep := range []bool{false, true} {
				if tt.deep && !deep {
					continue
				}
				args := []string{"--receipt", receipt}
				if deep {
					args = append(args, "--deep")
				}
				var stdout, stderr bytes.Buffer
				got := run(t.Context(), args, &stdout, &stderr)
				switch {
				case tt.want == "" && (got != cli.OK || !strings.Contains(stdout.String(), "items of 1.2.0 are as they were published")):
					t.Errorf("deep %v: got exit status %d, want %d\n%s%s", deep, got, cli.OK, stdout.String(), stderr.String())
				case tt.want != "" && (got != cli.Failure || !strings.Contains(stderr.String(), "verify: error: "+tt.want)):
					t.Errorf("deep %v: got exit status %d, want %d and error %q\n%s", deep, got, cli.Failure, tt.want, stderr.String())
				}
			}
		})
	}
}

func rewrite(name, content string) error {
	if err := os.Remove(name); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(content), 0o644)
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want int
	}{
		{nil, cli.Usage},
		{[]string{"--receipt", "a", "b"}, cli.Usage},
		{[]string{"--no-such-flag"}, cli.Usage},
		{[]string{"--help"}, cli.OK},
		{[]string{"--receipt", "none.json"}, cli.Failure},
	} {
		var stdout, stderr bytes.Buffer
		if got := run(t.Context(), tt.args, &stdout, &stderr); got != tt.want {
			t.Errorf("verify %q: got exit status %d, want %d", tt.args, got, tt.want)
		}
	}
}
