package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
)

// atOnce is the number of dependencies that are pinned at the same time: most of the time
// is spent waiting for servers.
const atOnce = 8

// task is one dependency to pin.
type task struct {
	dep   *manifest.Dependency
	reads *task         // whose file `auto` reads; nil if the manifest has the revision
	done  chan struct{} // closed once pinned or err is set

	pinned *lock.Dependency
	err    error

	once    sync.Once
	source  *Source
	openErr error
}

// errCause means that the dependency that `auto` reads has failed, with its own error.
var errCause = errors.New("the dependency that it reads could not be pinned")

// plan returns one task for each dependency, in the manifest's order, with the one that it
// has to wait for. There are no cycles: package manifest rejects them.
func plan(m *manifest.Manifest) ([]*task, error) {
	tasks := make([]*task, len(m.Dependencies))
	byName := map[string]*task{}
	for i := range m.Dependencies {
		tasks[i] = &task{dep: &m.Dependencies[i], done: make(chan struct{})}
		byName[m.Dependencies[i].Name] = tasks[i]
	}
	var errs []error
	for _, t := range tasks {
		from := m.AutoFrom(t.dep)
		if from == "" {
			continue
		}
		if t.reads = byName[from]; t.reads == nil {
			err := fmt.Errorf("auto: %s reads dependency %q, which is not in the manifest", t.dep.Auto, from)
			errs = append(errs, named(t.dep.Name, hint.With(err, "add that dependency, or choose another one to read with from: NAME")))
		}
	}
	return tasks, errors.Join(errs...)
}

// run pins all dependencies.
func (a *Args) run(ctx context.Context, tasks []*task) ([]lock.Dependency, error) {
	slots := make(chan struct{}, atOnce)
	for _, t := range tasks {
		go func() {
			defer close(t.done)
			if t.reads != nil {
				<-t.reads.done
				if t.reads.err != nil {
					t.err = errCause
					return
				}
			}
			slots <- struct{}{}
			defer func() { <-slots }()
			if t.err = ctx.Err(); t.err == nil {
				t.pinned, t.err = a.pin(ctx, t)
			}
		}()
	}
	var pinned []lock.Dependency
	var errs []error
	for _, t := range tasks {
		<-t.done
		switch {
		case t.err == nil:
			pinned = append(pinned, *t.pinned)
		case !errors.Is(t.err, errCause):
			errs = append(errs, named(t.dep.Name, t.err))
		}
	}
	return pinned, cmp.Or(ctx.Err(), errors.Join(errs...))
}

// open opens the source that t pinned, for all tasks that read it.
func (t *task) open(open func(*lock.Dependency) (*Source, error)) (*Source, error) {
	t.once.Do(func() { t.source, t.openErr = open(t.pinned) })
	return t.source, t.openErr
}
