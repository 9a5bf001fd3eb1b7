package story_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// state writes the state of stage and production to $WORK/now, for people: every version with
// its number of files, and every pointer with its target. It also checks that the files of a
// version have not changed.
func (w *world) state(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: state")
	}
	var b strings.Builder
	for _, place := range []struct {
		name    string
		objects map[string]string // content by key
		dir     string
	}{
		{"stage", directory(ts, filepath.Join(ts.Getenv("STAGE"), "bucket")), ts.Getenv("STAGE")},
		{"production", w.objects(), ts.Getenv("PRODUCTION")},
	} {
		fmt.Fprintf(&b, "%s\n", place.name)
		w.bucketState(ts, &b, place.name, place.objects)
		w.registryState(ts, &b, place.name)
		fmt.Fprint(&b, w.tagState(ts, place.name))
		githubState(ts, &b, filepath.Join(place.dir, "github"))
	}
	ts.Logf("%s", b.String())
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), "now"), []byte(b.String()), 0o644))
}

// objects returns the objects in production's bucket.
func (w *world) objects() map[string]string {
	all := map[string]string{}
	for _, key := range w.bucket.Keys() {
		o, _ := w.bucket.Get(key)
		all[strings.TrimPrefix(key, "demo/")] = o.Content
	}
	return all
}

// directory returns the contents of a directory's files by path.
func directory(ts *testscript.TestScript, dir string) map[string]string {
	all := map[string]string{}
	if _, err := os.Stat(dir); err != nil {
		return all
	}
	ts.Check(filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(rel)] = string(data)
		return err
	}))
	return all
}

func (w *world) bucketState(ts *testscript.TestScript, b *strings.Builder, place string, objects map[string]string) {
	var lines []string
	for key, content := range objects {
		version, path, ok := strings.Cut(key, "/")
		switch {
		case strings.HasPrefix(key, "."):
		case ok && path == "SHA256SUMS":
			lines = append(lines, fmt.Sprintf("%s: %d files", version, checkVersion(ts, place, version, objects)))
		case ok:
		case strings.Contains(key, "receipt"):
			lines = append(lines, key)
		default:
			lines = append(lines, fmt.Sprintf("%s → %s", key, content))
		}
		if ok || strings.Contains(key, "receipt") {
			w.unchanged(ts, place+" "+key, digest.FromBytes([]byte(content)))
		}
	}
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Fprintf(b, "  bucket %s\n", line)
	}
}

// checkVersion checks a version's files against its SHA256SUMS, and returns their number.
func checkVersion(ts *testscript.TestScript, place, version string, objects map[string]string) int {
	listed := map[string]bool{version + "/SHA256SUMS": true}
	for line := range strings.Lines(objects[version+"/SHA256SUMS"]) {
		sum, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		content, ok := objects[version+"/"+path]
		if got := digest.FromBytes([]byte(content)); !ok || got.Hex() != sum {
			ts.Fatalf("%s: %s/%s: got %s, want %s", place, version, path, got, sum)
		}
		listed[version+"/"+path] = true
	}
	for key := range objects {
		if strings.HasPrefix(key, version+"/") && !listed[key] {
			ts.Fatalf("%s: %s is not in SHA256SUMS", place, key)
		}
	}
	return len(listed)
}

// unchanged fails the story if a name had other content before.
func (w *world) unchanged(ts *testscript.TestScript, name string, d digest.Digest) {
	if old, ok := w.seen[name]; ok && old != string(d) {
		ts.Fatalf("%s: got %s, was %s", name, d, old)
	}
	w.seen[name] = string(d)
}

// registryState lists the tags of the images. Tags of the same image share a line.
func (w *world) registryState(ts *testscript.TestScript, b *strings.Builder, place string) {
	var catalog struct{ Repositories []string }
	w.get(ts, "/v2/_catalog?n=1000", &catalog)
	slices.Sort(catalog.Repositories)
	for _, repository := range catalog.Repositories {
		image, ok := strings.CutPrefix(repository, place+"/")
		if !ok {
			continue
		}
		var list struct{ Tags []string }
		w.get(ts, "/v2/"+repository+"/tags/list?n=1000", &list)
		byDigest := map[string][]string{}
		for _, tag := range list.Tags {
			d := w.get(ts, "/v2/"+repository+"/manifests/"+tag, nil)
			byDigest[d] = append(byDigest[d], tag)
			if strings.Count(tag, ".") > 1 {
				w.unchanged(ts, repository+":"+tag, digest.Digest(d))
			}
		}
		var lines []string
		for _, tags := range byDigest {
			slices.SortFunc(tags, func(x, y string) int {
				return strings.Count(y, ".")*1000 - strings.Count(x, ".")*1000 + strings.Compare(x, y)
			})
			lines = append(lines, strings.Join(tags, " = "))
		}
		slices.Sort(lines)
		for _, line := range lines {
			fmt.Fprintf(b, "  image %s: %s\n", image, line)
		}
	}
}

// get sends a request to the registry and returns the digest of the answer.
func (w *world) get(ts *testscript.TestScript, path string, v any) string {
	response, err := http.Get(w.registry.URL + path)
	ts.Check(err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	ts.Check(err)
	if v != nil {
		ts.Check(json.Unmarshal(data, v))
	}
	return string(digest.FromBytes(data))
}

// tagState lists the git tags. Production's tags are in the sources' own repositories.
func (w *world) tagState(ts *testscript.TestScript, place string) string {
	var b strings.Builder
	list := func(name, out string) {
		for _, line := range strings.Fields(out) {
			fmt.Fprintf(&b, "  tag %s %s\n", name, line)
		}
	}
	if place == "production" {
		list("hello", w.git.Repo("hello").Git("for-each-ref", "--format=%(refname:short)", "refs/tags"))
		return b.String()
	}
	repositories, err := filepath.Glob(filepath.Join(ts.Getenv("STAGE"), "git", "*.git"))
	ts.Check(err)
	for _, dir := range repositories {
		ts.Check(ts.Exec("git", "-C", dir, "for-each-ref", "--format=%(refname:short)", "refs/tags"))
		list(strings.TrimSuffix(filepath.Base(dir), ".git"), ts.ReadFile("stdout"))
	}
	return b.String()
}

// githubState lists the releases of a directory that replaces GitHub.
func githubState(ts *testscript.TestScript, b *strings.Builder, dir string) {
	releases := directory(ts, dir)
	for _, name := range keys(releases) {
		switch release, ok := strings.CutSuffix(name, ".json"); {
		case ok:
			fmt.Fprintf(b, "  github release %s\n", release)
		case !strings.HasPrefix(name, "."):
			fmt.Fprintf(b, "  github %s → %s\n", name, releases[name])
		}
	}
}

func keys(m map[string]string) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
