package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/testing/faulttest"
)

// patience is how long a run may take before it counts as one that hangs.
const patience = 10 * time.Minute

// onlyContent matches writes that are no pointers.
var onlyContent = regexp.MustCompile(`[/=](demo|live|hubs)/V/|\.apk|/blobs/|/assets|/git/tags|/pool/|/rewriteTo/b/releases/o/(live/V|live-apt/pool|live-charts/web)`)

// try publishes release number n in a world while a request fails, then again without a
// fault. It returns what is wrong.
func (m *matrix) try(w *world, k trial, n int) []string {
	var mu sync.Mutex
	var problems []string
	problem := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		problems = append(problems, fmt.Sprintf(format, args...))
	}
	before, after := m.states[k.profile][n].before, m.states[k.profile][n].after
	w.watch(before, after, problem)
	defer func() { w.layer.Wrote = nil }()

	w.layer.Begin(version(n), k.request, k.fault)
	state := filepath.Join(w.home, fmt.Sprint("state", n))
	r := m.publish(w, n, state)
	r.Stalls = k.fault == faulttest.Stalled
	err := m.faulty(w, k, r)
	r.Stalls = false
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		problem("the run hangs")
	case !w.layer.Hit():
		m.mu.Lock()
		m.missed = append(m.missed, k)
		m.mu.Unlock()
	default:
		m.run.Add(1)
		if err == nil {
			m.survived.Add(1)
		}
	}
	if k.fault.CarriedOut() {
		if blind := repeated(w.layer.Log(), k.request); blind != "" {
			problem("%s came again, and nothing was read before", blind)
		}
	}
	for _, leak := range w.layer.Leaks() {
		problem("%s", leak)
	}
	if !k.ledger {
		if err := os.RemoveAll(state); err != nil {
			problem("%v", err)
		}
	}
	w.layer.Begin(version(n), "", "")
	var log []string
	if again := r.publish(m.Context(), w.transport(), func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }); again != nil {
		problem("the run got %v; the next run got %v", err, again)
	}
	for _, line := range w.state(after, nil).diff(after) {
		problem("after the next run: %s", line)
	}
	return problems
}

// watch looks at the services after each write that may be one of a pointer, on the way from
// one state to another.
func (w *world) watch(before, after state, problem func(format string, args ...any)) {
	var mu sync.Mutex
	var uploaded, others []string
	for _, key := range after.changed(before) {
		if rankOf(key, before) == content && !strings.Contains(key, "/by-hash/") {
			uploaded = append(uploaded, key)
		} else {
			others = append(others, key)
		}
	}
	done := state{}
	w.layer.Wrote = func(name string) {
		if onlyContent.MatchString(name) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		now := w.state(after, others)
		// Nothing deletes content, and the last state is compared as a whole.
		if len(uploaded) > 0 {
			found := w.state(after, uploaded)
			maps.Copy(now, found)
			uploaded = slices.DeleteFunc(uploaded, func(key string) bool {
				is := found[key] == after[key]
				if is {
					done[key] = after[key]
				}
				return is
			})
		}
		maps.Copy(now, done)
		if early := now.early(before, after); early != "" {
			problem("after %s: %s", name, early)
		}
	}
}

// faulty publishes while a request fails. If the fault ends the process, another process
// does it.
func (m *matrix) faulty(w *world, k trial, r run) error {
	ctx, cancel := context.WithTimeout(m.Context(), patience)
	defer cancel()
	if !k.fault.Kills() {
		err := r.publish(ctx, w.transport(), func(string, ...any) {})
		return errors.Join(err, context.Cause(ctx))
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), child+"="+string(text))
	err = w.layer.Run(cmd)
	return errors.Join(err, context.Cause(ctx))
}

// repeated returns a write that was carried out, lost its answer and came again, although
// nothing was read in between and it has no precondition of its own. Buckets check theirs;
// blobs of a registry and objects of git have their digest.
func repeated(log []string, name string) string {
	service, rest, _ := strings.Cut(name, " ")
	method, _, _ := strings.Cut(rest, " ")
	if service == "gcs" || service == "s3" || service == "git" || method == "GET" || method == "HEAD" || strings.Contains(name, "/blobs/") || strings.Contains(name, "/manifests/sha256:") || strings.Contains(name, "/git/tags") {
		return ""
	}
	at := slices.Index(log, name)
	base := name[:strings.LastIndex(name, " #")]
	for _, next := range log[at+1:] {
		switch {
		case strings.HasPrefix(next, service+" GET "), strings.HasPrefix(next, service+" HEAD "):
			return ""
		case strings.HasPrefix(next, base+" #"):
			return next
		}
	}
	return ""
}
