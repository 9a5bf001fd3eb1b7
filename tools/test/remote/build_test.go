package remote_test

import (
	"path/filepath"
	"strings"
	"testing"

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
	checkExecution(t, newWorld(t, *line))
}

// in returns a world for a part of the test.
func (w *world) in(t *testing.T) *world {
	part := *w
	part.t = t
	return &part
}

// checkExecution builds a release here and by remote execution, and compares; then again from
// the cache, with all files and with none.
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
	minimal := w.rebuild("--config=remote-exec", "--disk_cache=", "--remote_download_minimal")
	t.Logf("the same, downloading nothing: %s", minimal)
	_, all := remotetest.Bytes(cached.calls)
	if _, least := remotetest.Bytes(minimal.calls); minimal.sums != "" || least*2 > all {
		t.Errorf("got %d bytes of %d, and SHA256SUMS %q", least, all, minimal.sums)
	}
}

// compare compares a build with one here.
func (w *world) compare(here, there *built) {
	w.t.Helper()
	if n := there.local(); n > 0 {
		w.t.Errorf("%d actions ran here: got %v", n, there.runners)
	}
	if there.sums != here.sums || strings.Count(here.sums, "\n") < 3 {
		w.t.Errorf("got SHA256SUMS\n%s\nwant, as built here,\n%s", there.sums, here.sums)
	}
}
