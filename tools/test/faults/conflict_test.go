package faults_test

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// occupy puts something else where a release has one of its things. It reports whether that is
// possible: what a digest names is what it is.
func (w *world) occupy(key string) bool {
	service, rest, _ := strings.Cut(key, " ")
	switch {
	case service == "gcs" || service == "s3":
		b := map[string]*buckettest.Server{"gcs": w.gcs, "s3": w.s3}[service]
		b.Put(rest, "something else")
	case service == "registry" && !strings.Contains(rest, "@"):
		repo, tag, _ := strings.Cut(rest, ":")
		if strings.HasPrefix(tag, "latest") { // an alias, which may be on any release
			return false
		}
		m := w.call(http.MethodGet, repo+"/manifests/"+version(0), "", "")
		w.call(http.MethodPut, repo+"/manifests/"+tag, m.Header().Get("Content-Type"), m.Body.String())
	case service == "github" && strings.Contains(rest, " asset "):
		repo, name, _ := strings.Cut(rest, " "+version(1)+" asset ")
		owner, repo, _ := strings.Cut(repo, "/")
		if owner != "org" || strings.Contains(rest, version(0)) {
			return false
		}
		w.github.AddRelease(owner, repo, githubtest.Release{Tag: version(1), Draft: true, Assets: []githubtest.Asset{{Name: name, Content: []byte("x"), State: "uploaded"}}})
	case service == "github" && strings.Contains(rest, " tag "):
		repo, tag, _ := strings.Cut(rest, " tag ")
		owner, repo, _ := strings.Cut(repo, "/")
		w.github.AddTag(owner, repo, tag, strings.Repeat("12", 20), true)
	case service == "github" && strings.HasSuffix(rest, version(1)):
		w.github.AddRelease("org", "demo", githubtest.Release{Tag: version(1), Title: "something else"})
	case service == "git" && strings.Contains(rest, "refs/tags/"):
		name, ref, _ := strings.Cut(rest, " ")
		repo := w.git.Repo(name)
		repo.SetRef(ref, repo.Commit("other", map[string]gittest.File{"x": {Content: "x"}}, "x", releasetest.Time))
	default:
		return false
	}
	return true
}

// TestOccupied has something else in the place of each thing of a release. The run ends with a
// conflict, and changes nothing anywhere.
func TestOccupied(t *testing.T) {
	m := newMatrix(t)
	type place struct{ profile, key string }
	var all []place
	for _, profile := range []string{"cloud", "git"} {
		states := m.statesOf(profile, m.releaser.release(0), m.releaser.release(1))
		keys := states[1].changed(states[0])
		slices.Sort(keys)
		for _, key := range keys {
			all = append(all, place{profile, key})
		}
	}
	r := rand.New(rand.NewPCG(m.seed(), 0))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	// A file of an index, whose name only the plan of the index knows, is in every sample.
	n := slices.IndexFunc(all, func(p place) bool { return strings.Contains(p.key, "/by-hash/") })
	all[0], all[n] = all[n], all[0]
	if !*whole {
		all = all[:min(len(all), *sample/2)]
	}
	jobs := make(chan place)
	go func() {
		defer close(jobs)
		for _, p := range all {
			jobs <- p
		}
	}()
	var group sync.WaitGroup
	var mu sync.Mutex
	tried := 0
	for range 4 {
		group.Go(func() {
			for p := range jobs {
				t.Run(p.key, func(t *testing.T) {
					if m.occupied(t, p.profile, p.key) {
						mu.Lock()
						tried++
						mu.Unlock()
					}
				})
			}
		})
	}
	group.Wait()
	t.Logf("%d of %d things can be something else", tried, len(all))
}

func (m *matrix) occupied(t *testing.T, profile, key string) bool {
	w := newWorld(t, profile)
	w.layer.Begin(version(0), "", "")
	if err := m.publish(w, 0, w.home).publish(t.Context(), w.transport(), t.Logf); err != nil {
		t.Fatal(err)
	}
	if !w.occupy(key) {
		return false
	}
	before := w.state(nil, nil)
	w.layer.Begin(version(1), "", "")
	err := m.publish(w, 1, w.home).publish(t.Context(), w.transport(), func(string, ...any) {})
	if err == nil || !strings.Contains(err.Error(), "found") {
		t.Errorf("got %v, want a conflict", err)
	}
	for _, line := range w.state(nil, nil).diff(before) {
		t.Errorf("it changed %s", line)
	}
	return true
}
