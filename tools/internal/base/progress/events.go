package progress

import (
	"encoding/json"
	"io"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// eventInterval is the time between two events about a task.
const eventInterval = time.Second

// An Event is a line of JSON, for other programs. It is about a task, or it is a message, an error
// or a hint.
type Event struct {
	Time time.Time `json:"time"`
	// Task is the name of a task. It has moved Done of Total bytes, or has done so much of what
	// it counts: then Counts is true. A Total of 0 means unknown.
	Task   string `json:"task,omitempty"`
	Counts bool   `json:"counts,omitempty"`
	Done   int64  `json:"done,omitempty"`
	Total  int64  `json:"total,omitempty"`
	// PerSecond is the rate since the task began, and Left what it means for the rest, in
	// seconds; 0 if it is not known.
	PerSecond int64 `json:"perSecond,omitempty"`
	Left      int64 `json:"left,omitempty"`
	// Ended says that the task is over.
	Ended   bool   `json:"ended,omitempty"`
	Message string `json:"message,omitempty"`
	Error   string `json:"error,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// NewEvents returns a board that writes a line of JSON for each [Event].
func NewEvents(name string, w io.Writer) *Board {
	b := &Board{name: name, w: w}
	b.events = json.NewEncoder(w)
	b.events.SetEscapeHTML(false)
	return b
}

func (b *Board) event(e Event) {
	e.Time = time.Now().UTC().Truncate(time.Millisecond)
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.events.Encode(e) // as for a line: nobody can be told
}

// event reports where the task is.
func (t *Task) event(ended bool) {
	e := Event{Task: t.name, Counts: t.counts, Done: t.bytes, Total: t.total, Ended: ended}
	if elapsed := time.Since(t.start).Seconds(); elapsed > 0 {
		e.PerSecond = int64(float64(t.bytes) / elapsed)
	}
	if e.PerSecond > 0 && t.total > t.bytes {
		e.Left = (t.total-t.bytes)/e.PerSecond + 1
	}
	t.board.event(e)
}

// Fail reports an error as [cli.Fail] does, and returns cli.Failure.
func (b *Board) Fail(err error) int {
	if b.events == nil {
		return cli.Fail(b.w, b.name, err)
	}
	for _, e := range hint.Split(err) {
		b.event(Event{Error: cli.Printable(e.Error())})
	}
	for _, h := range hint.Of(err) {
		b.event(Event{Hint: cli.Printable(h)})
	}
	return cli.Failure
}
