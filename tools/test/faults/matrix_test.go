// Package faults_test lets every request of a publication fail in every way, one at a time.
package faults_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/jasonwzm/release-builder/tools/internal/testing/faulttest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/pgptest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

var (
	whole  = flag.Bool("whole", false, "run all cases, not only a sample")
	one    = flag.String("case", "", "run the cases whose names match this `regular expression`")
	seed   = flag.Uint64("seed", 0, "choose the sample by this number (default: by the day)")
	worlds = flag.Int("worlds", 16, "run cases in so many worlds at a time")
	races  = flag.Int("races", 8, "the number of races")
	sample = flag.Int("sample", 60, "the number of cases of a sample")
	part   = flag.String("part", "1/1", "with -whole: run one of several parts, `I/N`")
)

// batch is the number of releases that a world sees, one after the other.
const batch = 4

// child is the variable with the run of a process that a fault is going to end.
const child = "FAULTS_RUN"

func TestMain(m *testing.M) {
	flag.Parse()
	if text := os.Getenv(child); text != "" {
		var r run
		err := json.Unmarshal([]byte(text), &r)
		if err == nil {
			err = r.publish(context.Background(), nil, func(string, ...any) {})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A trial is a request of a publication that fails.
type trial struct {
	profile, request string
	fault            faulttest.Fault
	ledger           bool // the second run has the ledger of the first
}

func (k trial) String() string {
	text := fmt.Sprintf("%s: %s: %s", k.profile, k.request, k.fault)
	if !k.ledger {
		text += ", ledger lost"
	}
	return text
}

// states are what a world has before and after a release.
type states struct{ before, after state }

// A matrix has what all worlds share.
type matrix struct {
	*testing.T
	releaser releaser
	key      string
	// states are what a world has before and after each release, if nothing fails.
	states map[string][]states
	cases  []trial

	survived, run, worlds atomic.Int64
	mu                    sync.Mutex
	violations            []string
	// missed are cases whose request did not come: requests that are made at the same time
	// are not always as many.
	missed []trial
}

func newMatrix(t *testing.T) *matrix {
	gittest.Env(t)
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "DOCKER_CONFIG": t.TempDir()} {
		t.Setenv(name, value)
	}
	m := &matrix{T: t, releaser: releaser{t: t, commits: map[string]string{}}, states: map[string][]states{}}
	m.key = pgptest.Secret(t, pgptest.Args{Created: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Algorithm: packet.PubKeyAlgoRSA})
	w := newWorld(t, "")
	for _, name := range []string{"demo", "api-go"} {
		m.releaser.commits[name] = w.git.Repo("org/"+name).Git("rev-parse", "main")
	}
	return m
}

// TestPublish lets each request of a publication fail in each way. Then one run without a
// fault has to lead to just the state that there is without any fault. At no time may a
// pointer be there before what it points to.
func TestPublish(t *testing.T) {
	m := newMatrix(t)
	docker, _ = readers.Look(t, "docker-registry")
	for _, profile := range []string{"cloud", "live", "git", hubs, yank} {
		m.enumerate(profile)
	}
	start := time.Now()
	m.all(m.choose())
	for range 3 {
		if again := m.missed; len(again) > 0 && len(m.violations) == 0 {
			m.missed = nil
			m.all(again)
		}
	}
	slices.Sort(m.violations)
	for _, v := range m.violations {
		t.Error(v)
	}
	for _, k := range m.missed {
		t.Logf("not met: %s", k)
	}
	t.Logf("%d of %d cases, %d violations, %d not met, %d survived by the run itself, %s",
		m.run.Load(), len(m.cases), len(m.violations), len(m.missed), m.survived.Load(), time.Since(start).Round(time.Second))
	if most := len(m.cases) / 100; len(m.missed) > most {
		t.Errorf("got %d cases whose request did not come, want at most %d", len(m.missed), most)
	}
}

// all runs cases, in several worlds at a time.
func (m *matrix) all(cases []trial) {
	batches := make(chan []trial)
	go func() {
		defer close(batches)
		for b := range slices.Chunk(cases, batch) {
			batches <- b
		}
	}()
	var group sync.WaitGroup
	for range *worlds {
		group.Go(func() {
			for b := range batches {
				m.Run(fmt.Sprintf("world%d", m.worlds.Add(1)), func(t *testing.T) { m.world(t, b) })
			}
		})
	}
	group.Wait()
}

// enumerate publishes releases without a fault, and adds a case for each request of the
// second one and each fault.
func (m *matrix) enumerate(profile string) {
	w := newWorld(m.T, profile)
	requests := 0
	for n := range batch + 1 {
		if err := m.stage(w, n); err != nil {
			m.Fatalf("%s: staging release %d: %v", profile, n, err)
		}
		before := w.state(nil, nil)
		if err := m.first(w, n); err != nil {
			m.Fatalf("%s: release %d without a fault: %v", profile, n, err)
		}
		m.states[profile] = append(m.states[profile], states{before, w.state(nil, nil)})
		if n != 1 {
			continue
		}
		for _, name := range w.layer.Log() {
			requests++
			for _, f := range faulttest.All() {
				if f == faulttest.Refused && strings.HasPrefix(name, "git ") {
					continue // git has its own connections
				}
				m.cases = append(m.cases, trial{profile, name, f, true}, trial{profile, name, f, false})
			}
		}
	}
	m.Logf("%s: %d requests", profile, requests)
}

// yank is the profile of a world in which each release but the first is published to cloud, and
// then yanked.
const yank = "yank"

// first makes the run of release number n without a fault. The first release is not yanked.
func (m *matrix) first(w *world, n int) error {
	if w.profile == yank && n == 0 {
		return nil
	}
	w.layer.Begin(version(n), "", "")
	return m.publish(w, n, w.home).publish(m.Context(), w.transport(), func(string, ...any) {})
}

// publish returns the run that publishes release number n to the world's profile, or yanks it.
func (m *matrix) publish(w *world, n int, state string) run {
	r := run{
		File: filepath.Join(w.home, "destinations.yaml"), Profile: w.profile, Release: m.releaser.release(n), State: filepath.Join(state, "state"),
		GitHub: w.github.URL, Key: m.key,
	}
	switch w.profile {
	case "live":
		r.Promote, r.From = version(n), "cloud"
	case yank:
		r.Profile, r.Yank = "cloud", version(n)
	}
	return r
}

// stage publishes a release to the profile that the world's promotes from, or yanks it from, if
// there is one.
func (m *matrix) stage(w *world, n int) error {
	r := m.publish(w, n, w.home)
	if r.Promote == "" && r.Yank == "" {
		return nil
	}
	r.Profile, r.Promote, r.Yank = "cloud", "", ""
	w.layer.Begin(version(n), "", "")
	return r.publish(m.Context(), w.transport(), func(string, ...any) {})
}

func (w *world) transport() http.RoundTripper { return w.layer.Transport(w.base, w.services) }

// seed returns the number by which samples are chosen, and logs it.
func (m *matrix) seed() uint64 {
	if *seed == 0 {
		h := fnv.New64()
		h.Write([]byte(time.Now().UTC().Format(time.DateOnly)))
		*seed = h.Sum64()
	}
	m.Logf("-seed=%d", *seed)
	return *seed
}

// choose returns the cases to run, in random order.
func (m *matrix) choose() []trial {
	chosen := slices.Clone(m.cases)
	pattern := regexp.MustCompile(*one)
	chosen = slices.DeleteFunc(chosen, func(k trial) bool { return !pattern.MatchString(k.String()) })
	r := rand.New(rand.NewPCG(m.seed(), 0))
	r.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	if *whole {
		chosen = slices.DeleteFunc(chosen, func(k trial) bool { return !m.inPart(k) })
	} else {
		chosen = chosen[:min(len(chosen), *sample)]
	}
	// A world has one profile.
	slices.SortStableFunc(chosen, func(a, b trial) int { return strings.Compare(a.profile, b.profile) })
	return chosen
}

// inPart reports whether a case is in the part to run. The name decides: requests that are made
// at the same time are not always in the same order, or as many.
func (m *matrix) inPart(k trial) bool {
	var i, n uint32
	if _, err := fmt.Sscanf(*part, "%d/%d", &i, &n); err != nil || i < 1 || i > n {
		m.Fatalf("-part: got %q, want I/N such as 1/8", *part)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(k.String()))
	return h.Sum32()%n == i-1
}

// world runs cases, each with the next release.
func (m *matrix) world(t *testing.T, cases []trial) {
	var w *world
	n := 0
	for _, k := range cases {
		if w == nil || k.profile != w.profile {
			w, n = newWorld(t, k.profile), 0
			err := m.stage(w, 0)
			if err == nil {
				err = m.first(w, 0)
			}
			if err != nil {
				t.Errorf("release 0: %v", err)
				return
			}
		}
		n++
		if err := m.stage(w, n); err != nil {
			t.Errorf("staging release %d: %v", n, err)
			return
		}
		if problems := m.try(w, k, n); len(problems) > 0 {
			m.mu.Lock()
			for _, p := range problems {
				m.violations = append(m.violations, k.String()+": "+p)
			}
			m.mu.Unlock()
			w = nil // the next case is not to blame
		}
	}
}
