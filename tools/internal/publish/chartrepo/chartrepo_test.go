package chartrepo

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/helmchart"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/bucket"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// otherIndex is one that somebody else writes too.
const otherIndex = `apiVersion: v1
serverInfo: {contextPath: /v1}
entries:
  # the proxy
  proxy:
  - name: proxy
    version: 1.9.0
    appVersion: "1.10"
    created: 2020-01-02T03:04:05.678901234Z
    digest: 0000000000000000000000000000000000000000000000000000000000000000
    urls: [https://charts.example.com/proxy-1.10.tgz]
    x-unknown: {a: [1, 0x10, ~]}
  web:
  - name: web
    version: 1.10.0
    digest: "1111111111111111111111111111111111111111111111111111111111111111"
    urls: [web-1.10.0.tgz]
  - name: web
    version: 1.1.0
    digest: "2222222222222222222222222222222222222222222222222222222222222222"
    urls: [web-1.1.0.tgz]
generated: "2020-01-02T03:04:05Z"
`

func openCharts(t testing.TB, c bucket.Config, tree *release.Tree) publish.Destination {
	t.Helper()
	d, err := New(t.Context(), c, tree)
	check(t, err)
	return d
}

func configOf(p buckettest.Place) bucket.Config {
	return bucket.Config{Name: p.Name, URL: p.URL, Endpoint: p.Endpoint}
}

// each runs a test on each kind of store.
func each(t *testing.T, f func(t *testing.T, s *buckettest.Server, c bucket.Config)) {
	buckettest.Each(t, func(t *testing.T, p buckettest.Place) { f(t, p.Server, configOf(p)) })
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// TestFaults has each request in turn fail, in each way, once and for good, and then
// runs again.
func TestFaults(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Charts: []string{"web"}}))
	for _, kind := range []string{"gs", "s3"} {
		begin := func() buckettest.Place {
			p := buckettest.Open(t, kind)
			p.Put("all/demo/index.yaml", otherIndex)
			return p
		}
		t.Run(kind, func(t *testing.T) {
			buckettest.EachFault(t, begin, func(ctx context.Context, p buckettest.Place, web http.RoundTripper) (publish.Destination, error) {
				c := configOf(p)
				c.Jobs, c.Transport = 1, web
				return New(ctx, c, tree)
			})
		})
	}
}

func TestCharts(t *testing.T) {
	each(t, func(t *testing.T, s *buckettest.Server, c bucket.Config) {
		s.Put("all/demo/index.yaml", otherIndex)
		tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Charts: []string{"web", "api", "zed"}}))
		d := openCharts(t, c, tree)
		items := buckettest.Plan(t, d)
		if n := buckettest.States(items); n[publish.Absent] != 6 || len(items) != 6 || len(s.Writes()) > 0 {
			t.Errorf("empty: got %v and %d writes", n, len(s.Writes()))
		}
		items, err := buckettest.Run(t.Context(), d)
		check(t, err)
		for _, i := range items {
			if i.State != publish.Equal || i.Version == "" || i.URL == "" {
				t.Errorf("published: got %+v", i)
			}
		}
		s.Reset()
		items, err = buckettest.Run(t.Context(), d)
		check(t, err)
		if w := s.Writes(); len(w) > 0 {
			t.Errorf("again: got %q", w)
		}
		got := s.Content("all/demo/index.yaml")
		if want := wantIndex(tree); got != want {
			t.Errorf("index: got\n%s\nwant\n%s", got, want)
		}
		for _, deep := range []bool{false, true} {
			check(t, openCharts(t, c, nil).Verify(t.Context(), items, deep))
		}
		s.Put("all/demo/index.yaml", strings.NewReplacer(hexOf(tree, "zed"), hexOf(tree, "web"), "- api-1.2.0.tgz", "- https://example.org/api-1.2.0.tgz").Replace(got))
		s.Delete("all/demo/api-1.2.0.tgz")
		s.Put("all/demo/web-1.2.0.tgz", strings.ToUpper(s.Content("all/demo/web-1.2.0.tgz")))
		for _, deep := range []bool{false, true} {
			err := openCharts(t, c, nil).Verify(t.Context(), items, deep)
			for _, want := range []string{
				`api-1.2.0.tgz": got none, want sha256:`, `web-1.2.0.tgz": got `,
				`index.yaml entry zed 1.2.0": got digest ` + hexOf(tree, "web") + ", want " + hexOf(tree, "zed"),
				`index.yaml entry api 1.2.0": got URL "https://example.org/api-1.2.0.tgz", want "api-1.2.0.tgz"`,
			} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		}
	})
}

