// Package progress is about a terminal: it shows the progress of long work, as bars or, without a
// terminal, as a plain line now and then, and it asks questions.
package progress

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

// Interval is the time between two lines about a task if there is no terminal.
const Interval = 10 * time.Second

// Board shows tasks and lines. It is safe for concurrent use.
type Board struct {
	name string
	mu   sync.Mutex // of w
	w    io.Writer
	bars *mpb.Progress // nil for plain lines

	events *json.Encoder // nil for lines and bars
}

// New returns a board that writes to w, with bars if w is a terminal. Each line
// begins with the command's name.
func New(name string, w io.Writer) *Board {
	return newBoard(name, w, terminal(w))
}

// terminal reports whether w is a terminal, or writes to one and says so by a method Unwrap.
func terminal(w io.Writer) bool {
	switch w := w.(type) {
	case *os.File:
		return term.IsTerminal(int(w.Fd()))
	case interface{ Unwrap() io.Writer }:
		return terminal(w.Unwrap())
	}
	return false
}

func newBoard(name string, w io.Writer, terminal bool) *Board {
	b := &Board{name: name, w: w}
	if terminal {
		b.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(24), mpb.WithAutoRefresh())
	}
	return b
}

// Linef writes a line, above any bars.
func (b *Board) Linef(format string, args ...any) {
	if b.events != nil {
		b.event(Event{Message: fmt.Sprintf(format, args...)})
		return
	}
	line := fmt.Sprintf(b.name+": "+format+"\n", args...)
	if b.bars != nil {
		if _, err := b.bars.Write([]byte(line)); err == nil {
			return
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	io.WriteString(b.w, line)
}

// Close ends all bars. Linef can still be called.
func (b *Board) Close() {
	if b.bars != nil {
		b.bars.Shutdown()
	}
}

// Task is one piece of work that moves bytes, or that counts something else.
type Task struct {
	board  *Board
	name   string
	counts bool
	mu     sync.Mutex
	bar    *mpb.Bar // made at the first update
	start  time.Time
	said   time.Time
	bytes  int64
	total  int64
}

// Task returns a task that moves bytes, which is shown after its first update.
func (b *Board) Task(name string) *Task { return &Task{board: b, name: name} }

// Count returns a task that counts, which is shown after its first update. Its end is
// reported only if it took a second.
func (b *Board) Count(name string) *Task { return &Task{board: b, name: name, counts: true} }

// size returns a number of bytes or of what the task counts, as text.
func (t *Task) size(n int64) string {
	if t.counts {
		return strconv.FormatInt(n, 10)
	}
	return cli.Size(n)
}

// Update sets how many bytes have been moved, or how much is done, and of how many. A total of
// 0 means unknown.
func (t *Task) Update(bytes, total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.start.IsZero() {
		t.start, t.said = now, now
	}
	t.bytes, t.total = bytes, total
	switch {
	case t.board.events != nil:
		if now.Sub(t.said) >= eventInterval {
			t.said = now
			t.event(false)
		}
	case t.board.bars != nil:
		if t.bar == nil {
			current, speed := decor.CurrentKibiByte("% .1f", decor.WCSyncSpace), decor.AverageSpeed(decor.SizeB1024(0), "% .1f", decor.WCSyncSpace)
			if t.counts {
				current, speed = decor.CurrentNoUnit("%d", decor.WCSyncSpace), decor.Name("", decor.WCSyncSpace)
			}
			t.bar = t.board.bars.AddBar(total, mpb.BarRemoveOnComplete(),
				mpb.PrependDecorators(decor.Name(t.name, decor.WCSyncSpaceR), current), mpb.AppendDecorators(speed, timeLeft(total)))
		}
		t.bar.SetTotal(max(total, bytes+1), false)
		t.bar.SetCurrent(bytes)
	case now.Sub(t.said) >= Interval:
		t.said = now
		t.board.Linef("%s: %s%s", t.name, t.size(bytes), t.rest(bytes, total))
	}
}

// timeLeft shows the time left, or nothing if the total is not known.
func timeLeft(total int64) decor.Decorator {
	if total == 0 {
		return decor.Name("")
	}
	return decor.OnComplete(decor.AverageETA(decor.ET_STYLE_GO, decor.WCSyncSpace), "")
}

// rest returns the total and the time left, as text.
func (t *Task) rest(bytes, total int64) string {
	elapsed := time.Since(t.start)
	if total <= bytes || bytes == 0 || elapsed <= 0 {
		return " so far"
	}
	if t.counts {
		return fmt.Sprintf(" of %d", total)
	}
	left := time.Duration(float64(elapsed) * float64(total-bytes) / float64(bytes))
	return fmt.Sprintf(" of %s, %s/s, %s left", cli.Size(total), cli.Size(int64(float64(bytes)/elapsed.Seconds())), left.Round(time.Second))
}

// Done reports the end of the task, if it has moved anything.
func (t *Task) Done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bar != nil {
		t.bar.Abort(true)
		t.bar = nil
	}
	elapsed := time.Since(t.start)
	switch {
	case t.bytes > 0 && t.board.events != nil:
		t.event(true)
	case t.bytes == 0 || t.counts && elapsed < time.Second:
	case t.counts && t.total > t.bytes:
		t.board.Linef("%s: %d of %d in %.1f s", t.name, t.bytes, t.total, elapsed.Seconds())
	default:
		t.board.Linef("%s: %s in %.1f s", t.name, t.size(t.bytes), elapsed.Seconds())
	}
	t.bytes, t.start = 0, time.Time{}
}

// Steps are the steps of one piece of work, each a task that counts.
type Steps struct {
	board *Board
	name  string
	mu    sync.Mutex
	order []*Task
	tasks map[string]*Task
}

// Steps returns the steps of the named work.
func (b *Board) Steps(name string) *Steps {
	return &Steps{board: b, name: name, tasks: map[string]*Task{}}
}

// Update sets how much of a step is done, and of how many. A total of 0 means unknown. A step
// that begins anew ends before.
func (s *Steps) Update(step string, done, total int) {
	s.mu.Lock()
	t := s.tasks[step]
	if t == nil {
		t = s.board.Count(s.name + ": " + step)
		s.tasks[step] = t
		s.order = append(s.order, t)
	}
	s.mu.Unlock()
	if done == 0 {
		t.Done()
	}
	t.Update(int64(done), int64(total))
}

// Done ends all steps, in the order in which they began.
func (s *Steps) Done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.order {
		t.Done()
	}
}
