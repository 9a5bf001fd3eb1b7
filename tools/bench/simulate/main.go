// Simulate says how long a release would take on many machines, from recordings of builds on
// one: what a remote execution service of 1 to 1,000 workers would need, how much goes to and
// from its storage, and what limits it.
//
//	go run ./tools/bench/simulate [-page FILE] [-plot FILE] [-check] [RECORDING…]
//	go run ./tools/bench/simulate -record FILE -graph FILE [-build DIR] [-best DIR,…] [-base DIR] [-goal LABEL] -name NAME
//
// The first form simulates recordings, by default those of this repository, and the first one
// repeated until it has 1,000 targets. It prints tables.
//
//	-page   write the tables into this page, between the lines that say so
//	-plot   write a plot, as SVG
//	-check  write nothing; exit 1 if the page or the plot is stale
//
// The model, with flags for its numbers:
//
//   - An action can start when all its inputs are made. The client first uploads those that are
//     its own files. It then waits in one queue for a free core of a worker: the first come is the
//     first served.
//   - The worker fetches the inputs that it does not have yet, runs the action, and stores the
//     outputs. It keeps everything. An action has one core for the time that it took alone.
//   - Transfers go one after the other through the client's link, the worker's link and the
//     storage, each of which has a rate. There is no latency but -overhead, once for each action.
//   - In the end the client fetches the release.
//
// The second form makes a recording:
//
//	-graph  the actions, from bazel aquery 'deps(//release:all)' --output=jsonproto --include_file_write_contents
//	-build  the disk cache that one cold build of them filled; the results in it have times and sizes
//	-best   more disk caches, separated by commas: the shortest time on record for the outputs of an
//	        action counts, as other load makes it only longer
//	-base   Bazel's output base, for the sizes of external files
//	-goal   the target that is built (default: //release:release)
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/pages"
	"github.com/jasonwzm/release-builder/tools/internal/check/actiongraph"
)

const (
	name    = "simulate"
	command = "go run ./tools/bench/simulate"
)

func main() { cli.Main(run) }

// options are the flags.
type options struct {
	page, plot, record, name, graph, build, best, base, goal string
	check                                                    bool
	model                                                    Model
	recordings                                               []string
}

func run(_ context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.StringVar(&o.page, "page", "", "write the tables into this `FILE`")
	set.StringVar(&o.plot, "plot", "", "write a plot to this `FILE`")
	set.BoolVar(&o.check, "check", false, "write nothing, exit 1 if the page or the plot is stale")
	set.IntVar(&o.model.Cores, "cores", 1, "`CORES` of a worker")
	set.Float64Var(&o.model.Overhead, "overhead", 0.1, "`SECONDS` that a worker needs for an action beside the action itself")
	set.Float64Var(&o.model.CAS, "cas", 1250e6, "`BYTES` per second of the storage, 0 for no limit")
	set.Float64Var(&o.model.Link, "link", 125e6, "`BYTES` per second of a worker's link, 0 for no limit")
	set.Float64Var(&o.model.Client, "client", 125e6, "`BYTES` per second of the client's link, 0 for no limit")
	set.StringVar(&o.record, "record", "", "make a recording, this `FILE`")
	set.StringVar(&o.name, "name", "", "the `NAME` of the recording")
	set.StringVar(&o.graph, "graph", "", "the `FILE` with the graph of actions")
	set.StringVar(&o.build, "build", "", "the `DIRECTORY` of the build's disk cache")
	set.StringVar(&o.best, "best", "", "`DIRECTORIES` of more disk caches, separated by commas")
	set.StringVar(&o.base, "base", "", "the `DIRECTORY` of Bazel's output base")
	set.StringVar(&o.goal, "goal", "//release:release", "the `LABEL` of the target that is built")
	if status, ok := cli.ParseFlags(set, args, stderr); !ok {
		return status
	}
	o.recordings = set.Args()
	switch {
	case o.model.Cores < 1 || o.model.Overhead < 0 || o.model.CAS < 0 || o.model.Link < 0 || o.model.Client < 0:
		return cli.UsageError(stderr, name, "want at least one core, and no negative number")
	case o.record != "" && (o.graph == "" || o.build+o.best == "" || o.name == "" || len(o.recordings) > 0):
		return cli.UsageError(stderr, name, "-record wants -graph, -name, and -build or -best, and no RECORDING")
	}
	do := simulateAll
	if o.record != "" {
		do = makeRecording
	}
	if err := do(o, stdout); err != nil {
		return cli.Fail(stderr, name, err)
	}
	return cli.OK
}

func makeRecording(o options, stdout io.Writer) error {
	f, err := os.Open(o.graph)
	if err != nil {
		return err
	}
	defer f.Close()
	g, err := actiongraph.Read(f)
	if err != nil {
		return err
	}
	build, best := timings{}, timings{}
	if o.build != "" {
		if err := errors.Join(build.readCache(o.build), best.readCache(o.build)); err != nil {
			return err
		}
	}
	if o.best != "" {
		for dir := range strings.SplitSeq(o.best, ",") {
			if err := best.readCache(dir); err != nil {
				return err
			}
		}
	}
	r, err := record(RecordArgs{Name: o.name, Graph: g, Build: build, Best: best, Goal: o.goal, Size: sizeBelow(o.base, ".")})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: %d actions, %d timed by another platform, %d without a time, %d blobs, %d sets, span %.1f s\n", o.record, len(r.Actions), r.Alike, r.Untimed, len(r.Blobs), len(r.Sets), r.Span)
	return r.write(o.record)
}

func simulateAll(o options, stdout io.Writer) error {
	all, err := readRecordings(o.recordings)
	if err != nil {
		return err
	}
	copies := (1000 + targets(all[0]) - 1) / targets(all[0])
	all = append(all, repeat(all[0], copies))
	report, err := newReport(all, o.model)
	if err != nil {
		return err
	}
	if o.page == "" {
		_, err = io.WriteString(stdout, report.text())
	} else {
		err = pages.Update(pages.UpdateArgs{Page: o.page, Command: command + " -page " + o.page, Text: report.text(), Check: o.check})
	}
	if o.plot != "" {
		err = errors.Join(err, updatePlot(o, report.plot()))
	}
	return err
}

// updatePlot writes the plot. With check, a plot that would change is an error.
func updatePlot(o options, svg []byte) error {
	if !o.check {
		return fileio.WriteFile(o.plot, svg, 0o644)
	}
	old, err := os.ReadFile(o.plot)
	if err == nil && !bytes.Equal(old, svg) {
		err = hint.With(fmt.Errorf("%q is stale", o.plot), "%s -plot %s", command, o.plot)
	}
	return err
}
