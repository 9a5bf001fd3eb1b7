package registry

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// A task is a step of a push. It runs when all tasks that it waits for are done.
type task struct {
	run      func(ctx context.Context) error
	priority int // of the tasks that can run, the lowest runs first
	waits    int // number of tasks to wait for
	next     []*task
	order    int
}

// A graph is tasks that wait for each other. It keeps the number of requests minimal: a blob
// of several repositories is sent once and mounted by the others, and manifests wait only for
// what they refer to.
type graph struct{ tasks []*task }

// add adds a task that waits for others, which may be nil.
func (g *graph) add(priority int, run func(ctx context.Context) error, after ...*task) *task {
	t := &task{run: run, priority: priority, order: len(g.tasks)}
	g.tasks = append(g.tasks, t)
	for _, a := range after {
		if a != nil {
			a.next = append(a.next, t)
			t.waits++
		}
	}
	return t
}

// do runs all tasks, at most limit at a time. The first error cancels the others and is
// returned.
func (g *graph) do(ctx context.Context, limit int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu     sync.Mutex
		wake   = sync.NewCond(&mu)
		ready  []*task
		left   = len(g.tasks)
		failed error
	)
	for _, t := range g.tasks {
		if t.waits == 0 {
			ready = append(ready, t)
		}
	}
	work := func() {
		mu.Lock()
		defer mu.Unlock()
		for {
			for len(ready) == 0 && left > 0 && failed == nil {
				wake.Wait()
			}
			if left == 0 || failed != nil {
				return
			}
			t := slices.MinFunc(ready, func(a, b *task) int { return cmp.Or(a.priority-b.priority, a.order-b.order) })
			ready = slices.DeleteFunc(ready, func(x *task) bool { return x == t })
			mu.Unlock()
			err := ctx.Err()
			if err == nil {
				err = t.run(ctx)
			}
			mu.Lock()
			left--
			if err != nil {
				if failed == nil {
					failed = err
				}
				cancel()
			}
			for _, n := range t.next {
				if n.waits--; n.waits == 0 {
					ready = append(ready, n)
				}
			}
			wake.Broadcast()
		}
	}
	var group sync.WaitGroup
	for range min(limit, len(g.tasks)) {
		group.Go(work)
	}
	group.Wait()
	return failed
}
