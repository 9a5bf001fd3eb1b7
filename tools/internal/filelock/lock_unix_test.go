//go:build unix && !aix && !solaris

package filelock

import (
	"errors"
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

func TestTry(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	unlock, err := Try(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Try(name); !errors.Is(err, ErrHeld) {
		t.Errorf("while it is held: got error %v, want %v", err, ErrHeld)
	}
	unlock()
	unlock, err = Try(name)
	if err != nil {
		t.Fatalf("once it is free: %v", err)
	}
	unlock()
}
