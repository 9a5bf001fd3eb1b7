package main

import (
	"math"
	"slices"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/browsertest"
)

// A job is an action of a test's recording: it makes one blob.
type job struct {
	label   string
	seconds float64
	after   []int // the jobs whose blobs it reads
	reads   int64 // bytes of the client
	makes   int64 // bytes
}

// recordingOf makes a recording of jobs, the last of which makes the goal. Jobs that read the
// same number of the client's bytes read the same blob.
func recordingOf(jobs ...job) *Recording {
	r := &Recording{Name: "jobs"}
	for i, j := range jobs {
		r.Blobs = append(r.Blobs, Blob{Bytes: j.makes, From: i})
	}
	clients := map[int64]int{}
	for i, j := range jobs {
		set := Set{Blobs: slices.Clone(j.after)}
		if j.reads > 0 {
			if _, ok := clients[j.reads]; !ok {
				clients[j.reads] = len(r.Blobs)
				r.Blobs = append(r.Blobs, Blob{Bytes: j.reads, From: client})
			}
			set.Blobs = append(set.Blobs, clients[j.reads])
		}
		r.Sets = append(r.Sets, set)
		ms := int(j.seconds * 1000)
		r.Actions = append(r.Actions, Action{Mnemonic: "Do", Label: j.label, Wall: 2 * ms, Best: ms, Inputs: []int{i}})
	}
	r.Goal = []int{len(jobs) - 1}
	return r
}

func planOf(t *testing.T, jobs ...job) *plan {
	t.Helper()
	p, err := newPlan(recordingOf(jobs...), false)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var (
	chainJobs   = []job{{label: "a", seconds: 1}, {label: "b", seconds: 2, after: []int{0}}, {label: "c", seconds: 3, after: []int{1}}}
	fanJobs     = []job{{seconds: 1}, {seconds: 1}, {seconds: 1}, {seconds: 1}}
	diamondJobs = []job{{label: "top", seconds: 1}, {label: "left", seconds: 5, after: []int{0}}, {label: "right", seconds: 2, after: []int{0}}, {label: "bottom", seconds: 1, after: []int{1, 2}}}
)

// TestMakespan has graphs whose times are known by hand.
func TestMakespan(t *testing.T) {
	for name, tt := range map[string]struct {
		jobs  []job
		model Model
		want  float64
		used  int
	}{
		"chain, one":         {chainJobs, Model{Workers: 1, Cores: 1}, 6, 1},
		"chain, many":        {chainJobs, Model{Workers: 1000, Cores: 8}, 6, 1},
		"fan, one":           {fanJobs, Model{Workers: 1, Cores: 1}, 4, 1},
		"fan, two":           {fanJobs, Model{Workers: 2, Cores: 1}, 2, 2},
		"fan, three":         {fanJobs, Model{Workers: 3, Cores: 1}, 2, 3},
		"fan, two cores":     {fanJobs, Model{Workers: 1, Cores: 2}, 2, 1},
		"fan, many":          {fanJobs, Model{Workers: 1000, Cores: 1}, 1, 4},
		"diamond, one":       {diamondJobs, Model{Workers: 1, Cores: 1}, 9, 1},
		"diamond, two":       {diamondJobs, Model{Workers: 2, Cores: 1}, 7, 2},
		"diamond, overhead":  {diamondJobs, Model{Workers: 2, Cores: 1, Overhead: 0.5}, 8.5, 2},
		"first come, served": {[]job{{seconds: 1}, {seconds: 1}, {seconds: 4}}, Model{Workers: 2, Cores: 1}, 5, 2},
	} {
		t.Run(name, func(t *testing.T) {
			p := planOf(t, tt.jobs...)
			r := simulate(p, tt.model)
			if !near(r.Makespan, tt.want) || r.Used != tt.used {
				t.Errorf("got %v s with %d workers, want %v s with %d", r.Makespan, r.Used, tt.want, tt.used)
			}
			consistent(t, p, tt.model, r)
		})
	}
}

// consistent checks what holds for every result.
func consistent(t *testing.T, p *plan, m Model, r Result) {
	t.Helper()
	if r.Makespan < r.Least-1e-6 {
		t.Errorf("%d workers: got a makespan of %v s, want at least %v s", m.Workers, r.Makespan, r.Least)
	}
	total := 0.0
	for _, s := range r.Chain {
		total += s
	}
	if math.Abs(total-r.Makespan) > 1e-6*max(1, r.Makespan) {
		t.Errorf("%d workers: the parts %v have %v s, want %v s", m.Workers, r.Chain, total, r.Makespan)
	}
	if free := (Model{Workers: 1, Cores: 1}); m == free && !near(r.Makespan, p.work(0)) {
		t.Errorf("one core, no network: got %v s, want all work, %v s", r.Makespan, p.work(0))
	}
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6*max(1, b) }

func TestCriticalPath(t *testing.T) {
	for name, tt := range map[string]struct {
		jobs     []job
		overhead float64
		chain    []string
		length   float64
	}{
		"chain":    {chainJobs, 0, []string{"Do a", "Do b", "Do c"}, 6},
		"diamond":  {diamondJobs, 0, []string{"Do top", "Do left", "Do bottom"}, 7},
		"overhead": {[]job{{label: "long", seconds: 3}, {label: "x", seconds: 1}, {label: "y", seconds: 1, after: []int{1}}}, 2, []string{"Do x", "Do y"}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			p := planOf(t, tt.jobs...)
			chain, length := p.criticalPath(tt.overhead)
			var names []string
			for _, i := range chain {
				names = append(names, p.names[i])
			}
			if !slices.Equal(names, tt.chain) || !near(length, tt.length) {
				t.Errorf("got %q, %v s, want %q, %v s", names, length, tt.chain, tt.length)
			}
		})
	}
}

