package faults_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// other returns a release of the same version as release 1, with other content.
func (r *releaser) other() string {
	git := map[string]string{}
	for name, commit := range r.commits {
		git[name] = "https://git.example.com/org/" + name + "@" + commit
	}
	v := version(1)
	return packagetest.Release(r.t, releasetest.Args{
		Version: v, Time: packagetest.Later(1), Git: git, LayerSize: 900,
		Files: map[string]string{
			"demo-" + v + "-linux-amd64.tar.gz":     "another archive " + v,
			"packages/demo/homebrew/demo.rb":        fmt.Sprintf("  version %q # another\n", v),
			"demo-" + v + "-linux-amd64.tar.gz.sum": "another sum " + v,
		},
		Images: []string{"app", "app:debug"}, Charts: []string{"web"},
	}, packagetest.Package{Format: "deb", Text: "another"}, packagetest.Package{Format: "rpm", Text: "another"})
}

// TestRaces has two publishers at work at once, each in its own way to the end: of one
// release, and of two releases of one version.
func TestRaces(t *testing.T) {
	m := newMatrix(t)
	const rival = "rival"
	after := map[string]state{}
	for _, profile := range []string{"cloud", "git"} {
		after[profile] = m.statesOf(profile, m.releaser.release(0), m.releaser.release(1))[1]
		after[profile+rival] = m.statesOf(profile, m.releaser.release(0), m.releaser.other())[1]
	}
	var group sync.WaitGroup
	numbers := make(chan int)
	go func() {
		defer close(numbers)
		for n := range *races {
			numbers <- n
		}
	}()
	var mu sync.Mutex
	won := map[string]int{}
	for range 4 {
		group.Go(func() {
			for n := range numbers {
				profile, different := []string{"cloud", "git"}[n%2], n%4 > 1
				t.Run(fmt.Sprint(profile, n), func(t *testing.T) {
					rivals := [2]string{m.releaser.release(1), m.releaser.release(1)}
					wants := []state{after[profile]}
					if different {
						rivals[1] = m.releaser.other()
						wants = append(wants, after[profile+rival])
					}
					who, err := m.race(t, profile, rivals, wants)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					won[fmt.Sprintf("different %v, won by %d", different, who)]++
					mu.Unlock()
				})
			}
		})
	}
	group.Wait()
	t.Logf("%d races: %v", *races, won)
}

// statesOf returns what a world has after each release.
func (m *matrix) statesOf(profile string, releases ...string) []state {
	w := newWorld(m.T, profile)
	var all []state
	for _, dir := range releases {
		r := m.publish(w, 0, w.home)
		r.Release = dir
		if err := r.publish(m.Context(), w.transport(), m.Logf); err != nil {
			m.Fatal(err)
		}
		all = append(all, w.state(nil, nil))
	}
	return all
}

// race publishes two releases at once, and again as long as a publisher may go on. It returns
// whose state there is in the end.
func (m *matrix) race(t *testing.T, profile string, rivals [2]string, wants []state) (int, error) {
	w := newWorld(t, profile)
	w.layer.Begin(version(0), "", "")
	if err := m.publish(w, 0, w.home).publish(t.Context(), w.transport(), t.Logf); err != nil {
		return 0, err
	}
	var runs [2]run
	var errs [2]error
	var group sync.WaitGroup
	for n := range runs {
		runs[n] = m.publish(w, 1, filepath.Join(w.home, fmt.Sprint("publisher", n)))
		runs[n].Release = rivals[n]
		group.Go(func() { errs[n] = runs[n].publish(t.Context(), w.transport(), t.Logf) })
	}
	group.Wait()
	again := [2]error{}
	for n := range runs {
		again[n] = runs[n].publish(context.Background(), w.transport(), t.Logf)
	}
	who, lines := -1, []string(nil)
	for n, want := range wants {
		if lines = w.state(want, nil).diff(want); len(lines) == 0 {
			who = n
			break
		}
	}
	switch {
	case who < 0:
		return who, fmt.Errorf("a mix: %d things differ, such as %s\nfirst %v; %v\nthen %v; %v", len(lines), lines[0], errs[0], errs[1], again[0], again[1])
	case again[who] != nil:
		return who, fmt.Errorf("the winner %d got %w", who, again[who])
	case len(wants) == 1 && again[1] != nil:
		return who, again[1]
	case len(wants) == 2 && (again[1-who] == nil || !strings.Contains(again[1-who].Error(), "found")):
		return who, errors.Join(errors.New("the other publisher got no conflict"), again[1-who])
	}
	return who, nil
}
