package progress

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// buffer is a writer that several goroutines may use.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w buffer
		b := NewEvents("publish", &w)
		b.Linef("warning: <%s>", "b")
		task := b.Task("gcs upload")
		task.Done() // nothing was moved
		for i := range 4 {
			task.Update(int64(i)*1000, 9000)
			time.Sleep(500 * time.Millisecond)
		}
		task.Done()
		if got := b.Fail(hint.With(errors.New("no\x1b"), "do")); got != cli.Failure {
			t.Errorf("got status %d", got)
		}
		b.Close()
		want := `{"time":"2000-01-01T00:00:00Z","message":"warning: <b>"}
{"time":"2000-01-01T00:00:01Z","task":"gcs upload","done":2000,"total":9000,"perSecond":2000,"left":4}
{"time":"2000-01-01T00:00:02Z","task":"gcs upload","done":3000,"total":9000,"perSecond":1500,"left":5,"ended":true}
{"time":"2000-01-01T00:00:02Z","error":"no\\x1b"}
{"time":"2000-01-01T00:00:02Z","hint":"do"}
`
		if got := w.String(); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})
}

func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w buffer
		b := New("resolve", &w)
		b.Linef("resolving %s", "api")
		task := b.Task("api")
		task.Done() // nothing was moved
		for range 5 {
			task.Update(3<<20, 0)
			time.Sleep(4 * time.Second)
		}
		task.Update(5<<30, 0)
		task.Done()
		for i := range 4 {
			task.Update(int64(i)<<20, 9<<20)
			time.Sleep(4 * time.Second)
		}
		task.Done()
		b.Close()
		b.Linef("done")
		want := "resolve: resolving api\nresolve: api: 3.0 MiB so far\nresolve: api: 5.0 GiB in 20.0 s\nresolve: api: 3.0 MiB of 9.0 MiB, 256.0 KiB/s, 24s left\nresolve: api: 3.0 MiB in 16.0 s\nresolve: done\n"
		if got := w.String(); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})
}

func TestSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w buffer
		b := New("resolve", &w)
		steps := b.Steps("istio")
		for i := range 3 {
			steps.Update("listing", i, 3)
			steps.Update("downloading", 10*(i+1), 0)
			time.Sleep(6 * time.Second)
		}
		steps.Update("listing", 3, 3)
		steps.Update("listing", 0, 3) // again, with other tags
		time.Sleep(time.Second)
		steps.Update("listing", 2, 3)
		steps.Update("unpacking", 0, 1)
		steps.Update("unpacking", 1, 1) // in no time
		steps.Done()
		want := "resolve: istio: listing: 2 of 3\nresolve: istio: downloading: 30 so far\nresolve: istio: listing: 3 in 18.0 s\n" +
			"resolve: istio: listing: 2 of 3 in 1.0 s\nresolve: istio: downloading: 30 in 19.0 s\n"
		if got := w.String(); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})
}

func TestBars(t *testing.T) {
	var w buffer
	b := newBoard("resolve", &w, true)
	task := b.Task("api")
	for i := range 4 {
		task.Update(int64(i+1)<<20, 8<<20)
		b.Linef("line %d", i)
		time.Sleep(60 * time.Millisecond)
	}
	task.Done()
	b.Close()
	b.Linef("after")
	got := w.String()
	for _, want := range []string{"api", "MiB", "resolve: line 0\n", "resolve: line 3\n", "resolve: after\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
}
