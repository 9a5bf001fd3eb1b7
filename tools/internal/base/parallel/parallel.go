// Package parallel runs a bounded number of functions concurrently.
package parallel

import (
	"context"
	"errors"
	"sync"
)

// Do calls f for each i from 0 to n-1, at most limit at a time, and returns the errors in
// the order of i.
func Do(n, limit int, f func(i int) error) []error {
	errs := make([]error, n)
	slots := make(chan struct{}, limit)
	var group sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			errs[i] = f(i)
		})
	}
	group.Wait()
	return errs
}

// DoAll is Do for work that is useless unless all of it is done: an error cancels the other
// calls. It returns the first error in the order of i that is not such a cancellation.
func DoAll(ctx context.Context, n, limit int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := Do(n, limit, func(i int) error {
		err := f(ctx, i)
		if err != nil {
			cancel()
		}
		return err
	})
	var first error
	for _, err := range errs {
		if err != nil && (first == nil || errors.Is(first, context.Canceled)) {
			first = err
		}
	}
	return first
}
