package github

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

var names = []string{"SHA256SUMS", "istio-1.2.0-linux-amd64.tar.gz", "istio-1.2.0-linux-amd64.tar.gz.sha256", "lock.json", "manifest.yaml"}

// TestPublish goes through all of a release's life.
func TestPublish(t *testing.T) {
	s, tree := start(t), releasetest.Open(t, releasetest.Make(t, args()))
	for i := range 120 { // more than two pages
		s.AddRelease(owner, repo, githubtest.Release{Tag: fmt.Sprintf("0.%d.0", i)})
	}
	d := open(t, s, tree)
	items := mustPlan(t, d)
	var got []string
	for _, i := range items {
		got = append(got, i.Name[strings.LastIndex(i.Name, "/")+1:])
		if latest := i.Kind == "alias"; i.Version != "" || i.URL != "" || (i.State != publish.Absent || i.Guard != "") != latest {
			t.Errorf("no such release: got %+v", i)
		}
	}
	if want := append(slices.Clone(names), tag, "latest"); !slices.Equal(got, want) {
		t.Errorf("items: got %q, want %q", got, want)
	}
	if w := s.Writes(); len(w) > 0 {
		t.Errorf("Plan wrote %q", w)
	}

	var r recorder
	if err := d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), r.report); err != nil {
		t.Fatal(err)
	}
	releases := s.Releases(owner, repo)
	if last := releases[len(releases)-1]; !last.Draft || len(last.Assets) != 5 || last.Notes != "Notes." {
		t.Errorf("after upload: got %+v, want a draft with five assets", last)
	}
	var want int64
	for _, i := range items {
		want += i.Size
	}
	if r.bytes != want || len(r.done) != 5 || r.done[0].State != publish.Equal || r.done[0].Version == "" {
		t.Errorf("reported: got %d bytes, %+v, want %d and five items", r.bytes, r.done, want)
	}
	if err := open(t, s, nil).Verify(t.Context(), r.done, true); err != nil {
		t.Errorf("reading back a draft's assets: %v", err)
	}
	if err := d.Apply(t.Context(), publish.Reveal, todo(items, publish.Reveal), r.report); err != nil {
		t.Fatal(err)
	}
	checkPublished(t, s)
	if object, c := s.Tag(owner, repo, tag); object != commit || c != commit {
		t.Errorf("tag made by the release: got %s, want %s, which the lock pins", c, commit)
	}

	s.ClearLog()
	d = open(t, s, tree)
	items = mustPlan(t, d)
	for _, i := range items {
		if i.State != publish.Equal || i.Version == "" || !strings.HasPrefix(i.URL, s.URL+"/istio/istio/releases/") || i.Found != "" || i.Guard != "" {
			t.Errorf("published: got %+v", i)
		}
	}
	if err := apply(t.Context(), d, items, nil); err != nil {
		t.Error(err)
	}
	for i := range items { // as a run would that had planned before
		items[i].State = publish.Absent
	}
	if err := d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), nil); err != nil {
		t.Error(err)
	}
	if err := d.Apply(t.Context(), publish.Reveal, todo(items, publish.Reveal), nil); err != nil {
		t.Error(err)
	}
	if w := s.Writes(); len(w) > 0 {
		t.Errorf("applied again, it wrote %q", w)
	}
	for _, deep := range []bool{false, true} {
		if err := open(t, s, nil).Verify(t.Context(), items, deep); err != nil {
			t.Error(err)
		}
	}
}

