package destinations

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/registrytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// places are one of each kind of destination.
type places struct {
	t        *testing.T
	dir      string
	git      *gittest.Server
	github   *githubtest.Server
	profiles []profile.Profile
}

// startPlaces starts the services. A profile has one place for tags, and one for
// GitHub, so that there are two of them.
func startPlaces(t *testing.T) *places {
	gittest.Env(t)
	p := &places{t: t, dir: filepath.ToSlash(t.TempDir()), git: gittest.New(t), github: githubtest.New(t)}
	gcs, s3, registry := buckettest.GCS(t), buckettest.S3(t), registrytest.Strict(t, nil)
	for name, value := range map[string]string{
		"HOME": p.dir, "DOCKER_CONFIG": p.dir, "STORAGE_EMULATOR_HOST": gcs.URL,
		"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
		"GITHUB_API_URL": p.github.URL, "GITHUB_TOKEN": p.github.Token,
	} {
		t.Setenv(name, value)
	}
	aliases := []string{"latest", "{major}.{minor}"}
	const tagger = "Release <release@example.com>"
	versions := append([]string{"{version}"}, aliases...)
	p.profiles = []profile.Profile{
		{Name: "local", Places: []profile.Place{
			place("buckets", "url", "file://"+p.dir+"/bucket", "aliases", aliases),
			place("registries", "hub", "file://"+p.dir+"/registry", "tags", versions),
			place("charts", "bucket", "file://"+p.dir+"/charts"), place("charts", "hub", "file://"+p.dir+"/charthub", "tags", aliases),
			place("tags", "url", "file://"+p.dir+"/git/{name}.git", "tagger", tagger), place("github", "dir", p.dir+"/github"),
		}},
		{Name: "services", Places: []profile.Place{
			place("buckets", "url", "gs://releases/demo", "aliases", aliases),
			place("buckets", "url", "s3://releases/demo", "endpoint", s3.URL, "aliases", aliases),
			place("registries", "hub", registry.Host+"/demo", "tags", versions),
			place("charts", "bucket", "gs://releases/charts"), place("charts", "bucket", "s3://releases/charts", "endpoint", s3.URL),
			place("charts", "hub", registry.Host+"/charts", "tags", aliases),
			place("tags", "owner", "org", "tagger", tagger), place("github", "owner", "org", "repo", "demo"),
		}},
	}
	p.github.AddRepo("org", "demo")
	p.github.AddRepo("org", "api-go")
	return p
}

// release makes a release from new commits; api-go is the one that was before.
func (p *places) release(version string, day int) *release.Tree {
	a := releasetest.Args{
		Version: version, Time: releasetest.Time.AddDate(0, 0, day), Images: []string{"app", "proxy"}, Charts: []string{"web"}, Git: map[string]string{},
		Files: map[string]string{"demo-" + version + ".tar.gz": "archive of " + version, "docs/index.html": "the same in all"},
	}
	for _, name := range []string{"demo", "api-go"} {
		repo := p.git.Repo("org/" + name)
		var commit string
		if name == "api-go" && repo.Has("main") {
			commit = repo.Git("rev-parse", "main")
		} else {
			commit = repo.Commit("main", map[string]gittest.File{"version": {Content: version}}, version, a.Time)
			p.github.AddCommit("org", name, commit, a.Time)
		}
		a.Git[name] = p.git.URL("org/"+name) + "@" + commit
	}
	return releasetest.Open(p.t, releasetest.Make(p.t, a))
}

func (p *places) args(profile profile.Profile, tree *release.Tree) Args {
	return Args{Profile: profile, Tree: tree, Transport: web.New(web.Config{}), Env: os.Getenv}
}

