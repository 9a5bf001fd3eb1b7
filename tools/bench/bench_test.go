package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		in   Sample
		want float64
	}{
		{nil, 0},
		{Sample{7}, 7},
		{Sample{3, 1}, 2},
		{Sample{9, 1, 5}, 5},
		{Sample{9, 1, 5, 6}, 5.5},
	} {
		if got := tt.in.Median(); got != tt.want {
			t.Errorf("median of %v: got %v, want %v", tt.in, got, tt.want)
		}
	}
}

func TestRaceTakesTurns(t *testing.T) {
	var order []string
	contender := func(name string) Contender {
		return Contender{name, func(context.Context) error {
			order = append(order, name)
			return nil
		}}
	}
	e := &Env{Count: 3, Progress: io.Discard}
	samples, err := e.Race(t.Context(), contender("a"), contender("b"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "b", "a", "a", "b"}; !slices.Equal(order, want) {
		t.Errorf("order: got %v, want %v", order, want)
	}
	if len(samples) != 2 || len(samples[0]) != 3 || len(samples[1]) != 3 {
		t.Errorf("samples: got %v, want three for each of two", samples)
	}
}

func TestRaceStopsAtAnError(t *testing.T) {
	broken := errors.New("broken")
	e := &Env{Count: 3, Progress: io.Discard}
	_, err := e.Race(t.Context(), Contender{"a", func(context.Context) error { return broken }})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Race(ended, Contender{"a", nil}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestGoals(t *testing.T) {
	for _, tt := range []struct {
		row  Row
		pass bool
	}{
		{Faster("", Sample{2}, Sample{5}, 2.5), true},
		{Faster("", Sample{2}, Sample{4.9}, 2.5), false},
		{Smaller("", 103, 100, 1.03), true},
		{Smaller("", 104, 100, 1.03), false},
		{AtMostTimes("", Sample{6, 1, 9}, Sample{5}, 1.2), true},
		{AtMostTimes("", Sample{6.1}, Sample{5}, 1.2), false},
		{Within("", Sample{2, 3, 1}, 2), true},
		{Within("", Sample{2.1}, 2), false},
	} {
		if tt.row.Pass != tt.pass {
			t.Errorf("%+v: got %v, want %v", tt.row, tt.row.Pass, tt.pass)
		}
	}
}

func TestReport(t *testing.T) {
	r := Report{
		Machine: Machine{CPUs: 2, GOMAXPROCS: 2, Platform: "plan9/mips", Go: "go1", Load: "0.50"},
		Count:   3,
		Notes:   []string{"x: a note"},
		Rows: []Row{
			Faster("time", Sample{1, 2, 3}, Sample{10, 10, 10}, 2.5),
			Smaller("size", 2<<20, 1<<20, 1.5),
		},
	}
	var b strings.Builder
	if err := r.print(&b); err != nil {
		t.Fatal(err)
	}
	want := `machine: 2 CPUs (GOMAXPROCS 2), load 0.50, plan9/mips, go1; 3 runs each
x: a note
BENCHMARK  WHAT  OURS                     PEER     RATIO  GOAL                   RESULT
           time  2.00 s [1.00 s, 3.00 s]  10.00 s  5x     at least 2.5x as fast  PASS
           size  2.0 MiB                  1.0 MiB  2x     at most 1.5x the size  FAIL
`
	if got := b.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-run", "("}, {"-run", "no such benchmark"}, {"-count", "0"}, {"x"}, {"-no-such-flag"}} {
		if got := run(t.Context(), args, io.Discard, io.Discard); got != cli.Usage {
			t.Errorf("bench %q: got exit status %d, want %d", args, got, cli.Usage)
		}
	}
}

func TestTemporaryDirectoryIsRemoved(t *testing.T) {
	var dir string
	b := Benchmark{"b", func(_ context.Context, e *Env) ([]Row, error) {
		dir = e.Dir
		return nil, os.WriteFile(filepath.Join(e.Dir, "x"), nil, 0o644)
	}}
	if _, err := runAll(t.Context(), []Benchmark{b}, 1, io.Discard); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory %q: got %v, want none", dir, err)
	}
}
