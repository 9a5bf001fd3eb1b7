//go:build unix

package store

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestRemovedWhileLookedUp checks that a file that is removed during a look-up is not found.
func TestRemovedWhileLookedUp(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := s.PutBlob(strings.NewReader("blob"))
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(s.BlobPath(d), old, old); err != nil {
		t.Fatal(err)
	}
	unlock, err := s.Hold()
	if err != nil {
		t.Fatal(err)
	}
	found := make(chan bool)
	go func() { found <- s.HasBlob(d) }()
	select {
	case <-found:
		unlock()
		t.Fatal("got an answer while the store is held, want that the lookup waits")
	case <-time.After(100 * time.Millisecond):
	}
	err = os.Remove(s.BlobPath(d))
	unlock()
	if err != nil {
		t.Fatal(err)
	}
	if <-found {
		t.Error("got that the blob is there, want that it is not")
	}
}
