package verify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/publish/signing"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// published publishes a release to directories, signed if there is a key, and returns its
// receipt and the directory.
func published(t *testing.T, k *signing.Key) (receipt, dir string) {
	t.Helper()
	dir = filepath.ToSlash(t.TempDir())
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Files: map[string]string{"demo": "demo"}, Images: []string{"app"}}))
	if k != nil {
		var err error
		if tree, err = signing.Sign(t.Context(), tree, k, nil); err != nil {
			t.Fatal(err)
		}
	}
	profile := profile.Profile{Name: "stage", Places: []profile.Place{
		profile.Place{Key: "buckets"}.WithText("url", "file://"+dir+"/bucket").WithList("aliases", []string{"latest"}),
		profile.Place{Key: "registries"}.WithText("hub", "file://"+dir+"/registry"),
	}}
	all, err := destinations.Open(t.Context(), destinations.Args{Profile: profile, Tree: tree, Env: os.Getenv})
	if err != nil {
		t.Fatal(err)
	}
	p := &publish.Publisher{Tree: tree, Line: "demo", Profile: destinations.All().Recorded(profile), Destinations: all}
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
			receipt, dir := published(t, nil)
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
				got := Run(t.Context(), args, &stdout, &stderr)
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

// TestSignatures checks signatures with a public key.
func TestSignatures(t *testing.T) {
	write := func(name, kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	newKey := func() (private, public string) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(k)
		private = write("key", "PRIVATE KEY", der, err)
		der, err = x509.MarshalPKIXPublicKey(k.Public())
		return private, write("key.pub", "PUBLIC KEY", der, err)
	}
	private, public := newKey()
	_, other := newKey()
	k, err := signing.OpenKey(t.Context(), signing.KeyArgs{Ref: private, Env: os.Getenv})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, key string
		unsigned  bool
		alter     func(dir string) error
		want      string // in the errors
	}{
		{name: "as published", key: public},
		{name: "another key", key: other, want: `signature "SHA256SUMS.sigstore.json": bundle: the signature is not by this key`},
		{name: "the private key", key: private, want: "got a private key"},
		{name: "no key", key: "none", want: "reading public key"},
		{name: "not signed", key: public, unsigned: true, want: `signature "SHA256SUMS.sigstore.json": no destination has it`},
		{name: "a signature is gone", key: public, want: `SHA256SUMS.sigstore.json": got none, want sha256:`, alter: func(dir string) error {
			return os.Remove(dir + "/bucket/1.2.0/SHA256SUMS.sigstore.json")
		}},
		{name: "a signature is another", key: public, want: "got no sigstore bundle", alter: func(dir string) error {
			return rewrite(dir+"/bucket/1.2.0/SHA256SUMS.sigstore.json", "{")
		}},
		{name: "the list of referrers is gone", key: public, want: "but not in the list of referrers of sha256:", alter: func(dir string) error {
			data, err := os.ReadFile(dir + "/registry/app/index.json")
			return errors.Join(err, rewrite(dir+"/registry/app/index.json", strings.ReplaceAll(string(data), "sha256-", "other-")))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key := k
			if tt.unsigned {
				key = nil
			}
			receipt, dir := published(t, key)
			if tt.alter != nil {
				if err := tt.alter(dir); err != nil {
					t.Fatal(err)
				}
			}
			var stdout, stderr bytes.Buffer
			got := Run(t.Context(), []string{"--receipt", receipt, "--cosignkey", tt.key}, &stdout, &stderr)
			switch {
			case tt.want == "" && (got != cli.OK || !strings.Contains(stdout.String(), "7 signatures are by the key in ")):
				t.Errorf("got exit status %d, want %d\n%s%s", got, cli.OK, stdout.String(), stderr.String())
			case tt.want != "" && (got != cli.Failure || !strings.Contains(stderr.String(), tt.want)):
				t.Errorf("got exit status %d, want %d and error %q\n%s", got, cli.Failure, tt.want, stderr.String())
			}
		})
	}
}