func hexOf(tree *release.Tree, name string) string {
	f, _ := tree.Find("helm/" + name + "-1.2.0.tgz")
	return f.Digest.Hex()
}

// wantIndex is otherIndex with the charts api, web and zed.
func wantIndex(tree *release.Tree) string {
	entry := func(name string) string {
		return fmt.Sprintf(`    - apiVersion: v2
      appVersion: 1.2.0
      created: "2024-02-29T12:00:00Z"
      description: The chart %s.
      digest: %s
      name: %s
      urls:
        - %s-1.2.0.tgz
      version: 1.2.0
`, name, hexOf(tree, name), name, name)
	}
	return `apiVersion: v1
serverInfo: {contextPath: /v1}
entries:
  api:
` + entry("api") + `  # the proxy
  proxy:
    - name: proxy
      version: 1.9.0
      appVersion: "1.10"
      created: 2020-01-02T03:04:05.678901234Z
      digest: 0000000000000000000000000000000000000000000000000000000000000000
      urls: ['https://charts.example.com/proxy-1.10.tgz']
      x-unknown: {a: [1, 0x10, ~]}
  web:
    - name: web
      version: 1.10.0
      digest: "1111111111111111111111111111111111111111111111111111111111111111"
      urls: [web-1.10.0.tgz]
` + entry("web") + `    - name: web
      version: 1.1.0
      digest: "2222222222222222222222222222222222222222222222222222222222222222"
      urls: [web-1.1.0.tgz]
  zed:
` + entry("zed") + `generated: "2024-02-29T12:00:00Z"
`
}

func TestChartConflict(t *testing.T) {
	tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Charts: []string{"web"}}))
	same := strings.Replace(otherIndex, "version: 1.10.0\n    digest: \"1111111111111111111111111111111111111111111111111111111111111111\"", "version: 1.2.0\n    digest: DIGEST", 1)
	for _, tt := range []struct{ name, index, archive, found string }{
		{"archive", otherIndex, "other", "sha256:d9298a10d1b0"},
		{"entry", strings.Replace(same, "DIGEST", strings.Repeat("a", 64), 1), "", "digest " + strings.Repeat("a", 64)},
		{"entry without digest", strings.Replace(same, "DIGEST", `""`, 1), "", "digest none"},
		{"no YAML", "a: [", "", "not a chart index: parsing index.yaml:1: invalid YAML: "},
		{"a list", "- a", "", "not a chart index: want a mapping"},
		{"another version", "apiVersion: v2\nentries: {}\n", "", `not a chart index: apiVersion: got "v2", want v1`},
		{"entries", "apiVersion: v1\nentries: [1]\n", "", "not a chart index: entries: want a mapping"},
		{"list", "apiVersion: v1\nentries: {web: 1}\n", "", `not a chart index: entries of "web": want a sequence`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			place := buckettest.Open(t, "file")
			s, c := place.Server, configOf(place)
			s.Put("all/demo/index.yaml", tt.index)
			if tt.archive != "" {
				s.Put("all/demo/web-1.2.0.tgz", tt.archive)
			}
			items := buckettest.Plan(t, openCharts(t, c, tree))
			i := slices.IndexFunc(items, func(i publish.Item) bool { return i.State == publish.Conflict })
			if i < 0 || !strings.HasPrefix(items[i].Found, tt.found) || buckettest.States(items)[publish.Conflict] != 1 {
				t.Errorf("got %+v, want %q", items, tt.found)
			}
		})
	}
	place := buckettest.Open(t, "file")
	s, c := place.Server, configOf(place)
	s.Put("all/demo/index.yaml", strings.Replace(same, "DIGEST", hexOf(tree, "web"), 1))
	if n := buckettest.States(buckettest.Plan(t, openCharts(t, c, tree))); n[publish.Equal] != 1 || n[publish.Absent] != 1 {
		t.Errorf("equal entry: got %v", n)
	}
}

// TestChartChanged has an entry of the same version come between plan and apply.
func TestChartChanged(t *testing.T) {
	each(t, func(t *testing.T, s *buckettest.Server, c bucket.Config) {
		d := openCharts(t, c, releasetest.Open(t, releasetest.Make(t, releasetest.Args{Charts: []string{"web"}})))
		items := buckettest.Plan(t, d)
		theirs := strings.Replace(otherIndex, "version: 1.10.0", "version: 1.2.0", 1)
		s.Put("all/demo/index.yaml", theirs)
		if err := d.Apply(t.Context(), publish.Reveal, buckettest.Missing(items, publish.Reveal), nil); !errors.Is(err, publish.ErrChanged) {
			t.Errorf("got %v, want %v", err, publish.ErrChanged)
		}
		if s.Content("all/demo/index.yaml") != theirs {
			t.Error("the index has changed")
		}
	})
}