// checkPublished checks that the release is there, once and whole.
func checkPublished(t *testing.T, s *githubtest.Server) {
	t.Helper()
	var got []string
	for _, r := range s.Releases(owner, repo) {
		if r.Tag != tag {
			continue
		}
		if r.Draft || r.Title != tag {
			t.Errorf("got %+v, want it published", r)
		}
		for _, a := range r.Assets {
			got = append(got, a.Name)
			if a.State != "uploaded" {
				t.Errorf("asset %q: got state %q", a.Name, a.State)
			}
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, names) {
		t.Errorf("published assets: got %q, want %q", got, names)
	}
}

// TestNew refuses what GitHub would not take as it is.
func TestNew(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string
		edit  func(*Config)
		want  string
	}{
		{"space", map[string]string{"a b.zip": "x"}, nil, `asset "a b.zip": GitHub would change the name`},
		{"other letters", map[string]string{"ä.zip": "x"}, nil, `asset "ä.zip": GitHub would change the name`},
		{"dot first", map[string]string{".a.zip": "x"}, nil, `asset ".a.zip": GitHub would change the name, want no dot`},
		{"empty", map[string]string{"a.zip": ""}, nil, `asset "a.zip" is empty`},
		{"two of one name", map[string]string{"a/x.zip": "x", "b/x.zip": "y"}, func(c *Config) { c.Assets = []string{"*/x.zip"} }, `assets "a/x.zip" and "b/x.zip": duplicate name "x.zip"`},
		{"nothing", nil, func(c *Config) { c.Assets = []string{"*.rpm"} }, `no file of the release matches the assets ["*.rpm"]`},
		{"pattern", nil, func(c *Config) { c.Assets = []string{"["} }, `pattern "[" of assets`},
		{"owner", nil, func(c *Config) { c.Owner = ".." }, `GitHub repository "../istio"`},
		{"no repository", nil, func(c *Config) { c.Repo = "" }, `GitHub repository "istio/"`},
		{"notes", nil, func(c *Config) { c.Notes = strings.Repeat("ä", 125001) }, "notes have 125001 characters, want at most 125000"},
		{"http", nil, func(c *Config) { c.BaseURL = "http://github.example.com/api/v3/" }, "want https: anybody could read the token"},
		{"scheme", nil, func(c *Config) { c.BaseURL = "file:///etc" }, "base URL of GitHub's API: want https"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Files: tt.files}))
			cfg := Config{Owner: owner, Repo: repo, Token: githubtest.Token}
			if tt.edit != nil {
				tt.edit(&cfg)
			}
			_, err := New(t.Context(), cfg, tree)
			contains(t, err, tt.want)
		})
	}
}

// TestConflicts has something else in the place of each thing. Nothing is changed.
func TestConflicts(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, args()))
	strange := githubtest.Asset{Name: "strange.txt", Content: []byte("x")}
	wrong := githubtest.Asset{Name: "lock.json", Content: []byte("x")}
	good := func(t *testing.T, s *githubtest.Server) githubtest.Release {
		if err := run(t.Context(), open(t, s, tree)); err != nil {
			t.Fatal(err)
		}
		var all githubtest.Release
		s.EditRelease(owner, repo, tag, func(r *githubtest.Release) bool { all = *r; return false })
		s.RemoveTag(owner, repo, tag)
		return all
	}
	lacking := []string{"asset SHA256SUMS: conflict a published release without it", "release 1.2.0: conflict published without the release's SHA256SUMS"}
	wrongItem := "asset lock.json: conflict sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	for _, tt := range []struct {
		name string
		edit func(*githubtest.Server, *githubtest.Release) // of a published one
		want []string                                      // beside what is absent or equal
	}{
		{"published without an asset", func(_ *githubtest.Server, r *githubtest.Release) {
			r.Assets = slices.DeleteFunc(r.Assets, func(a githubtest.Asset) bool { return a.Name == "SHA256SUMS" })
		}, lacking},
		{"published with a starter", func(_ *githubtest.Server, r *githubtest.Release) {
			i := slices.IndexFunc(r.Assets, func(a githubtest.Asset) bool { return a.Name == "SHA256SUMS" })
			r.Assets[i].State, r.Assets[i].Size = "starter", 0
		}, lacking},
		{"published with one more", func(_ *githubtest.Server, r *githubtest.Release) { r.Assets = append(r.Assets, strange) },
			[]string{"release 1.2.0: conflict published with extra strange.txt"}},
		{"published with another", func(_ *githubtest.Server, r *githubtest.Release) {
			i := slices.IndexFunc(r.Assets, func(a githubtest.Asset) bool { return a.Name == "lock.json" })
			r.Assets[i] = wrong
		}, []string{wrongItem, "release 1.2.0: conflict published without the release's lock.json"}},
		{"published, tag elsewhere", func(s *githubtest.Server, _ *githubtest.Release) { s.AddTag(owner, repo, tag, other, true) },
			[]string{"release 1.2.0: conflict tag on " + other}},
		{"draft with another", func(_ *githubtest.Server, r *githubtest.Release) {
			r.Draft, r.Assets = true, []githubtest.Asset{wrong}
		}, []string{wrongItem, "release 1.2.0: behind draft 7"}},
		{"draft with one more", func(_ *githubtest.Server, r *githubtest.Release) {
			r.Draft, r.Assets = true, []githubtest.Asset{strange}
		}, []string{"release 1.2.0: conflict draft 7 with extra strange.txt"}},
		{"draft, tag elsewhere", func(s *githubtest.Server, r *githubtest.Release) {
			r.Draft, r.Assets = true, nil
			s.AddTag(owner, repo, tag, other, false)
		}, []string{"release 1.2.0: conflict lightweight tag on " + other}},
		{"two drafts", func(s *githubtest.Server, r *githubtest.Release) {
			r.Draft, r.Assets = true, nil
			s.AddRelease(owner, repo, *r)
		}, []string{"release 1.2.0: conflict 2 drafts of this tag: 7, 8"}},
		{"draft with other notes", func(_ *githubtest.Server, r *githubtest.Release) { r.Draft, r.Assets, r.Notes = true, nil, "Others." },
			[]string{"release 1.2.0: behind draft 7 with another title or other notes"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			r := good(t, s)
			for i := range r.Assets {
				r.Assets[i].ID = 0
			}
			tt.edit(s, &r)
			s.AddRelease(owner, repo, r)
			s.ClearLog()
			items := mustPlan(t, open(t, s, tree))
			got := slices.DeleteFunc(states(items), func(l string) bool { return strings.HasSuffix(l, ": equal") })
			for i := range got { // numbers of releases vary
				got[i] = numbers.ReplaceAllStringFunc(got[i], func(n string) string { return renumber(s, n) })
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if w := s.Writes(); len(w) > 0 {
				t.Errorf("Plan wrote %q", w)
			}
		})
	}
}

