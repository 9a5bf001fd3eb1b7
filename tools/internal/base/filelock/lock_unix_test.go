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
	dir := t.TempDir()
	for what, lock := range map[string]func() (func(), error){
		"file":      func() (func(), error) { return Lock(filepath.Join(dir, "lock")) },
		"directory": func() (func(), error) { return Dir(dir) },
	} {
		t.Run(what, func(t *testing.T) { testLock(t, lock) })
	}
	if _, err := Lock(filepath.Join(dir, "lock", "none")); err == nil {
		t.Error("no directory: got no error")
	}
	if _, err := Dir(filepath.Join(dir, "none")); err == nil {
		t.Error("a directory that is not there: got no error")
	}
}

func testLock(t *testing.T, lock func() (func(), error)) {
	var holders atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				unlock, err := lock()
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
