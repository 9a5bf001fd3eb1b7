package remote_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"github.com/jasonwzm/release-builder/tools/internal/check/execlog"
	"github.com/jasonwzm/release-builder/tools/internal/testing/remotetest"
)

// TestDemo builds a small release, of which the parts are tests.
func TestDemo(t *testing.T) {
	w := newDemo(t)
	checkExecution(t, w)
	t.Run("faults", func(t *testing.T) { w.in(t).checkFaults() })
	if *whole {
		t.Run("lost", func(t *testing.T) { w.in(t).checkLost() })
	}
	t.Run("poisoned", func(t *testing.T) { w.in(t).checkPoisoned() })
}

// TestLine builds the release of a line, which is not asked for by default.
func TestLine(t *testing.T) {
	if *line == "" {
		return
	}
	w := newWorld(t, *line)
	w.target, w.Timeout = *target, 3*time.Hour // --test_timeout ends it
	checkExecution(t, w)
}

// in returns a world for a part of the test.
func (w *world) in(t *testing.T) *world {
	part := *w
	part.t = t
	return &part
}

// checkExecution builds a release here and by remote execution, and compares; then again from
// the cache, with all files and with none. A release that is not here is published.
func checkExecution(t *testing.T, w *world) {
	here := w.must()
	log := filepath.Join(t.TempDir(), "actions")
	remote := w.rebuild(append(execlog.Flags(log), "--config=remote-exec", "--disk_cache=")...)
	t.Logf("remote execution, cold: %s", remote)
	w.compare(here, remote)
	if n := remote.calls[remotetest.Execute].Number; remote.runners["remote"] == 0 || n < remote.runners["remote"] {
		t.Errorf("got %v, and %d executions", remote.runners, n)
	}
	t.Run("needs", func(t *testing.T) { checkNeeds(t, log) })
	cached := w.rebuild("--config=remote", "--disk_cache=")
	t.Logf("remote cache, warm: %s", cached)
	w.compare(here, cached)
	if n := cached.calls[remotetest.Write].Number; n > 0 {
		t.Errorf("a reader of the cache wrote %d times", n)
	}
	events := filepath.Join(t.TempDir(), "events.json")
	minimal := w.rebuild("--config=remote-exec", "--disk_cache=", "--remote_download_minimal", "--build_event_json_file="+events)
	t.Logf("the same, downloading nothing: %s", minimal)
	_, all := remotetest.Bytes(cached.calls)
	if _, least := remotetest.Bytes(minimal.calls); minimal.sums != "" || least*2 > all {
		t.Errorf("got %d bytes of %d, and SHA256SUMS %q", least, all, minimal.sums)
	}
	if w.target == release {
		t.Run("publish", func(t *testing.T) { w.in(t).checkPublish(events, here) })
	}
}

// checkPublish publishes, without Bazel, the release that only the cache has; then again, when
// the destinations have it.
func (w *world) checkPublish(events string, here *built) {
	program, err := runfiles.Rlocation(os.Getenv("REMOTE_RELEASE"))
	if err != nil {
		w.t.Fatal(err)
	}
	state := w.t.TempDir()
	var read []int64
	for range 2 {
		w.engine.Proxy.Reset()
		cmd := exec.CommandContext(w.t.Context(), program, "--line", w.Line, "publish", "--stage", "--events", events)
		cmd.Dir, cmd.Env = w.Dir, append(slices.Clone(w.Environ), "XDG_STATE_HOME="+state)
		start := time.Now()
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), secret) {
			w.t.Fatalf("%v\n%s", err, out)
		}
		_, n := remotetest.Bytes(w.engine.Proxy.Reset())
		w.t.Logf("publish --events: %.0f s; %s bytes to the client\n%s", time.Since(start).Seconds(), group(n), out)
		read = append(read, n)
	}
	if read[1]*2 > read[0] {
		w.t.Errorf("got %d bytes when the destinations have the release, and %d before", read[1], read[0])
	}
	sums, err := filepath.Glob(filepath.Join(state, "release-builder", w.Line, "stage", "bucket", "*", "SHA256SUMS"))
	if len(sums) == 0 {
		w.t.Fatalf("got no published SHA256SUMS, %v", err)
	}
	for _, name := range sums {
		if data, err := os.ReadFile(name); err != nil || string(data) != here.sums {
			w.t.Errorf("published %s\n%s%v\nwant, as built here,\n%s", name, data, err, here.sums)
		}
	}
}

// compare compares a build with one here.
func (w *world) compare(here, there *built) {
	w.t.Helper()
	if n := there.local(); n > 0 {
		w.t.Errorf("%d actions ran here: got %v", n, there.runners)
	}
	if there.sums != here.sums || here.sums == "" {
		w.t.Errorf("got SHA256SUMS\n%s\nwant, as built here,\n%s", there.sums, here.sums)
	}
}
