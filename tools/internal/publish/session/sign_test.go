package session

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sigstore/sigstore/pkg/signature/kms/fake"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/publish/signing"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/registrytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// A cut ends a run with its nth write: that one arrives, and nothing after it.
type cut struct {
	at   int
	stop func()

	mu     sync.Mutex
	writes int
}

func (c *cut) RoundTrip(req *http.Request) (*http.Response, error) {
	c.mu.Lock()
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		c.writes++
	}
	gone := c.writes > c.at
	c.mu.Unlock()
	if gone {
		if req.Body != nil {
			req.Body.Close()
		}
		c.stop()
		return nil, context.Canceled
	}
	return http.DefaultTransport.RoundTrip(req)
}

// world is one of each service that has signatures.
type world struct {
	gcs, s3  *buckettest.Server
	github   *githubtest.Server
	registry *registrytest.Server
	args     Args
}

// newWorld starts the services, with the referrers API or without, and makes a release.
func newWorld(t *testing.T, dir string, lax bool) *world {
	w := &world{gcs: buckettest.GCS(t), s3: buckettest.S3(t), github: githubtest.New(t)}
	if w.registry = registrytest.Strict(t, nil); lax {
		w.registry = registrytest.Lax(t, nil)
	}
	commit := strings.Repeat("ab", 20)
	w.github.AddRepo("org", "demo", commit)
	env := map[string]string{
		"HOME": t.TempDir(), "STORAGE_EMULATOR_HOST": w.gcs.URL, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "GITHUB_API_URL": w.github.URL, "GITHUB_TOKEN": w.github.Token,
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	w.args = Args{
		Line: "demo", Release: dir, State: t.TempDir(), Env: os.Getenv, Log: t.Logf,
		Profile: profile.Profile{Name: "stage", Sign: "fakekms://key", Places: []profile.Place{
			profile.Place{Key: "buckets"}.WithText("url", "gs://releases/demo").WithList("aliases", []string{"latest"}),
			profile.Place{Key: "buckets"}.WithText("url", "s3://releases/demo").WithText("endpoint", w.s3.URL),
			profile.Place{Key: "registries"}.WithText("hub", w.registry.Host+"/demo").WithList("tags", []string{"{version}", "latest"}),
			profile.Place{Key: "github", Single: true}.WithText("owner", "org").WithText("repo", "demo"),
		}},
	}
	return w
}

// signedRelease makes a release with an image, an SBOM of it and provenance.
func signedRelease(t *testing.T) string {
	t.Helper()
	a := releasetest.Args{
		Version: "1.2.0", Images: []string{"app"}, LayerSize: 50, Git: map[string]string{"demo": "https://github.com/org/demo@" + strings.Repeat("ab", 20)},
		Files: map[string]string{
			release.Provenance:   `{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"https://slsa.dev/provenance/v1","predicate":{}}`,
			"sbom/app.spdx.json": `{"spdxVersion":"SPDX-2.3"}`,
		},
	}
	tree := releasetest.Open(t, releasetest.Make(t, a))
	d := release.Document{Schema: release.DocumentSchema, Product: "demo", Version: a.Version}
	for _, f := range []release.Artifact{
		{Path: release.Provenance, Kind: "provenance", MediaType: signing.StatementType},
		{Path: "sbom/app.spdx.json", Kind: "sbom", MediaType: "application/spdx+json", Subject: "images/app"},
	} {
		file, _ := tree.Find(f.Path)
		f.Digest, f.Size = file.Digest, file.Size
		d.Artifacts = append(d.Artifacts, f)
	}
	data, err := jsonfile.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	a.Files[release.DocumentFile] = string(data)
	return releasetest.Make(t, a)
}

// run publishes. It returns the number of changes.
func (w *world) run(ctx context.Context, base http.RoundTripper) (int, *publish.Receipt, error) {
	a := w.args
	a.Transport = web.New(web.Config{Base: base})
	s, err := Open(ctx, a)
	if err != nil {
		return 0, nil, err
	}
	plan, err := s.Plan(ctx)
	if err == nil {
		err = plan.Conflicts()
	}
	if err != nil {
		return 0, nil, err
	}
	n := plan.Changes()
	_, r, err := s.Apply(ctx, plan)
	return n, r, err
}

// check checks that all destinations have the same signatures, each once.
func (w *world) check(t *testing.T, r *publish.Receipt, public crypto.PublicKey) {
	t.Helper()
	all, err := destinations.Open(t.Context(), destinations.Args{Profile: r.Profile, Transport: web.New(web.Config{}), Env: os.Getenv})
	if err == nil {
		err = r.Verify(t.Context(), all, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	tree := releasetest.Open(t, w.args.Release)
	if n, err := signing.CheckPublished(t.Context(), tree, r, all, public); err != nil || n != 2*5+2+4 {
		t.Errorf("got %d signatures, %v, want 5 in two buckets, 2 at GitHub, and 4 in the registry", n, err)
	}
	subjects, err := signing.Subjects(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range subjects {
		var found []string
		for _, d := range all {
			some, err := d.(publish.Keeper).Signatures(t.Context(), "1.2.0", publish.Item{Path: s.Path})
			if err != nil {
				t.Error(err)
			}
			for _, bundle := range some {
				if d.Name() == "registry" && s.Verify(nil, bundle) != nil {
					continue // another signature that refers to the manifest
				}
				found = append(found, string(bundle))
			}
		}
		if len(found) < 3 || len(slices.Compact(found)) != 1 {
			t.Errorf("%s: got %d signatures, of which %d differ, want one everywhere", s.Path, len(found), len(slices.Compact(found)))
		}
	}
	for _, d := range r.Destinations {
		kinds := map[string]int{}
		for _, i := range d.Items {
			kinds[i.Kind]++
		}
		if d.Name == "registry" && (kinds["signature"] != 4 || kinds["sbom"] != 1 || kinds["provenance"] != 1) {
			t.Errorf("registry: got %v", kinds)
		}
	}
}

// TestCutAnywhere ends a run that signs with random signatures after each fifth of its writes. The
// next run needs nothing but the destinations to find the signatures that are there.
func TestCutAnywhere(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), fake.KmsCtxKey{}, crypto.PrivateKey(private))
	dir := signedRelease(t)
	for at, ended := 0, false; !ended; at += 5 {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			w := newWorld(t, dir, at%2 == 1)
			first, stop := context.WithCancel(ctx)
			defer stop()
			c := &cut{at: at, stop: stop}
			_, _, err := w.run(first, c)
			ended = err == nil
			if err != nil && c.writes <= at {
				t.Fatalf("got %v after %d writes", err, c.writes)
			}
			if err := os.RemoveAll(w.args.State); err != nil {
				t.Fatal(err)
			}
			n, r, err := w.run(ctx, nil)
			if err != nil || ended != (n == 0) {
				t.Fatalf("the second run: got %d changes, %v", n, err)
			}
			w.check(t, r, private.Public())
			if n, _, err := w.run(ctx, nil); n != 0 || err != nil {
				t.Errorf("the third run: got %d changes, %v", n, err)
			}
		})
	}
}
