package readers

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "some-reader")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RELEASE_REQUIRE", "some-reader")
	t.Setenv("RELEASE_READERS", dir)
	if got := Find(t, "some-reader"); got != name {
		t.Errorf("got %q, want %q", got, name)
	}
	if got, ok := Look(t, "some-reader"); got != name || !ok {
		t.Errorf("got %q, %v, want %q", got, ok, name)
	}
}

// state is the state of a test.
type state struct {
	testing.TB
	skipped, failed bool
}

func (s *state) Helper()               {}
func (s *state) Skipf(string, ...any)  { s.skipped = true }
func (s *state) Fatalf(string, ...any) { s.failed = true }

func TestMissing(t *testing.T) {
	t.Setenv("RELEASE_REQUIRE", "demanded also")
	for name, wantFailed := range map[string]bool{"demanded": true, "also": true, "other": false, "demande": false} {
		s := &state{}
		Require(s, name, false)
		if s.failed != wantFailed || !wantFailed && !s.skipped {
			t.Errorf("%s: got failed %v, skipped %v", name, s.failed, s.skipped)
		}
		there := &state{}
		if Require(there, name, true); there.failed || there.skipped {
			t.Errorf("%s: it is there", name)
		}
	}
}
