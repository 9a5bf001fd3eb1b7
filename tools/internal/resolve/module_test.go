package resolve

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// TestPseudoVersionTime: the time of a pseudo-version is the one in it. A proxy may say another.
func TestPseudoVersionTime(t *testing.T) {
	m := module.Version{Path: "example.com/a", Version: "v0.0.0-20260827124520-0123456789ab"}
	p := proxytest.New(t, map[string]string{m.String() + "/go.mod": "module example.com/a\n"})
	info := filepath.Join(p.Dir, "example.com", "a", "@v", m.Version+".info")
	if err := os.WriteFile(info, []byte(`{"Version":"`+m.Version+`","Time":"2026-08-30T02:05:27Z"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ImportModules(p.Dir); err != nil {
		t.Fatal(err)
	}
	d, err := (&Modules{Store: s}).describe(m)
	if want := time.Date(2026, 8, 27, 12, 45, 20, 0, time.UTC); err != nil || !d.Time.Equal(want) {
		t.Errorf("got %v, %v, want %s", d, err, want)
	}
}
