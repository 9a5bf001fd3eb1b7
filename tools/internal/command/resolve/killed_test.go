package resolve

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// writes are the system calls by which a file changes.
const writes = "write,pwrite64,fsync,fchmod,renameat,unlinkat,linkat,mkdirat"

// TestKilled kills resolves, and the go and git commands that they run, before a write to a
// disk: at the first, second, … such call of any of their threads. Each time the lock is whole or
// absent, and another resolve makes the lock and the store that there are without a kill.
func TestKilled(t *testing.T) {
	strace := readers.Find(t, "strace")
	gittest.Env(t)
	w := newFaultWorld(t)
	want := w.reference(t)
	cases := 12
	if *wholeFaults {
		cases = 300
	}
	killed := 0
	for range cases {
		call := strings.Split(writes, ",")[rand.IntN(8)]
		at := 1 + rand.IntN(12)
		s := w.workspace()
		s.prefix = []string{strace, "-f", "-qq", "-o", filepath.Join(s.dir, "trace"), "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, at)}
		result, err := w.again(t, s, want, true)
		if err != nil {
			t.Errorf("%s %d: %s: %v", call, at, result, err)
		}
		if result == "failed" {
			killed++
		}
	}
	t.Logf("%d resolves, %d of them killed", cases, killed)
	if killed < cases/4 {
		t.Errorf("got %d of %d killed", killed, cases)
	}
}

// TestKilledLock kills resolves at each call that touches the lock.
func TestKilledLock(t *testing.T) {
	strace := readers.Find(t, "strace")
	gittest.Env(t)
	w := newFaultWorld(t)
	want := w.reference(t)
	killed := 0
	for _, call := range []string{"write", "fsync", "renameat", "openat", "fchmod"} {
		s := w.workspace()
		lock := filepath.Join(s.dir, lockFile)
		s.prefix = []string{strace, "-f", "-qq", "-o", filepath.Join(s.dir, "trace"), "-P", lock, "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:signal=KILL", call)}
		result, err := w.again(t, s, want, true)
		if err != nil {
			t.Errorf("%s: %s: %v", call, result, err)
		}
		if result == "failed" {
			killed++
		}
	}
	if killed == 0 {
		t.Error("no resolve was killed")
	}
}