// TestTransfers: 10 B go from the client at 10 B/s and to the worker at 5 B/s, then 20 B to the
// storage, and these to the client.
func TestTransfers(t *testing.T) {
	p := planOf(t, job{seconds: 1, reads: 10, makes: 20})
	m := Model{Workers: 3, Cores: 1, Client: 10, Link: 5}
	r := simulate(p, m)
	if want := 1.0 + 2 + 1 + 4 + 2; !near(r.Makespan, want) {
		t.Errorf("got %v s, want %v s", r.Makespan, want)
	}
	if want := [parts]float64{forClient: 3, forTransfer: 6, forAction: 1}; r.Chain != want {
		t.Errorf("got %v, want %v", r.Chain, want)
	}
	if r.Uploaded != 10 || r.Sent != 10 || r.Stored != 20 || r.Fetched != 20 {
		t.Errorf("got %+v", r)
	}
	if r.Limit() != forTransfer {
		t.Errorf("got limit %d, want the transfers", r.Limit())
	}
	consistent(t, p, m, r)
}

// TestStorageIsShared: two workers fetch 10 B each from a storage that sends 10 B/s.
func TestStorageIsShared(t *testing.T) {
	jobs := []job{{seconds: 1, reads: 10}, {seconds: 1, reads: 10}}
	m := Model{Workers: 2, Cores: 1, CAS: 10}
	// 1 s from the client, 1 s to the first worker, 1 s to the second one, 1 s of work.
	if r := simulate(planOf(t, jobs...), m); !near(r.Makespan, 4) || r.Sent != 20 {
		t.Errorf("got %v s, %d bytes, want 4 s, 20 bytes", r.Makespan, r.Sent)
	}
}

// TestCache: a worker fetches content once, and nothing that it made.
func TestCache(t *testing.T) {
	jobs := []job{{seconds: 1, reads: 10, makes: 7}, {seconds: 1, reads: 10, after: []int{0}}}
	if r := simulate(planOf(t, jobs...), Model{Workers: 1, Cores: 1}); r.Sent != 10 || r.Uploaded != 10 {
		t.Errorf("one worker: sent %d bytes, uploaded %d, want 10 and 10", r.Sent, r.Uploaded)
	}
	independent := []job{{seconds: 1, reads: 10}, {seconds: 1, reads: 10}}
	if r := simulate(planOf(t, independent...), Model{Workers: 2, Cores: 1}); r.Sent != 20 || r.Uploaded != 10 {
		t.Errorf("two workers: sent %d bytes, uploaded %d, want 20 and 10", r.Sent, r.Uploaded)
	}
}

func TestCycle(t *testing.T) {
	if _, err := newPlan(recordingOf(job{after: []int{1}}, job{after: []int{0}}), false); err == nil {
		t.Error("actions that wait for each other are no error")
	}
}

// TestPlotInBrowser: a browser draws the plot whole, and no text is upon another.
func TestPlotInBrowser(t *testing.T) {
	all := []*Recording{recordingOf(diamondJobs...), recordingOf(fanJobs...), recordingOf(job{seconds: 900, reads: 5e9, makes: 1e9})}
	r, err := newReport(all, Model{Cores: 1, CAS: 1e9, Link: 1e8, Client: 1e8})
	if err != nil {
		t.Fatal(err)
	}
	if bad := browsertest.BadTexts(t, r.plot()); bad != "" {
		t.Error(bad)
	}
}

// TestRecordings simulates the recordings of this repository on one core and on many.
func TestRecordings(t *testing.T) {
	all, err := readRecordings(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range append(all, repeat(all[0], 3)) {
		p, err := newPlan(r, false)
		if err != nil {
			t.Fatal(err)
		}
		var last Result
		for _, m := range []Model{{Workers: 1, Cores: 1}, {Workers: 10, Cores: 2, Overhead: 0.1, CAS: 1e8, Link: 1e7, Client: 1e7}, {Workers: 100_000, Cores: 1}} {
			last = simulate(p, m)
			consistent(t, p, m, last)
		}
		if _, path := p.criticalPath(0); !near(last.Makespan, path) {
			t.Errorf("%s: with as many workers as actions got %v s, want the critical path, %v s", r.Name, last.Makespan, path)
		}
	}
}
