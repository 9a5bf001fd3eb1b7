//go:build linux

// Package hostile tests every entry point that reads something from outside with the input of
// an attacker: trees, archives, images, documents, servers.
//
// Each case is a row of a table. This process makes or serves the input. Another process feeds
// it to the entry point, so that its memory and time can be measured. Every case must have:
//
//   - an error that says what is wrong and with what, or a report if the input is accepted;
//   - text that a terminal can show: no control characters, no megabytes;
//   - no change outside of the target directory, and nothing left in TMPDIR;
//   - at most 256 MiB of memory, of the process and of each that it starts;
//   - at most 5 seconds of CPU time. On a busy machine, the wall-clock time may be longer.
//
// The inputs are generated. A new case is a row in the table of its kind.
package hostile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	maxMemory = 256 << 20       // bytes
	maxTime   = 5 * time.Second // CPU time of feed
	maxWait   = time.Minute     // wall-clock time of feed, on a busy machine
	maxText   = 8 << 10         // bytes of text for a person
	killAfter = 90 * time.Second
)

// A hazard is a hostile input and the entry point that reads it.
type hazard struct {
	name string
	// prepare makes the input, in the measuring process. It may be nil.
	prepare func(p *prep)
	// feed passes the input to the entry point, in a process of its own.
	feed func(c *cell) error
	// want is a part of the error, and report of the report if there is no error. Exactly one
	// is set. {NAME} is replaced by the value that prepare set.
	want, report string
	// never must not be in the error, such as a secret.
	never string
}

// kinds returns the tables.
func kinds() map[string][]hazard {
	return map[string][]hazard{
		"tar": tars(), "document": documents(), "git": trees(), "pack": packs(), "gitserver": gitServers(), "image": slices.Concat(bases(), layouts(), dockerArchives(), registries()), "web": webServers(), "zip": zips(), "module": modules(),
		"chart": slices.Concat(charts(), dashboards()), "package": packages(), "statement": slices.Concat(keys(), statements(), checks()),
	}
}

// hazards returns all rows by test name, and the sorted names.
func hazards() (names []string, all map[string]hazard) {
	all = map[string]hazard{}
	for kind, table := range kinds() {
		for _, h := range table {
			name := kind + "/" + h.name
			if _, ok := all[name]; ok {
				panic("two cases are called " + name)
			}
			all[name] = h
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, all
}

func TestMain(m *testing.M) {
	if name := os.Getenv(caseVariable); name != "" {
		os.Exit(child(name))
	}
	os.Exit(m.Run())
}

// worst are the largest numbers so far.
type worst struct {
	started time.Time

	mu               sync.Mutex
	cases            int
	memory           int64
	time             time.Duration
	largest, slowest string // the names of their cases
}

func (w *worst) add(name string, r *result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cases++
	if r.Memory > w.memory {
		w.memory, w.largest = r.Memory, name
	}
	if r.Time > w.time {
		w.time, w.slowest = r.Time, name
	}
}

// print prints the numbers. The output of go test has them with -v, or if a case fails.
func (w *worst) print() {
	fmt.Printf("hostile: %d cases in %.1f s, largest memory %d MiB (%s), slowest %.1f s (%s)\n",
		w.cases, time.Since(w.started).Seconds(), w.memory>>20, w.largest, w.time.Seconds(), w.slowest)
}

func TestHostile(t *testing.T) {
	names, all := hazards()
	w := &worst{started: time.Now()}
	t.Cleanup(w.print)
	shared := newWorld(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := all[name]
			p := newPrep(t, shared)
			if h.prepare != nil {
				h.prepare(p)
			}
			before := p.listing()
			r := p.run(name)
			w.add(name, r)
			t.Logf("%d MiB, %.2f s, %.2f s of CPU: %s", r.Memory>>20, r.Time.Seconds(), r.CPU.Seconds(), r.Text+r.Report)
			h.check(t, p, r)
			if after := p.listing(); after != before {
				t.Errorf("outside the target:\n%s", difference(before, after))
			}
		})
	}
}

// check compares a result with the expectations.
func (h *hazard) check(t *testing.T, p *prep, r *result) {
	t.Helper()
	switch want := p.expand(h.want + h.report); {
	case h.want != "" && !contains(r.Text, want):
		t.Errorf("error: got %q, want %q", r.Text, want)
	case h.report != "" && (r.Text != "" || !contains(r.Report, want)):
		t.Errorf("report: got %q and error %q, want %q", r.Report, r.Text, want)
	}
	if h.never != "" && strings.Contains(r.Text, p.expand(h.never)) {
		t.Errorf("error: got %q, want it without %q", r.Text, p.expand(h.never))
	}
	if i := strings.IndexFunc(r.Text, unprintable); i >= 0 {
		t.Errorf("error: got %q, want no control character as at byte %d", r.Text, i)
	}
	if len(r.Text) > maxText {
		t.Errorf("error: got %d bytes, want at most %d: %.200s…", len(r.Text), maxText, r.Text)
	}
	if r.Memory > maxMemory {
		t.Errorf("memory: got %d MiB, want at most %d", r.Memory>>20, maxMemory>>20)
	}
	if r.CPU > maxTime || r.Time > maxWait {
		t.Errorf("time: got %v, %v of CPU, want at most %v of CPU in %v", r.Time, r.CPU, maxTime, maxWait)
	}
}

// contains reports whether a text has the parts of want between "…", in order.
func contains(text, want string) bool {
	for part := range strings.SplitSeq(want, "…") {
		_, rest, ok := strings.Cut(text, part)
		if !ok {
			return false
		}
		text = rest
	}
	return true
}

// unprintable reports whether r is a control character, such as one that moves a terminal's
// cursor.
func unprintable(r rune) bool { return r < ' ' && r != '\n' || 0x7f <= r && r < 0xa0 || r == 0x202e }

// run starts a process that feeds the input, and measures it.
func (p *prep) run(name string) *result {
	p.Helper()
	exe, err := os.Executable()
	if err != nil {
		p.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.Context(), killAfter)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Dir, cmd.Env = p.path("cwd"), p.environ(name)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	if err != nil {
		p.Fatalf("the process that fed it: %v after %.1f s\n%s", errors.Join(err, ctx.Err()), took.Seconds(), stderr.String())
	}
	r := parseResult(p, out)
	r.Time, r.CPU = took, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	return r
}