// TestVerifyPublished verifies by the receipt that is kept beside the release.
func TestVerifyPublished(t *testing.T) {
	receipt := func(change func(string) string) func(dir string) error {
		return func(dir string) error {
			name := dir + "/bucket/1.2.0.receipt.json"
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			return rewrite(name, change(string(data)))
		}
	}
	replace := func(from, to string) func(string) string {
		return func(s string) string { return strings.Replace(s, from, to, 1) }
	}
	digits := func(key string) func(string) string {
		return func(s string) string {
			return regexp.MustCompile(`"`+key+`": "sha256:[0-9a-f]*"`).ReplaceAllString(s, `"`+key+`": "sha256:`+strings.Repeat("0", 64)+`"`)
		}
	}
	for _, tt := range []struct {
		name  string
		alter func(dir string) error
		want  string // in the error
	}{
		{"as published", func(string) error { return nil }, ""},
		{"an alias moved on", func(dir string) error { return rewrite(dir+"/bucket/latest", "1.3.0") }, ""},
		{"a file is gone", func(dir string) error { return os.Remove(dir + "/bucket/1.2.0/demo") }, `file "demo" is in SHA256SUMS but not in the release`},
		{"a file is another", func(dir string) error { return rewrite(dir+"/bucket/1.2.0/demo", "demO") }, "bucket: object"},
		{"a file is longer", func(dir string) error { return rewrite(dir+"/bucket/1.2.0/demo", "demo and more") }, "bucket: object"},
		{"a file is added", func(dir string) error { return os.WriteFile(dir+"/bucket/1.2.0/more", nil, 0o644) }, `file "more" is in the release but not in SHA256SUMS`},
		{"a tag is gone", func(dir string) error { return rewrite(dir+"/registry/app/index.json", "{}") }, "registry: "},
		{"the receipt is gone", func(dir string) error { return os.Remove(dir + "/bucket/1.2.0.receipt.json") }, `finding version "1.2.0" on profile "stage": it has no receipts`},
		{"the receipt is nothing", receipt(func(string) string { return "{}" }), "schema"},
		{"the receipt is of another line", receipt(replace(`"demo"`, `"other"`)), `got version "1.2.0" of line "other", want "1.2.0" of "demo"`},
		{"the receipt is of another version", receipt(replace(`"version": "1.2.0"`, `"version": "1.3.0"`)), `got version "1.3.0" of line "demo", want "1.2.0" of "demo"`},
		{"the receipt has another lock", receipt(digits("lock")), "sha256 of lock.json: got sha256:"},
		{"the receipt has other checksums", receipt(digits("checksums")), "sha256 of SHA256SUMS: got sha256:"},
		{"the receipt lists another file", receipt(replace(`"path": "demo"`, `"path": "demO"`)), "its files differ from those in SHA256SUMS"},
		{"the receipt leads to another bucket", receipt(replace(`/bucket"`, `/elsewhere"`)), `profile "stage" has no bucket`},
		{"the receipt leads to another registry", receipt(replace(`/registry"`, `/elsewhere"`)), `profile "stage" has no registry`},
		{"the receipt leads to charts", receipt(replace(`"registries": [`, `"charts": [{"hub": "h.example/x"}], "registries": [`)), `profile "stage" has no place for charts "h.example/x"`},
		{"the receipt leads to tags", receipt(replace(`"registries": [`, `"tags": {"owner": "o"}, "registries": [`)), `profile "stage" has no tags in "o"`},
		{"the receipt leads to GitHub", receipt(replace(`"registries": [`, `"github": {"owner": "o"}, "registries": [`)), `profile "stage" has no GitHub releases in "o"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, dir := published(t, nil)
			file := filepath.Join(dir, "destinations.yaml")
			profiles := "stage:\n  buckets: [{url: file://" + dir + "/bucket}]\n  registries: [{hub: file://" + dir + "/registry}]\n"
			if err := os.WriteFile(file, []byte(profiles), 0o644); err != nil {
				t.Fatal(err)
			}
			t.Setenv("RELEASE_LINE", "demo")
			t.Setenv("RELEASE_DESTINATIONS", file)
			t.Setenv("BUILD_WORKING_DIRECTORY", dir)
			if err := tt.alter(dir); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"--stage", "1.2.0"}, {"--deep", "--destinations", "destinations.yaml:stage", "1.2.0"}} {
				var stdout, stderr bytes.Buffer
				got := Run(t.Context(), append([]string{"--state", dir}, args...), &stdout, &stderr)
				switch {
				case tt.want == "" && (got != cli.OK || !strings.Contains(stdout.String(), "items of 1.2.0 are as they were published")):
					t.Errorf("verify %q: got exit status %d, want %d\n%s%s", args, got, cli.OK, stdout.String(), stderr.String())
				case tt.want != "" && (got != cli.Failure || !strings.Contains(stderr.String(), tt.want)):
					t.Errorf("verify %q: got exit status %d, want %d and error %q\n%s", args, got, cli.Failure, tt.want, stderr.String())
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
		{[]string{"--receipt", "a", "--stage", "1.2.0"}, cli.Usage},
		{[]string{"--stage", "1.2.0", "--production", "1.2.0"}, cli.Usage},
		{[]string{"--stage", "a/b"}, cli.Usage},
		{[]string{"--stage", "1.2.0@sha256:1"}, cli.Usage},
		{[]string{"--stage", "1.2.0", "1.2.0"}, cli.Usage},
		{[]string{"--destinations", "a:b"}, cli.Usage},
		{[]string{"--destinations", "a", "1.2.0"}, cli.Usage},
		{[]string{"--stage", "1.2.0"}, cli.Failure},
		{[]string{"--destinations", "none.yaml:stage", "1.2.0"}, cli.Failure},
		{[]string{"--no-such-flag"}, cli.Usage},
		{[]string{"--help"}, cli.OK},
		{[]string{"--receipt", "none.json"}, cli.Failure},
	} {
		var stdout, stderr bytes.Buffer
		if got := Run(t.Context(), tt.args, &stdout, &stderr); got != tt.want {
			t.Errorf("verify %q: got exit status %d, want %d", tt.args, got, tt.want)
		}
	}
}
