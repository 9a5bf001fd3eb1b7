package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/bench/plot"
)

// workerCounts are how many workers are simulated.
var workerCounts = []int{1, 2, 4, 10, 20, 40, 100, 200, 400, 1000}

// A report has the results of some recordings.
type report struct {
	model  Model
	builds []build
}

// A build has the results of one recording.
type build struct {
	recording *Recording
	plan      *plan
	results   []Result // as many as workerCounts
	// local is the time on the machine of the recording: one worker with two cores, and no network.
	// It is from the times of the recorded build, to be compared with its span, or else from the best.
	local float64
}

// recorderCores are the CPUs of the machine of the recordings.
const recorderCores = 2

func newReport(all []*Recording, m Model) (*report, error) {
	r := &report{model: m}
	for _, rec := range all {
		p, err := newPlan(rec, false)
		if err != nil {
			return nil, fmt.Errorf("recording %s: %w", rec.Name, err)
		}
		b := build{recording: rec, plan: p}
		for _, m.Workers = range workerCounts {
			b.results = append(b.results, simulate(p, m))
		}
		if rec.Span > 0 {
			if p, err = newPlan(rec, true); err != nil {
				return nil, err
			}
		}
		b.local = simulate(p, Model{Workers: 1, Cores: recorderCores}).Makespan
		r.builds = append(r.builds, b)
	}
	return r, nil
}

// text returns the tables in Markdown.
func (r *report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Each worker has %s. An action has an overhead of %g s. The storage moves %s, a worker's link %s, the client's %s.\n",
		plural(r.model.Cores, "core"), r.model.Overhead, rate(r.model.CAS), rate(r.model.Link), rate(r.model.Client))
	for _, build := range r.builds {
		build.print(&b, r.model)
	}
	r.variants(&b)
	fmt.Fprintf(&b, "\n### On the machine of the recordings\n\nWith %d cores, no network and no overhead:\n\n| release | predicted | measured | ratio |\n|---|---:|---:|---:|\n", recorderCores)
	for _, build := range r.builds {
		measured, ratio := "-", "-"
		if span := build.recording.Span; span > 0 {
			measured, ratio = duration(span), fmt.Sprintf("%.3f", build.local/span)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", build.recording.Name, duration(build.local), measured, ratio)
	}
	return b.String()
}