// publish publishes a release to a profile, and returns how many changes that were.
func (p *places) publish(profile profile.Profile, tree *release.Tree) (int, *publish.Receipt) {
	p.t.Helper()
	profile, err := All().Expand(profile, p.dir, tree.Lock)
	if err != nil {
		p.t.Fatal(err)
	}
	all, err := Open(p.t.Context(), p.args(profile, tree))
	if err != nil {
		p.t.Fatal(err)
	}
	publisher := &publish.Publisher{Tree: tree, Destinations: all}
	plan, err := publisher.Plan(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	changes := plan.Changes()
	if plan, err = publisher.Apply(p.t.Context(), plan); err != nil {
		p.t.Fatalf("publishing %s to %s: %v", tree.Version, profile.Name, err)
	}
	receipt, err := publish.NewReceipt("demo", tree, profile, plan)
	if err != nil {
		p.t.Fatal(err)
	}
	return changes, receipt
}

// TestSeveralReleases publishes releases one after the other to one of each kind of
// destination, the last of which is a fix of an older series: all of them are there,
// and whole, aliases are where their rules have them, and to publish each again
// changes nothing.
func TestSeveralReleases(t *testing.T) {
	p := startPlaces(t)
	trees := []*release.Tree{p.release("1.0.0", 0), p.release("1.1.0", 1), p.release("1.0.1", 2)}
	var receipts []*publish.Receipt
	for _, tree := range trees {
		for _, profile := range p.profiles {
			changes, receipt := p.publish(profile, tree)
			if changes == 0 {
				t.Errorf("publishing %s to %s: got no changes", tree.Version, profile.Name)
			}
			receipts = append(receipts, receipt)
		}
		p.verify(receipts, false)
	}
	for _, tree := range trees {
		for _, profile := range p.profiles {
			if changes, _ := p.publish(profile, tree); changes != 0 {
				t.Errorf("publishing %s to %s again: got %d changes, want none", tree.Version, profile.Name, changes)
			}
		}
	}
	p.verify(receipts, true)
	for _, r := range receipts[len(receipts)-len(p.profiles):] {
		p.checkAliases(r)
	}
	// Each kind is there: a receipt without items would verify.
	for _, r := range receipts {
		var kinds []string
		for _, d := range r.Destinations {
			kinds = append(kinds, fmt.Sprint(d.Name, " ", len(d.Items) > 0))
		}
		want := "registry true charts true charts-2 true bucket true tags true github true"
		if r.Profile.Name == "services" {
			want = "registry true charts true charts-2 true charts-3 true gcs true s3 true tags true github true"
		}
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("%s to %s: got %s, want %s", r.Version, r.Profile.Name, got, want)
		}
	}
}

// checkAliases looks at the receipt of the fix: it took 1.0, and left latest.
func (p *places) checkAliases(r *publish.Receipt) {
	p.t.Helper()
	for _, d := range r.Destinations {
		for _, i := range d.Items {
			want := map[string]publish.State{"latest": publish.Kept, "1.0": publish.Equal}[i.Alias]
			if i.Alias != "" && (i.State != want || want == publish.Kept && i.Found != "1.1.0") {
				p.t.Errorf("%s: got %+v, want %s", d.Name, i, want)
			}
		}
	}
	if got := p.github.Latest("org", "demo"); got != "1.1.0" {
		p.t.Errorf("latest on GitHub: got %q, want 1.1.0", got)
	}
	for _, name := range []string{"github/latest", "bucket/latest"} {
		if got, err := os.ReadFile(filepath.Join(p.dir, name)); string(got) != "1.1.0" || err != nil {
			p.t.Errorf("%s: got %q, %v, want 1.1.0", name, got, err)
		}
	}
}

func (p *places) verify(receipts []*publish.Receipt, deep bool) {
	p.t.Helper()
	for _, r := range receipts {
		if err := verify(p.t, r, p.args(profile.Profile{}, nil), deep); err != nil {
			p.t.Errorf("verifying %s on %s, deep %v: %v", r.Version, r.Profile.Name, deep, err)
		}
	}
}

// verify opens the destinations of a receipt and verifies it.
func verify(t *testing.T, r *publish.Receipt, a Args, deep bool) error {
	t.Helper()
	a.Profile = r.Profile
	all, err := Open(t.Context(), a)
	if err != nil {
		return err
	}
	return r.Verify(t.Context(), all, deep)
}
