package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A Benchmark measures one task: ours against the peers.
type Benchmark struct {
	Name string
	// Run measures and returns the rows for the report.
	Run func(ctx context.Context, e *Env) ([]Row, error)
}

// Env is the environment of a running benchmark.
type Env struct {
	Name     string
	Dir      string    // empty; removed after the benchmark
	Count    int       // runs of each contender
	Progress io.Writer // one line at a time, for people

	notes []string
}

// Notef adds a line to the report: what was measured, or what was not measured and why.
func (e *Env) Notef(format string, args ...any) {
	e.notes = append(e.notes, e.Name+": "+fmt.Sprintf(format, args...))
	e.Logf(format, args...)
}

// Logf prints a line of progress.
func (e *Env) Logf(format string, args ...any) {
	fmt.Fprintf(e.Progress, "%s: %s\n", e.Name, fmt.Sprintf(format, args...))
}

// A Contender does the task once.
type Contender struct {
	Name string
	Run  func(ctx context.Context) error
}

// Race runs all contenders Count times, in turns, each round beginning with another one. It
// returns their wall-clock times in seconds. Their CPU times are a note in the report: other
// load on the machine changes them less.
func (e *Env) Race(ctx context.Context, contenders ...Contender) ([]Sample, error) {
	samples, cpu := make([]Sample, len(contenders)), make([]Sample, len(contenders))
	for round := range e.Count {
		for i := range contenders {
			i = (i + round) % len(contenders)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			start, used := time.Now(), cpuTime()
			if err := contenders[i].Run(ctx); err != nil {
				if ctx.Err() != nil {
					err = ctx.Err() // the error of a killed program says less
				}
				return nil, fmt.Errorf("running %s: %w", contenders[i].Name, err)
			}
			took := time.Since(start).Seconds()
			samples[i], cpu[i] = append(samples[i], took), append(cpu[i], cpuTime()-used)
			e.Logf("round %d of %d: %s: %s", round+1, e.Count, contenders[i].Name, format(took, seconds))
		}
	}
	var all []string
	for i, c := range contenders {
		all = append(all, c.Name+" "+cpu[i].text(seconds))
	}
	if cpuTime() > 0 {
		e.Notef("CPU time: %s", strings.Join(all, ", "))
	}
	return samples, nil
}

// A Sample holds the results of one contender's runs.
type Sample []float64

// Median returns the middle value, or the mean of the two middle values.
func (s Sample) Median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// The units of samples.
const (
	seconds      = "s"
	milliseconds = "ms"
	bytes        = "B"
	kibibytes    = "KiB"
)

// A Row is one comparison with a peer.
type Row struct {
	Benchmark string  `json:"benchmark"`
	What      string  `json:"what"`
	Unit      string  `json:"unit"`
	Ours      Sample  `json:"ours"`
	Peer      Sample  `json:"peer"`
	Ratio     float64 `json:"ratio"`
	Goal      string  `json:"goal"`
	Pass      bool    `json:"pass"`
}

// Faster returns a row with the goal that we are at least the given number of times as fast as
// the peer.
func Faster(what string, ours, peer Sample, times float64) Row {
	ratio := peer.Median() / ours.Median()
	return Row{What: what, Unit: seconds, Ours: ours, Peer: peer, Ratio: ratio,
		Goal: fmt.Sprintf("at least %gx as fast", times), Pass: ratio >= times}
}

// Smaller returns a row with the goal that our size is at most the given part of the peer's.
func Smaller(what string, ours, peer, part float64) Row {
	ratio := ours / peer
	return Row{What: what, Unit: bytes, Ours: Sample{ours}, Peer: Sample{peer}, Ratio: ratio,
		Goal: fmt.Sprintf("at most %gx the size", part), Pass: ratio <= part}
}

// AtMostTimes returns a row with the goal that we take at most the given multiple of the
// peer's time.
func AtMostTimes(what string, ours, peer Sample, times float64) Row {
	ratio := ours.Median() / peer.Median()
	return Row{What: what, Unit: seconds, Ours: ours, Peer: peer, Ratio: ratio,
		Goal: fmt.Sprintf("at most %gx the time", times), Pass: ratio <= times}
}

// Within returns a row with the goal that we take at most the given number of seconds.
func Within(what string, ours Sample, limit float64) Row {
	ratio := ours.Median() / limit
	return Row{What: what, Unit: seconds, Ours: ours, Peer: Sample{limit}, Ratio: ratio,
		Goal: fmt.Sprintf("at most %g s", limit), Pass: ratio <= 1}
}

// A Report has the results of all benchmarks that ran.
type Report struct {
	Machine Machine  `json:"machine"`
	Count   int      `json:"count"`
	Notes   []string `json:"notes"`
	Rows    []Row    `json:"rows"`
}

// Machine describes the machine of the measurements.
type Machine struct {
	CPUs       int    `json:"cpus"`
	GOMAXPROCS int    `json:"gomaxprocs"`
	Platform   string `json:"platform"`
	Go         string `json:"go"`
	Load       string `json:"load,omitempty"` // average of the last minute, at the start; Linux
}

func thisMachine() Machine {
	m := Machine{CPUs: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0), Platform: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load, _, _ = strings.Cut(string(load), " ")
	}
	return m
}

func (r Report) print(w io.Writer) error {
	m := r.Machine
	load := ""
	if m.Load != "" {
		load = ", load " + m.Load
	}
	fmt.Fprintf(w, "machine: %d CPUs (GOMAXPROCS %d)%s, %s, %s; %d runs each\n", m.CPUs, m.GOMAXPROCS, load, m.Platform, m.Go, r.Count)
	for _, n := range r.Notes {
		fmt.Fprintln(w, n)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "BENCHMARK\tWHAT\tOURS\tPEER\tRATIO\tGOAL\tRESULT")
	for _, row := range r.Rows {
		ratio := fmt.Sprintf("%.4gx", row.Ratio)
		verdict := "FAIL"
		if row.Pass {
			verdict = "PASS"
		}
		fmt.Fprintln(tw, strings.Join([]string{row.Benchmark, row.What, row.Ours.text(row.Unit), row.Peer.text(row.Unit), ratio, row.Goal, verdict}, "\t"))
	}
	return tw.Flush()
}

// text returns the median with the unit, and the range if there is one.
func (s Sample) text(unit string) string {
	if len(s) == 0 {
		return "-"
	}
	text := format(s.Median(), unit)
	if low, high := slices.Min(s), slices.Max(s); low != high {
		text += " [" + format(low, unit) + ", " + format(high, unit) + "]"
	}
	return text
}

func format(v float64, unit string) string {
	switch unit {
	case bytes:
		return fmt.Sprintf("%.1f MiB", v/(1<<20))
	case milliseconds, kibibytes:
		return fmt.Sprintf("%.4g %s", v, unit)
	}
	return fmt.Sprintf("%.2f s", v)
}
