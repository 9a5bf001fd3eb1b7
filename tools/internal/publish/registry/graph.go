package registry

import (
	"container/heap"
	"context"
	"sync"
)

// A task is a step of a push. It runs once all that it waits for is done.
type task struct {
	run      func(ctx context.Context) error
	priority int // of the tasks that may run, the lowest runs first
	waits    int // for how many others
	next     []*task
	order    int
}

// A graph is tasks that wait for each other.
type graph struct{ tasks []*task }

// add adds a task that waits for others; a nil one is nothing to wait for.
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

// do runs all tasks, at most limit at a time. The first error cancels the others
// and is what do returns.
func (g *graph) do(ctx context.Context, limit int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu     sync.Mutex
		wake   = sync.NewCond(&mu)
		ready  queue
		left   = len(g.tasks)
		failed error
	)
	for _, t := range g.tasks {
		if t.waits == 0 {
			ready = append(ready, t)
		}
	}
	heap.Init(&ready)
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
			t := heap.Pop(&ready).(*task)
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
					heap.Push(&ready, n)
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

// queue is a heap of tasks.
type queue []*task

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].priority != q[j].priority {
		return q[i].priority < q[j].priority
	}
	return q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*task)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
