//go:build unix && !aix && !solaris

package filelock

import (
	"path/filepath"
	"sync"
	"testing"
)

// TestLock: each open file has a lock of its own, so goroutines stand for processes.
func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	holders, most := 0, 0
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				unlock, err := Lock(name)
				if err != nil {
					t.Error(err)
					return
				}
				holders++
				most = max(most, holders)
				holders--
				unlock()
			}
		})
	}
	group.Wait()
	if most != 1 {
		t.Errorf("got %d holders at the same moment, want 1", most)
	}
	if _, err := Lock(filepath.Join(name, "none")); err == nil {
		t.Error("no folder: got no error")
	}
}
