package publish

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/progress"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// showPublished prints where the release is.
func showPublished(w io.Writer, p *publish.Plan, receipt string) {
	fmt.Fprintf(w, "published %s\n", p.Version)
	for _, d := range p.Destinations {
		if directory := directory(d.Items); directory != "" {
			fmt.Fprintf(w, "  %s: %s\n", d.Name, directory)
		}
		for _, i := range d.Items {
			if i.Phase == publish.Reveal && i.State != publish.Kept {
				fmt.Fprintf(w, "  %s: %s %s\n", d.Name, i.Kind, i.Name)
			}
		}
	}
	for _, r := range p.Receipts() {
		fmt.Fprintf(w, "receipt: %s\n", r)
	}
	fmt.Fprintf(w, "receipt: %s\n", receipt)
}

// showYanked prints where the pointers are.
func (o *options) showYanked(w io.Writer, p *publish.Plan) (int, error) {
	if o.json {
		return cli.OK, writeJSON(w, p)
	}
	fmt.Fprintf(w, "yanked %s: what pointed to it points to %s\n", p.Yanks, p.Version)
	for _, d := range p.Destinations {
		for _, i := range d.Items {
			if i.State == publish.Equal && i.Leaves == "" {
				fmt.Fprintf(w, "  %s: %s %s\n", d.Name, i.Kind, i.Name)
			}
		}
	}
	return cli.OK, nil
}

// directory returns the directory of the release's objects in a bucket.
func directory(items []publish.Item) string {
	for _, i := range items {
		if name, ok := strings.CutSuffix(i.Name, i.Path); ok && i.Kind == "object" && i.Path != "" {
			return name
		}
	}
	return ""
}

// observer shows a task for each destination and phase.
type observer struct {
	board *progress.Board
	mu    sync.Mutex
	tasks map[string]*work
}

type work struct {
	task       *progress.Task
	sent, size int64
}

func newObserver(b *progress.Board) *observer { return &observer{board: b, tasks: map[string]*work{}} }

func (o *observer) Begin(destination string, phase publish.Phase, items int, size int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tasks[destination+string(phase)] = &work{task: o.board.Task(destination + " " + string(phase)), size: size}
}

func (o *observer) Progress(destination string, phase publish.Phase, p publish.Progress) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.tasks[destination+string(phase)]
	w.sent = max(0, w.sent+p.Bytes)
	if p.Bytes != 0 {
		w.task.Update(w.sent, w.size)
	}
}

func (o *observer) End(destination string, phase publish.Phase, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tasks[destination+string(phase)].task.Done()
}
