package main

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/progress"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// showPlan prints what each destination has and should have: the number of contents, and each
// receipt, pointer and conflict.
func showPlan(w io.Writer, profile string, p *publish.Plan) {
	fmt.Fprintf(w, "%s to %s: %s\n", p.Version, profile, changes(p.Changes(), p.Size()))
	for _, d := range p.Destinations {
		if len(d.Items) == 0 {
			fmt.Fprintf(w, "  %s: the release has nothing for it\n", d.Name)
			continue
		}
		fmt.Fprintf(w, "  %s\n", d.Name)
		showContent(w, d.Items)
		for _, i := range d.Items {
			if i.State == publish.Conflict || i.Phase != publish.Upload {
				fmt.Fprintf(w, "    %s\n", itemLine(i))
			}
		}
	}
}

// itemLine returns the line of a pointer or a conflict.
func itemLine(i publish.Item) string {
	what, why := i.Kind+" "+i.Name, ""
	if i.Reason != "" {
		why = " (" + i.Reason + ")"
	}
	switch i.State {
	case publish.Conflict:
		return fmt.Sprintf("CONFLICT %s: found %s, want %s%s", what, i.Found, i.Digest, why)
	case publish.Equal:
		return "= " + what
	case publish.Kept:
		where := "stays absent"
		if i.Found != "" {
			where = "stays at " + i.Found
		}
		return fmt.Sprintf("= %s: %s, for %s", what, where, i.Reason)
	case publish.Behind:
		return fmt.Sprintf("~ %s: %s, to become %s%s", what, i.Found, i.Digest, why)
	}
	return "+ " + what + why
}

// showContent prints a line for each kind of content in each state.
func showContent(w io.Writer, items []publish.Item) {
	type group struct {
		kind  string
		state publish.State
	}
	type total struct {
		n    int
		size int64
	}
	totals := map[group]total{}
	var order []group
	for _, i := range items {
		if i.Phase != publish.Upload || i.State == publish.Conflict {
			continue
		}
		g := group{i.Kind, i.State}
		if totals[g].n == 0 {
			order = append(order, g)
		}
		totals[g] = total{totals[g].n + 1, totals[g].size + i.Size}
	}
	for _, g := range order {
		mark, what := "+", "to create, "+cli.Size(totals[g].size)
		if g.state == publish.Equal {
			mark, what = "=", "there"
		}
		fmt.Fprintf(w, "    %s %s: %d %s\n", mark, g.kind, totals[g].n, what)
	}
}

func changes(n int, size int64) string {
	switch n {
	case 0:
		return "0 changes"
	case 1:
		return "1 change, " + cli.Size(size)
	}
	return fmt.Sprintf("%d changes, %s", n, cli.Size(size))
}

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
