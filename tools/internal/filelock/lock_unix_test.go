//go:build unix && !aix && !solaris

package filelock

import (
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestLock: each open file has a lock of its own, so goroutines stand for processes.
func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	var holders atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				unlock, err := Lock(name)
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("got %d holders at the same moment, want 1", n)
				}
				time.Sleep(100 * time.Microsecond)
				holders.Add(-1)
				unlock()
			}
		})
	}
	group.Wait()
	if _, err := Lock(filepath.Join(name, "none")); err == nil {
		t.Error("no folder: got no error")
	}
}
