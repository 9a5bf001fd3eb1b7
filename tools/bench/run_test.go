package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// TestRun runs the benchmarks with small inputs. It checks that they measure, not
// what they measure: the goals are for the whole ones.
func TestRun(t *testing.T) {
	if out, err := exec.Command("go", "env", "GOMOD").Output(); err != nil || filepath.Base(strings.TrimSpace(string(out))) != "go.mod" {
		t.Skip("not checked: no go command, or not in a checkout of the module")
	}
	line := smallLine(t)
	fetch := Benchmark{"fetch", func(ctx context.Context, e *Env) ([]Row, error) { return runFetchBench(ctx, e, line) }}
	for _, tt := range []struct {
		b    Benchmark
		rows int
	}{
		{packBenchmark("tar.gz", 3_000_000), 3},
		{packBenchmark("zip", 3_000_000), 3},
		{fetch, 1},
		{sourceTarBenchmark(30), 1},
		{bundleBenchmark(1 << 20), 1},
		{checkBenchmark(5), 1},
		{pushBenchmark(2, 1000, 0), 4},
		{compareBenchmark(3, 100_000), 1},
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
				if tt.b.Name != "check" && slices.Min(row.Ours) <= 0 { // a difference may be negative
					t.Errorf("%s: got %v, want more than 0", row.What, row.Ours)
				}
				if row.Unit == distinct && !row.Pass {
					t.Errorf("%s: got %v, want 1", row.What, row.Ours)
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

// smallLine makes a line with the lock of two modules, and has the environment
// name the proxy that has them.
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

func TestBeyond(t *testing.T) {
	if got, want := beyond(Sample{3, 5, 1}, Sample{1, 1, 2}), (Sample{2, 4, -1}); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestMakeRepo: a repository has the files that it was given, and is packed.
func TestMakeRepo(t *testing.T) {
	if missing := missingPrograms("git"); missing != "" {
		t.Fatalf("this machine has no %s", missing)
	}
	dir := filepath.Join(t.TempDir(), "repo")
	files := tree{files: 50, seed: 7}
	err := makeRepo(t.Context(), dir, func(w *bufio.Writer) {
		files.write(w)
		writeFile(w, "more", []byte("x\n"))
	})
	if err != nil {
		t.Fatal(err)
	}
	files.each(func(name string, content []byte) {
		size, err := runIn(t.Context(), dir, nil, "git", "cat-file", "-s", "main:"+name)
		if err != nil || size != strconv.Itoa(len(content)) {
			t.Errorf("%s: got %s bytes, %v, want %d", name, size, err, len(content))
		}
	})
	count, err := runIn(t.Context(), dir, nil, "git", "count-objects")
	if err != nil || !strings.HasPrefix(count, "0 objects") {
		t.Errorf("loose objects: got %q, %v, want none", count, err)
	}
	if _, err := runIn(t.Context(), dir, nil, "git", "cat-file", "-e", "main:none"); err == nil || !strings.Contains(err.Error(), "cat-file") {
		t.Errorf("a file that is not there: got %v, want an error that names the command", err)
	}
}
