package parallel

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		odd := errors.New("odd")
		var running, most atomic.Int64
		start := time.Now()
		errs := Do(7, 3, func(i int) error {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			time.Sleep(time.Second)
			if i%2 == 1 {
				return odd
			}
			return nil
		})
		if want := []error{nil, odd, nil, odd, nil, odd, nil}; !slices.Equal(errs, want) {
			t.Errorf("got %v, want %v", errs, want)
		}
		if took := time.Since(start); took != 3*time.Second || most.Load() != 3 {
			t.Errorf("got %v, %d at a time, want 3s, 3 at a time", took, most.Load())
		}
		if errs := Do(0, 3, nil); len(errs) > 0 {
			t.Errorf("nothing to do: got %v", errs)
		}
	})
}

func TestDoAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, later := errors.New("broken"), errors.New("later")
		wait := func(ctx context.Context, d time.Duration, err error) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(d):
				return err
			}
		}
		start := time.Now()
		err := DoAll(t.Context(), 3, 3, func(ctx context.Context, i int) error {
			return wait(ctx, []time.Duration{time.Hour, time.Second, time.Minute}[i], []error{nil, broken, later}[i])
		})
		if took := time.Since(start); err != broken || took != time.Second {
			t.Errorf("got %v after %v, want the cause after 1s, not what it cancelled", err, took)
		}
		if err := DoAll(t.Context(), 2, 1, func(context.Context, int) error { return nil }); err != nil {
			t.Errorf("got %v, want none", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := DoAll(ctx, 2, 2, func(ctx context.Context, _ int) error { return ctx.Err() }); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: got %v, want %v", err, context.Canceled)
		}
	})
}