// TestChartPublishers has several publish other charts at the same time.
func TestChartPublishers(t *testing.T) {
	const publishers = 6
	each(t, func(t *testing.T, s *buckettest.Server, c bucket.Config) {
		var all []publish.Destination
		for n := range publishers {
			tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Charts: []string{"web", fmt.Sprint("c", n)}, Version: fmt.Sprintf("1.%d.0", n)}))
			all = append(all, openCharts(t, c, tree))
		}
		if c.Endpoint != "" {
			s.Before(func(*http.Request) { time.Sleep(5 * time.Millisecond) }) // what was read is old
		}
		for _, err := range parallel.Do(publishers, publishers, func(n int) error { _, err := buckettest.Run(t.Context(), all[n]); return err }) {
			check(t, err)
		}
		var x struct {
			Entries map[string][]struct{ Version string }
		}
		check(t, yaml.Unmarshal([]byte(s.Content("all/demo/index.yaml")), &x))
		var versions []string
		for _, e := range x.Entries["web"] {
			versions = append(versions, e.Version)
		}
		if want := []string{"1.5.0", "1.4.0", "1.3.0", "1.2.0", "1.1.0", "1.0.0"}; !slices.Equal(versions, want) || len(x.Entries) != publishers+1 {
			t.Errorf("got %q of %d charts, want %q of %d", versions, len(x.Entries), want, publishers+1)
		}
	})
}

