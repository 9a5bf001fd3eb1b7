package main

import (
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/linuxpkg"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// TestRun runs the benchmarks with small inputs. It checks that they measure something, not
// the results: the goals are for the full inputs.
func TestRun(t *testing.T) {
	out, err := exec.Command(readers.Find(t, "go"), "env", "GOMOD").Output()
	readers.Require(t, "go.mod", err == nil && filepath.Base(strings.TrimSpace(string(out))) == "go.mod")
	line := smallLine(t)
	fetch := Benchmark{"fetch", func(ctx context.Context, e *Env) ([]Row, error) { return runFetchBench(ctx, e, line) }}
	for _, tt := range []struct {
		b    Benchmark
		rows int
	}{
		{packBenchmark("tar.gz", 3_000_000), 2},
		{packBenchmark("zip", 3_000_000), 2},
		{packageBenchmark(linuxpkg.Deb, 3_000_000), 1},
		{packageBenchmark(linuxpkg.RPM, 3_000_000), 1},
		{packageBenchmark(linuxpkg.APK, 3_000_000), 0},
		{layerBenchmark(3_000_000), 1},
		{fetch, 1},
		{sourceTarBenchmark(100_000), 1},
		{bundleBenchmark(1 << 20), 1},
		{pushBenchmark(2, 1000, 0), 1},
		{compareBenchmark(300_000), 1},
		{attestBenchmark(3_000_000), 2},
		{validateBenchmark(3_000_000), 2},
	} {
		t.Run(tt.b.Name, func(t *testing.T) {
			report, err := runAll(t.Context(), []Benchmark{tt.b}, 2, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range report.Rows {
				if row.Benchmark != tt.b.Name || row.Goal == "" || len(row.Ours) == 0 {
					t.Errorf("row: got %+v", row)
				}
				if slices.Min(row.Ours) <= 0 {
					t.Errorf("%s: got %v, want more than 0", row.What, row.Ours)
				}
			}
			if len(report.Rows) < tt.rows {
				t.Errorf("got %d rows, want at least %d", len(report.Rows), tt.rows)
			}
			if _, err := json.Marshal(report); err != nil {
				t.Error(err)
			}
		})
	}
}

// smallLine makes a line whose lock has two modules, and sets GOPROXY to a proxy that has
// them.
func smallLine(t *testing.T) string {
	t.Helper()
	proxy := proxytest.New(t, map[string]string{"example.com/app@v1.0.0/app.go": "package app\n", "example.com/Lib@v1.0.0/lib.go": "package lib\n"})
	for name, value := range map[string]string{"GOPROXY": proxy.Serve().URL, "GONOPROXY": "none", "GOPRIVATE": "", "GOSUMDB": "off"} {
		t.Setenv(name, value)
	}
	app, lib := proxy.Module("example.com/app@v1.0.0"), proxy.Module("example.com/Lib@v1.0.0")
	l := &lock.Lock{Schema: lock.Schema, Manifest: digest.FromBytes(nil), Version: "1", Dependencies: []lock.Dependency{{
		Name: "app", Primary: true, Module: &lock.Module{Path: app.Path, Version: app.Version}, Digest: app.Sum,
		GoModules: []lock.GoModule{{Path: lib.Path, Version: lib.Version, Sum: lib.Sum, GoModSum: lib.GoModSum}},
	}}}
	line := t.TempDir()
	l.Seal()
	if err := jsonfile.Write(filepath.Join(line, "lock.json"), l); err != nil {
		t.Fatal(err)
	}
	return line
}

func TestContents(t *testing.T) {
	l := &lock.Lock{Dependencies: []lock.Dependency{
		{Module: &lock.Module{Path: "b", Version: "v1"}, Digest: "h1:", GoModules: []lock.GoModule{{Path: "a", Version: "v1", Sum: "h1:"}, {Path: "c", Version: "v1", GoModSum: "h1:"}}},
		{Git: &lock.Git{}, GoModules: []lock.GoModule{{Path: "a", Version: "v1", Sum: "h1:"}, {Path: "a", Version: "v2", Sum: "h1:"}}},
	}}
	if got, want := contents(l), []string{"a@v1", "a@v2", "b@v1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