// TestMissingCommit is an error before anything is written.
func TestMissingCommit(t *testing.T) {
	s, tree := githubtest.New(t), releasetest.Open(t, releasetest.Make(t, args()))
	s.AddRepo(owner, repo, other)
	_, err := open(t, s, tree).Plan(t.Context())
	contains(t, err, "repository istio/istio has no commit "+commit)
	_, err = open(t, s, tree, func(c *Config) { c.Repo = "none" }).Plan(t.Context())
	contains(t, err, "listing the releases of istio/none: status: got 404 Not Found")
	_, err = open(t, s, tree, func(c *Config) { c.Token = "wrong" }).Plan(t.Context())
	contains(t, err, "listing the releases of istio/istio: status: got 401 Unauthorized: Bad credentials")
}

// TestAltered has a file change after the plan. Nothing of it is finished.
func TestAltered(t *testing.T) {
	for name, content := range map[string]string{
		"same size": strings.Repeat("arch1ve", 1000), "shorter": "x", "longer": strings.Repeat("arch1ve", 100000),
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := start(t), releasetest.Make(t, args())
			d := open(t, s, releasetest.Open(t, dir))
			items := mustPlan(t, d)
			if err := os.WriteFile(filepath.Join(dir, names[1]), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			err := d.Apply(t.Context(), publish.Upload, todo(items, publish.Upload), nil)
			contains(t, err, `"istio-1.2.0-linux-amd64.tar.gz": got `)
			for _, r := range s.Releases(owner, repo) {
				for _, a := range r.Assets {
					if !r.Draft || a.Name == names[1] && a.State == "uploaded" {
						t.Errorf("got %+v in %+v", a, r)
					}
				}
			}
		})
	}
}

// TestNoCommit publishes to a repository that the release was not built from: its tag
// may be on any commit, and its item's digest is the same before and after.
func TestNoCommit(t *testing.T) {
	a := args()
	a.Git = map[string]string{"api": "https://github.com/istio/api@" + commit}
	s, tree := start(t), releasetest.Open(t, releasetest.Make(t, a))
	before := mustPlan(t, open(t, s, tree))
	if err := run(t.Context(), open(t, s, tree)); err != nil {
		t.Fatal(err)
	}
	after := mustPlan(t, open(t, s, tree))
	if after[5].State != publish.Equal || after[5].Digest != before[5].Digest {
		t.Errorf("got %+v, then %+v, want the same digest, and it equal", before[5], after[5])
	}
	s.AddTag(owner, repo, tag, commit, false)
	if err := open(t, s, nil).Verify(t.Context(), after, false); err != nil {
		t.Error(err)
	}
	s.EditRelease(owner, repo, tag, func(r *githubtest.Release) bool { r.Title = "Mine"; return true })
	contains(t, open(t, s, nil).Verify(t.Context(), after, false), `title "Mine"`)
}