// TestHostileChart reads charts that are not what they should be.
func TestHostileChart(t *testing.T) {
	const good = "name: web\nversion: 1.2.0\n"
	deep := "name: web\nversion: 1.2.0\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		deep += fmt.Sprintf("a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1)
	}
	for _, tt := range []struct{ name, file, content, want string }{
		{"good", "web/Chart.yaml", good, ""},
		{"dot", "./web/Chart.yaml", good, ""},
		{"number", "web/Chart.yaml", good + "appVersion: 1.10\n", ""},
		{"no Chart.yaml", "web/values.yaml", good, "chart has no file NAME/Chart.yaml"},
		{"above", "../Chart.yaml", good, "chart has no file NAME/Chart.yaml"},
		{"absolute", "/Chart.yaml", good, "chart has no file NAME/Chart.yaml"},
		{"of a dependency", "web/charts/sub/Chart.yaml", good, "chart has no file NAME/Chart.yaml"},
		{"large", "web/Chart.yaml", good + strings.Repeat("#", 1<<20), `"web/Chart.yaml" in chart is not a file of at most 1048576 bytes`},
		{"many aliases", "web/Chart.yaml", deep, "got more than 10000 fields"},
		{"cycle", "web/Chart.yaml", good + "a: &a [*a]\n", "anchor 'a' value contains itself|got more than 10000 fields"},
		{"name", "web/Chart.yaml", "name: ../web\nversion: 1.2.0\n", `name in Chart.yaml: got "../web"`},
		{"version", "web/Chart.yaml", "name: web\nversion: latest\n", `version in Chart.yaml: got "latest"`},
		{"no mapping", "web/Chart.yaml", "[]", "parsing Chart.yaml: want a mapping"},
		{"empty", "web/Chart.yaml", "", "parsing Chart.yaml: file is empty"},
		{"unknown fields", "web/Chart.yaml", good + "digest: x\nx-unknown: 1\nmaintainers: [{name: 1, x: y}]\n", ""},
		{"list for a string", "web/Chart.yaml", good + "appVersion: [1]\n", `"appVersion": got a value of the wrong type`},
		{"string for a list", "web/Chart.yaml", good + "dependencies: [{name: a, tags: b}]\n", `"dependencies": "tags": got a value of the wrong type`},
		{"complex key", "web/Chart.yaml", good + "? [a]\n: b\n", "want scalar keys"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := tgz(t, tt.file, []byte(tt.content))
			tree := releasetest.Open(t, releasetest.Make(t, releasetest.Args{Files: map[string]string{"helm/web-1.2.0.tgz": string(data)}}))
			f, _ := tree.Find("helm/web-1.2.0.tgz")
			c, err := readChart(t.Context(), tree, f)
			if tt.want == "" {
				check(t, err)
				if got := text(field(c.metadata, "appVersion")); c.name != "web" || c.version != "1.2.0" || got != "" && got != "1.10" {
					t.Errorf("got %q, %q, appVersion %q", c.name, c.version, got)
				}
				if out, err := yaml.Marshal(c.metadata); err != nil || strings.Contains(string(out), "x") {
					t.Errorf("got %s, %v", out, err)
				}
				return
			}
			if err == nil || !slices.ContainsFunc(strings.Split(tt.want, "|"), func(w string) bool { return strings.Contains(err.Error(), w) }) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	bomb := tgz(t, "web/big", make([]byte, 100<<20+1))
	if _, err := helmchart.YAML(bytes.NewReader(bomb)); err == nil || !strings.Contains(err.Error(), "more than 104857600 bytes") {
		t.Errorf("bomb: got %v", err)
	}
}

// TestChartFields has what YAML 1.1, which Helm reads, takes for no string.
func TestChartFields(t *testing.T) {
	var c chart
	check(t, c.parse([]byte("name: web\nversion: &v 1.2.0\nappVersion: 1.10\nkeywords: [yes, 1, 12:30:45, ~]\nannotations: {on: *v}\nx: y\n")))
	got, err := yaml.Marshal(c.metadata)
	check(t, err)
	want := `annotations:
    "on": 1.2.0
appVersion: "1.10"
keywords:
    - "yes"
    - "1"
    - "12:30:45"
    - ~
name: web
version: 1.2.0
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func tgz(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	w := tar.NewWriter(z)
	check(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}))
	_, err := w.Write(data)
	check(t, errors.Join(err, w.Close(), z.Close()))
	return b.Bytes()
}

// FuzzIndex: what is accepted stays, and reads back with the new entry.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(otherIndex))
	f.Add([]byte("apiVersion: v1\nentries: {a: [{version: &v 1, digest: *v}], web: ~}\n"))
	f.Add([]byte("{apiVersion: v1}"))
	f.Add([]byte("apiVersion: v1\nentries: {0} "))
	f.Add([]byte("apiVersion: v1\nentries:\n"))
	c := chart{name: "web", version: "1.2.0", file: release.File{Path: "helm/web-1.2.0.tgz", Digest: "sha256:" + "ab"}}
	if err := c.parse([]byte("name: web\nversion: 1.2.0\nappVersion: 1.10\n")); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := parseIndex(data)
		if err != nil {
			return
		}
		if _, ok := x.digest("web", "1.2.0", "ab"); ok {
			return
		}
		x.add(c, releasetest.Time)
		out, err := x.marshal(releasetest.Time)
		if err != nil {
			return // of what yaml cannot write
		}
		again, err := parseIndex(out)
		if err != nil {
			t.Fatalf("got %v of\n%s", err, out)
		}
		if got, ok := again.digest("web", "1.2.0", "ab"); !ok || got != "ab" {
			t.Errorf("got %q, %v of\n%s", got, ok, out)
		}
	})
}

// TestSamples publishes charts of a directory below helm/, and charts of helm/ itself: each
// directory has its own index, whose entries are beside it.
func TestSamples(t *testing.T) {
	each(t, func(t *testing.T, s *buckettest.Server, c bucket.Config) {
		dir := releasetest.Make(t, releasetest.Args{Charts: []string{"web", "samples/web", "samples/ambient"}})
		tree := releasetest.Open(t, dir)
		d := openCharts(t, c, tree)
		items, err := buckettest.Run(t.Context(), d)
		check(t, err)
		if n := buckettest.States(items); n[publish.Equal] != 6 {
			t.Errorf("got %v", n)
		}
		for index, want := range map[string]string{"all/demo/index.yaml": "web:1", "all/demo/samples/index.yaml": "ambient:1 web:1"} {
			x, err := parseIndex([]byte(s.Content(index)))
			check(t, err)
			var got []string
			for name, list := range fields(x.entries) {
				got = append(got, fmt.Sprintf("%s:%d", name.Value, len(list.Content)))
				if url := text(field(list.Content[0], "urls").Content[0]); url != name.Value+"-1.2.0.tgz" {
					t.Errorf("%s: got URL %s, want one beside the index", index, url)
				}
			}
			if got := strings.Join(got, " "); got != want {
				t.Errorf("%s: got %s, want %s", index, got, want)
			}
		}
		if s.Content("all/demo/samples/ambient-1.2.0.tgz") == "" {
			t.Error("the sample is not there")
		}
		check(t, openCharts(t, c, nil).Verify(t.Context(), items, true))
		items[len(items)-1].Digest = items[0].Digest
		err = d.Apply(t.Context(), publish.Reveal, items[len(items)-1:], nil)
		if want := "publishing 1 entries of chart indexes: the release has 0 of these charts"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}