// variants prints the shortest time of each build, and with how many workers, if one number of
// the model is another.
func (r *report) variants(w *strings.Builder) {
	w.WriteString("\n### With other numbers\n\nThe shortest time, and with how many workers:\n\n| |")
	for _, b := range r.builds {
		fmt.Fprintf(w, " %s |", b.recording.Name)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---:|", len(r.builds)))
	for _, v := range []struct {
		name   string
		change func(m *Model)
	}{
		{"as above", func(*Model) {}},
		{"the storage has no limit", func(m *Model) { m.CAS = 0 }},
		{"the storage moves 1000 Mbit/s", func(m *Model) { m.CAS = 125e6 }},
		{"the client's link moves 100 Mbit/s", func(m *Model) { m.Client = 12.5e6 }},
		{"a worker has 8 cores", func(m *Model) { m.Cores = 8 }},
		{"an action has an overhead of 1 s", func(m *Model) { m.Overhead = 1 }},
	} {
		m := r.model
		v.change(&m)
		fmt.Fprintf(w, "| %s |", v.name)
		for _, b := range r.builds {
			best, with := 0.0, 0
			for _, m.Workers = range workerCounts {
				if t := simulate(b.plan, m).Makespan; with == 0 || t < best {
					best, with = t, m.Workers
				}
			}
			fmt.Fprintf(w, " %s with %d |", duration(best), with)
		}
		w.WriteString("\n")
	}
}

// chainShown is how many actions of a critical path are named.
const chainShown = 8

func (b *build) print(w *strings.Builder, m Model) {
	rec := b.recording
	fmt.Fprintf(w, "\n### %s\n\n%s%d actions, %s of work.%s\n\n", rec.Name, b.madeUp(), len(rec.Actions), duration(b.plan.work(0)), b.untimed())
	fmt.Fprintf(w, "| workers | time | faster | at least | used | to workers | from workers | client | queue | transfers | actions |\n|%s\n", strings.Repeat("---:|", 11))
	for i, r := range b.results {
		fmt.Fprintf(w, "| %d | %s | %.1f× | %s | %d | %s | %s |", workerCounts[i], duration(r.Makespan), b.results[0].Makespan/r.Makespan, duration(r.Least), r.Used, size(r.Sent), size(r.Stored))
		for part, seconds := range r.Chain {
			text := duration(seconds)
			if part == r.Limit() {
				text = "**" + text + "**"
			}
			fmt.Fprintf(w, " %s |", text)
		}
		w.WriteString("\n")
	}
	first := b.results[0]
	fmt.Fprintf(w, "\nThe client sends %s and fetches %s.\n", size(first.Uploaded), size(first.Fetched))
	chain, length := b.plan.criticalPath(m.Overhead)
	fmt.Fprintf(w, "\nThe critical path has %s and takes %s. Its longest:\n\n", plural(len(chain), "action"), duration(length))
	for _, i := range longest(b.plan, chain, chainShown) {
		fmt.Fprintf(w, "- %s: `%s`\n", duration(b.plan.seconds[i]), b.plan.names[i])
	}
}

// madeUp says what a recording is made of that is not one of a build.
func (b *build) madeUp() string {
	if b.recording.Of == "" {
		return ""
	}
	return "Made up of " + b.recording.Of + ". "
}

// untimed says which times of actions were not recorded.
func (b *build) untimed() string {
	rec := b.recording
	if rec.Alike+rec.Untimed == 0 {
		return ""
	}
	return fmt.Sprintf(" The times of %d were recorded for another platform, those of %d not at all: these have the median of their mnemonic.", rec.Alike, rec.Untimed)
}

// longest returns the n actions of a chain that take longest, in the order of the chain.
func longest(p *plan, chain []int, n int) []int {
	chosen := map[int]bool{}
	for range min(n, len(chain)) {
		most := -1
		for _, i := range chain {
			if !chosen[i] && (most < 0 || p.seconds[i] > p.seconds[most]) {
				most = i
			}
		}
		chosen[most] = true
	}
	var all []int
	for _, i := range chain {
		if chosen[i] {
			all = append(all, i)
		}
	}
	return all
}

// plot returns the times and the traffic against the number of workers.
func (r *report) plot() []byte {
	var times, traffic []plot.Line
	for i, b := range r.builds {
		t := plot.Line{Label: b.recording.Name, Colour: i % 5}
		s := t
		for j, res := range b.results {
			x := float64(workerCounts[j])
			t.X, t.Y = append(t.X, x), append(t.Y, res.Makespan)
			if moved := res.Sent + res.Stored + res.Uploaded + res.Fetched; moved > 0 {
				s.X, s.Y = append(s.X, x), append(s.Y, float64(moved)/1e9)
			}
		}
		if times = append(times, t); len(s.X) > 0 {
			traffic = append(traffic, s)
		}
	}
	return plot.Draw("Time and traffic of simulated builds against the number of workers",
		plot.Panel{Title: "Time against workers", XAxis: "workers", Lines: times, Show: plot.ShowSeconds},
		plot.Panel{Title: "Traffic of the storage against workers", XAxis: "workers", Lines: traffic, Show: func(v float64) string { return plot.Short(v) + " GB" }})
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func duration(seconds float64) string {
	if seconds < 10 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	return (time.Duration(math.Round(seconds)) * time.Second).String()
}

func size(bytes int64) string {
	if bytes < 1e9 {
		return fmt.Sprintf("%.0f MB", float64(bytes)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
}

func rate(bytes float64) string {
	if bytes == 0 {
		return "without a limit"
	}
	return fmt.Sprintf("%g Mbit/s", bytes*8/1e6)
}
