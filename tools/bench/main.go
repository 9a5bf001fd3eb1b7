// Bench measures this project's tools against what people use without it.
//
//	go run ./tools/bench [-run REGEX] [-count N] [-json]
//
// It prints a row for each comparison: what was measured, our median, the peer's median,
// their ratio, the goal, and PASS or FAIL. The fastest and the slowest run are in brackets.
// Our runs and the peers' alternate, so that other load on the machine affects both. Times are
// wall-clock times. Some goals need several free CPUs; the first line has the load before the
// first run, and a note has the CPU times.
//
//	-run    regular expression for the names of the benchmarks to run (default: all)
//	-count  runs of each contender (default: 5, for which the goals are made)
//	-json   print the machine, the rows and every run as JSON
//	-sizes  numbers of targets for the benchmark size (default: 50,200,1000)
//	-plot   file for the benchmark size to write its plot to, as SVG
//
// The benchmarks, each in a file of its own:
//
//	pack/tar.gz  tools/build/pack against compress/gzip at level 6, and against tar -czf
//	pack/zip     tools/build/pack against archive/zip
//	package/deb  tools/build/package against zstd alone, and against nfpm
//	package/rpm  the same for an rpm
//	package/apk  tools/build/package against nfpm
//	chart        packing a Helm chart, against compressing the same tar
//	layer        an image layer of 300 MB against the compressor alone, and its memory
//	build        the toolbox line's programs, cold, against go install
//	fetch        the toolbox line's modules, cold, against go mod download
//	sourcetar    the canonical tar of a git tree of some 10,000 files, against git archive
//	bundle       a store and a root of 600 MiB to a bundle, against tar -cf and sha256sum
//	push         images that share bases to an empty registry, against remote.MultiWrite
//	compare      comparing two equal releases of 300 MiB, against hashing both
//	attest       licences, SBOMs and provenance of a release of 140 MB, against 2 s and sha256sum
//	validate     checking a release, against sha256sum, and against decompressing it once
//	size         builds, plan and verification of generated products of -sizes targets
//
// Peers that are not a part of a system, nfpm and syft, are looked for on PATH and in the directory
// RELEASE_READERS. Without them a benchmark says how to install them.
//
// A benchmark makes its inputs from files that every machine with Go has, in a temporary
// directory that it removes. It needs the go and git commands, a checkout of this module as
// working directory, and about 2 GB of disk; the benchmark size needs 8 GB, and a quarter of an
// hour: -sizes 10,50 takes a few minutes. The exit status is 1 if a row fails or a
// benchmark ends with an error, and 2 for a wrong command line.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/linuxpkg"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

const name = "bench"

func main() { cli.Main(run) }

// benchmarks returns all benchmarks. A new one is a file and a line here.
func benchmarks(sizes []int, plot string) []Benchmark {
	return []Benchmark{
		packBenchmark("tar.gz", packCorpusBytes),
		packBenchmark("zip", packCorpusBytes),
		packageBenchmark(linuxpkg.Deb, packageCorpusBytes),
		packageBenchmark(linuxpkg.RPM, packageCorpusBytes),
		packageBenchmark(linuxpkg.APK, packageCorpusBytes),
		chartBenchmark(chartBytes),
		layerBenchmark(layerBytes),
		buildBenchmark(),
		fetchBenchmark(),
		sourceTarBenchmark(sourceTarBytes),
		bundleBenchmark(bundleBytes),
		pushBenchmark(pushImages, pushLayerSize, pushRoundTrip),
		compareBenchmark(compareBytes),
		attestBenchmark(attestBytes),
		validateBenchmark(validateBytes),
		sizeBenchmark(sizes, plot),
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	pattern := fs.String("run", "", "run the benchmarks whose name matches `REGEX`")
	count := fs.Int("count", 5, "`N` runs of each contender")
	asJSON := fs.Bool("json", false, "print JSON")
	targets := fs.String("sizes", "50,200,1000", "`numbers` of targets for the benchmark size")
	plot := fs.String("plot", "", "the `file` for the plot of the benchmark size")
	if status, ok := cli.ParseFlags(fs, args, stderr); !ok {
		return status
	}
	re, err := regexp.Compile(*pattern)
	sizes, sizesErr := parseSizes(*targets)
	switch {
	case fs.NArg() > 0:
		return cli.UsageError(stderr, name, "unexpected argument %q", fs.Arg(0))
	case err != nil:
		return cli.UsageError(stderr, name, "-run: %v", err)
	case sizesErr != nil:
		return cli.UsageError(stderr, name, "-sizes: %v", sizesErr)
	case *count < 1:
		return cli.UsageError(stderr, name, "-count is %d, want at least 1", *count)
	}
	var chosen []Benchmark
	for _, b := range benchmarks(sizes, *plot) {
		if re.MatchString(b.Name) {
			chosen = append(chosen, b)
		}
	}
	if len(chosen) == 0 {
		return cli.UsageError(stderr, name, "-run: %q matches no benchmark", *pattern)
	}
	report, err := runAll(ctx, chosen, *count, stderr)
	if *asJSON {
		data, jsonErr := jsonfile.Marshal(report)
		_, writeErr := stdout.Write(data)
		err = errors.Join(err, jsonErr, writeErr)
	} else {
		err = errors.Join(err, report.print(stdout))
	}
	if err != nil {
		return cli.Fail(stderr, name, err)
	}
	for _, row := range report.Rows {
		if !row.Pass {
			return cli.Failure
		}
	}
	return cli.OK
}

// runAll runs the benchmarks, each in its own temporary directory. With an error, it returns
// the rows so far.
func runAll(ctx context.Context, chosen []Benchmark, count int, progress io.Writer) (Report, error) {
	report := Report{Machine: thisMachine(), Count: count}
	for _, b := range chosen {
		rows, notes, err := runOne(ctx, b, count, progress)
		report.Rows = append(report.Rows, rows...)
		report.Notes = append(report.Notes, notes...)
		if err != nil {
			return report, fmt.Errorf("running benchmark %q: %w", b.Name, err)
		}
	}
	return report, nil
}

func runOne(ctx context.Context, b Benchmark, count int, progress io.Writer) (rows []Row, notes []string, err error) {
	dir, err := os.MkdirTemp("", "bench-*")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	e := &Env{Name: b.Name, Dir: dir, Count: count, Progress: progress}
	rows, err = b.Run(ctx, e)
	for i := range rows {
		rows[i].Benchmark = b.Name
	}
	return rows, e.notes, err
}