// TestEdited has somebody edit what was published: a conflict where people see it.
func TestEdited(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, args()))
	notes := func(c *Config) { c.Notes = "Two\nlines." }
	lock := func(r *githubtest.Release) *githubtest.Asset {
		return &r.Assets[slices.IndexFunc(r.Assets, func(a githubtest.Asset) bool { return a.Name == "lock.json" })]
	}
	for _, tt := range []struct {
		name string
		edit func(*githubtest.Release)
		want []string // beside what is equal
	}{
		{"another title", func(r *githubtest.Release) { r.Title = "Mine" }, []string{`release 1.2.0: conflict published with title "Mine"`}},
		{"other notes", func(r *githubtest.Release) { r.Notes = "Two lines." }, []string{"release 1.2.0: conflict published with other notes"}},
		{"ends of lines as GitHub's page makes them", func(r *githubtest.Release) { r.Notes = "Two\r\nlines.\r\n" }, nil},
		{"a pre-release", func(r *githubtest.Release) { r.Prerelease = true }, []string{"release 1.2.0: conflict published with prerelease true"}},
		{"another content type", func(r *githubtest.Release) { lock(r).ContentType = "text/html" },
			[]string{`asset lock.json: conflict content type "text/html"`, "release 1.2.0: conflict published without the release's lock.json"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			if err := run(t.Context(), open(t, s, tree, notes)); err != nil {
				t.Fatal(err)
			}
			s.EditRelease(owner, repo, tag, func(r *githubtest.Release) bool { tt.edit(r); return true })
			items := mustPlan(t, open(t, s, tree, notes))
			got := slices.DeleteFunc(states(items[:6]), func(l string) bool { return strings.HasSuffix(l, ": equal") })
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if err := open(t, s, nil).Verify(t.Context(), items[:6], false); (err == nil) != (tt.want == nil) {
				t.Errorf("verify: got %v, want what the plan says: %q", err, tt.want)
			}
		})
	}
}

// TestDefaultAssets: what people download, with the names that GitHub gives.
func TestDefaultAssets(t *testing.T) {
	files := map[string]string{}
	for _, name := range []string{
		"app-1.0.0-linux-amd64.tar.gz", "app-1.0.0-linux-amd64.tar.gz.sha256", "sources.tar.gz", "NOTICES", "release.json", "vex.openvex.json", "provenance.intoto.json",
		"deb/app_1.0.0~rc.1_amd64.deb", "deb/app_1.0.0~rc.1_amd64.deb.sha256", "rpm/app-1.0.0-1.x86_64.rpm", "rpm/app-1.0.0-1.x86_64.rpm.sha256",
		"apk/app_1.0.0-r0_x86_64.apk", "archlinux/app-1.0.0-1-x86_64.pkg.tar.zst", "helm/app-1.0.0.tgz", "helm/samples/app-1.0.0.tgz", "sbom/app-1.0.0.spdx.json",
		"packages/a/script/install.sh", "packages/a/homebrew/a.rb", "docker/app.tar.gz", "licenses/app.tar.gz", "grafana/a.json",
	} {
		files[name] = name
	}
	names := func() (all []string) {
		found, err := chooseAssets(releasetest.Open(t, releasetest.Make(t, releasetest.Args{Files: files})).Published(), defaultAssets())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range found {
			all = append(all, a.name)
		}
		return all
	}
	want := []string{
		"SHA256SUMS", "app-1.0.0-1-x86_64.pkg.tar.zst", "app-1.0.0-1.x86_64.rpm", "app-1.0.0-1.x86_64.rpm.sha256", "app-1.0.0-linux-amd64.tar.gz",
		"app-1.0.0-linux-amd64.tar.gz.sha256", "app-1.0.0.spdx.json", "app-1.0.0.tgz", "app_1.0.0-r0_x86_64.apk", "app_1.0.0.rc.1_amd64.deb", "install.sh",
		"lock.json", "manifest.yaml", "provenance.intoto.json", "release.json", "sources.tar.gz", "vex.openvex.json",
	}
	if got := names(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	files["packages/b/script/install.sh"] = "b"
	if got := names(); !slices.Contains(got, "a-install.sh") || !slices.Contains(got, "b-install.sh") || slices.Contains(got, "install.sh") {
		t.Errorf("two installers: got %q", got)
	}
}
