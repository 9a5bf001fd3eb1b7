package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/jasonwzm/release-builder/tools/internal/check/actiongraph"
)

// message appends a field with bytes to a message.
func message(to []byte, number protowire.Number, data []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(to, number, protowire.BytesType), data)
}

func number(to []byte, field protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(to, field, protowire.VarintType), uint64(v))
}

func digestOf(hash string, size int64) []byte {
	return number(message(nil, 1, []byte(hash)), 2, size)
}

// result returns an ActionResult: a file of 5 bytes for each path, made in the time given.
func result(start, took time.Duration, paths ...string) []byte {
	var r []byte
	for _, p := range paths {
		r = message(r, resultFiles, message(message(nil, 1, []byte(p)), 2, digestOf("aa", 5)))
	}
	stamp := func(at time.Duration) []byte {
		return number(number(nil, 1, int64(at/time.Second)), 2, int64(at%time.Second))
	}
	return message(r, resultMetadata, message(message(nil, executionStart, stamp(start)), executionEnd, stamp(start+took)))
}

// cacheOf writes a disk cache with these results.
func cacheOf(t *testing.T, results ...[]byte) string {
	t.Helper()
	dir := t.TempDir()
	for i, r := range results {
		put(t, filepath.Join(dir, "ac", "aa", string(rune('a'+i))), r)
	}
	return dir
}

func put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestReadCache(t *testing.T) {
	dir := cacheOf(t, result(100*time.Second, 1500*time.Millisecond, "bazel-out/x", "bazel-out/y"),
		message(nil, resultDirectories, message(message(nil, 1, []byte("bazel-out/tree")), 3, digestOf("bb12", 999))))
	// A tree: the root has a file of 3 bytes, a directory in it one of 4.
	file := func(size int64) []byte { return message(nil, 1, message(nil, 2, digestOf("cc", size))) }
	put(t, filepath.Join(dir, "cas", "bb", "bb12"), message(message(nil, 1, file(3)), 2, file(4)))
	got := timings{}
	if err := got.readCache(dir); err != nil {
		t.Fatal(err)
	}
	x := got["bazel-out/x"]
	if len(x) != 1 || x[0].wall() != 1500*time.Millisecond || x[0].sizes["bazel-out/y"] != 5 || len(got["bazel-out/y"]) != 1 {
		t.Errorf("got %+v", got)
	}
	if _, ok := got["bazel-out/tree"]; ok {
		t.Error("a result without a time has one")
	}
	r, err := parseResult(message(nil, resultDirectories, message(message(nil, 1, []byte("t")), 3, digestOf("bb12", 999))), dir)
	if err != nil || r.sizes["t"] != 7 {
		t.Errorf("got %v, %v, want a tree of 7 bytes", r.sizes, err)
	}
}

func TestReadCacheBroken(t *testing.T) {
	whole := result(0, time.Second, "x")
	for name, dir := range map[string]string{
		"cut":   cacheOf(t, whole[:len(whole)-3]),
		"empty": t.TempDir(),
		"none":  cacheOf(t),
	} {
		if err := (timings{}).readCache(dir); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// graph is a program that is compiled from main.go and lib.go, and linked by its link. Bazel
// makes the link and writes the file for flags. The action Unused is not needed.
const graph = `{
"pathFragments": [{"id": 1, "label": "main.go"}, {"id": 2, "label": "lib.go"}, {"id": 3, "label": "flags"}, {"id": 4, "label": "main.a"}, {"id": 5, "label": "link.a"}, {"id": 6, "label": "main"}, {"id": 7, "label": "unused"}, {"id": 8, "label": "unread"}],
"artifacts": [{"id": 1, "pathFragmentId": 1}, {"id": 2, "pathFragmentId": 2}, {"id": 3, "pathFragmentId": 3}, {"id": 4, "pathFragmentId": 4}, {"id": 5, "pathFragmentId": 5}, {"id": 6, "pathFragmentId": 6}, {"id": 7, "pathFragmentId": 7}, {"id": 8, "pathFragmentId": 8}],
"targets": [{"id": 1, "label": "//:lib"}, {"id": 2, "label": "//:main"}],
"depSetOfFiles": [{"id": 1, "directArtifactIds": [1, 2, 3]}, {"id": 2, "directArtifactIds": [4]}, {"id": 3, "directArtifactIds": [5]}],
"actions": [
 {"targetId": 1, "mnemonic": "FileWrite", "outputIds": [3], "primaryOutputId": 3, "fileContents": "-x -y"},
 {"targetId": 1, "mnemonic": "Compile", "arguments": ["go"], "inputDepSetIds": [1], "outputIds": [4, 8], "primaryOutputId": 4},
 {"targetId": 1, "mnemonic": "Unused", "arguments": ["go"], "inputDepSetIds": [1], "outputIds": [7], "primaryOutputId": 7},
 {"targetId": 1, "mnemonic": "Symlink", "inputDepSetIds": [2], "outputIds": [5], "primaryOutputId": 5},
 {"targetId": 2, "mnemonic": "Link", "arguments": ["go"], "inputDepSetIds": [3], "outputIds": [6], "primaryOutputId": 6}]}`

func TestRecord(t *testing.T) {
	g, err := actiongraph.Read(strings.NewReader(graph))
	if err != nil {
		t.Fatal(err)
	}
	build, best := timings{}, timings{}
	dir := cacheOf(t, result(10*time.Second, 2*time.Second, "main.a", "unread"), result(13*time.Second, time.Second, "main"))
	faster := cacheOf(t, result(90*time.Second, time.Second, "main.a", "unread"), result(99*time.Second, 5*time.Second, "main"))
	for _, err := range []error{build.readCache(dir), best.readCache(dir), best.readCache(faster)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	args := RecordArgs{Name: "small", Graph: g, Build: build, Best: best, Goal: "//:main", Size: func(path string) int64 { return int64(100 + len(path)) }}
	r, err := record(args)
	if err != nil {
		t.Fatal(err)
	}
	if r.Span != 4 || r.Untimed != 0 || len(r.Actions) != 2 || r.Actions[0].Wall != 2000 || r.Actions[0].Best != 1000 || r.Actions[1].Best != 1000 {
		t.Errorf("got %+v", r)
	}
	p, err := newPlan(r, false)
	if err != nil {
		t.Fatal(err)
	}
	got := simulate(p, Model{Workers: 1, Cores: 1})
	// main.go and lib.go with 107 and 106 bytes, and 5 bytes of flags.
	if got.Makespan != 2 || got.Uploaded != 218 || got.Sent != 218 || got.Stored != 15 || got.Fetched != 5 {
		t.Errorf("got %+v", got)
	}

	delete(build, "main")
	delete(best, "main")
	if r, err = record(args); err != nil || r.Untimed != 1 || r.Span != 0 || r.Actions[1].Best != 0 {
		t.Errorf("without a time: got %+v, %v", r, err)
	}
	args.Goal = "//:other"
	if _, err := record(args); err == nil || !strings.Contains(err.Error(), `no action is needed for "//:other"`) {
		t.Errorf("got %v", err)
	}
}

// TestAlike: an action without a time has that of another platform, and results of another size
// are of another release.
func TestAlike(t *testing.T) {
	text := strings.NewReplacer(`"label": "main.a"`, `"label": "bazel-out/arm/bin/main.a"`, `"label": "main"`, `"label": "bazel-out/arm/bin/main"`).Replace(graph)
	g, err := actiongraph.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	many := make([]string, 30)
	for i := range many {
		many[i] = "bazel-out/arm/bin/main" + strings.Repeat("x", i)
	}
	best := timings{}
	dir := cacheOf(t, result(0, 7*time.Second, "bazel-out/x86/bin/main.a"), result(0, 8*time.Second, "bazel-out/mips/bin/main.a"),
		result(0, 9*time.Second, many...), result(0, time.Second, "bazel-out/arm/bin/main"))
	if err := best.readCache(dir); err != nil {
		t.Fatal(err)
	}
	r, err := record(RecordArgs{Name: "small", Graph: g, Best: best, Goal: "//:main", Size: func(string) int64 { return 1 }})
	if err != nil {
		t.Fatal(err)
	}
	if r.Alike != 1 || r.Untimed != 0 || r.Span != 0 {
		t.Errorf("got %+v, want one time of another platform", r)
	}
	for i, want := range []Action{{Mnemonic: "Compile", Best: 7000}, {Mnemonic: "Link", Best: 9000}} {
		j := slices.IndexFunc(r.Actions, func(a Action) bool { return a.Mnemonic == want.Mnemonic })
		if j < 0 || r.Actions[j].Best != want.Best {
			t.Errorf("action %d: got %+v, want %+v", i, r.Actions, want)
		}
	}
}

// TestSimplify: a recording with fewer sets and blobs is simulated alike.
func TestSimplify(t *testing.T) {
	r := recordingOf(diamondJobs...)
	// Sets 4 to 8: an empty one, two names of one, and two equal ones, which two actions read.
	r.Blobs = append(r.Blobs, Blob{Bytes: 5, From: client}, Blob{Bytes: 6, From: client}, Blob{Bytes: 7, From: 1}, Blob{Bytes: 8, From: 1})
	r.Sets = append(r.Sets, Set{}, Set{Sets: []int{6}}, Set{Blobs: []int{4, 5}}, Set{Blobs: []int{6, 7}}, Set{Blobs: []int{6, 7}})
	r.Actions[0].Inputs = append(r.Actions[0].Inputs, 4, 5)
	r.Actions[2].Inputs = append(r.Actions[2].Inputs, 6, 4)
	r.Actions[3].Inputs = append(r.Actions[3].Inputs, 7, 8, 7)
	s := simplify(r)
	if err := s.validate(); err != nil {
		t.Fatal(err)
	}
	if len(s.Blobs) != 4+2 || len(s.Sets) >= len(r.Sets) {
		t.Errorf("got %d blobs and %d sets, want 6 blobs and fewer than %d sets", len(s.Blobs), len(s.Sets), len(r.Sets))
	}
	m := Model{Workers: 2, Cores: 1, Overhead: 0.5, CAS: 8, Link: 4, Client: 2} // exact in floating point
	before, after := planFor(t, r), planFor(t, s)
	if got, want := simulate(after, m), simulate(before, m); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func planFor(t *testing.T, r *Recording) *plan {
	t.Helper()
	p, err := newPlan(r, false)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRounded(t *testing.T) {
	for n, want := range map[int64]int64{0: 0, 7: 7, 99: 99, 101: 100, 106: 110, 123_456: 120_000, 999: 1000} {
		if got := rounded(n); got != want {
			t.Errorf("%d: got %d, want %d", n, got, want)
		}
	}
}

func TestWriteAndRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "r.json.zst")
	want := recordingOf(diamondJobs...)
	want.Span, want.Alike, want.Untimed, want.Sets[3].Sets = 2.5, 3, 4, []int{2, 0}
	if err := want.write(name); err != nil {
		t.Fatal(err)
	}
	got, err := readRecordings([]string{name})
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	want.Sets[2].Blobs = []int{99}
	if err := want.write(name); err != nil {
		t.Fatal(err)
	}
	if _, err := readRecordings([]string{name}); err == nil || !strings.Contains(err.Error(), "blob 99: want one of") {
		t.Errorf("got %v, want that there is no blob 99", err)
	}
}

// TestRepeat: three copies share the standard library and vendored packages, and have one tree.
func TestRepeat(t *testing.T) {
	r := recordingOf(job{label: "//:stdlib", seconds: 4, makes: 1}, job{label: "//vendor/x:x", seconds: 1, after: []int{0}, makes: 1},
		job{label: "//:own", seconds: 1, after: []int{0, 1}, reads: 9, makes: 1}, job{label: "//:program", seconds: 2, after: []int{2}, makes: 1},
		job{label: "//:tree", seconds: 1, after: []int{3}, makes: 10})
	for i, m := range []string{"GoStdlib", "GoCompilePkg", "GoCompilePkg", "GoLink", "ReleaseTree"} {
		r.Actions[i].Mnemonic = m
	}
	if got := targets(r); got != 2 {
		t.Errorf("got %d targets, want the program and the tree", got)
	}
	copies := repeat(r, 3)
	if err := copies.validate(); err != nil {
		t.Fatal(err)
	}
	if got, want := len(copies.Actions), 1+1+3+3+1; got != want {
		t.Errorf("got %d actions, want %d", got, want)
	}
	p, err := newPlan(copies, false)
	if err != nil {
		t.Fatal(err)
	}
	one := simulate(p, Model{Workers: 1, Cores: 1})
	if want := 4.0 + 1 + 3*(1+2) + 3*1; !near(one.Makespan, want) {
		t.Errorf("one worker: got %v s, want %v s", one.Makespan, want)
	}
	many := simulate(p, Model{Workers: 9, Cores: 1})
	if want := 4.0 + 1 + 1 + 2 + 3; !near(many.Makespan, want) || many.Uploaded != 9 || many.Fetched != 30 {
		t.Errorf("many workers: got %+v, want %v s, 9 bytes uploaded, 30 fetched", many, want)
	}
}

func TestRun(t *testing.T) {
	page, svg := filepath.Join(t.TempDir(), "page.md"), filepath.Join(t.TempDir(), "plot.svg")
	put(t, page, []byte("<!-- go run ./tools/bench/simulate -page "+page+" writes from here -->\n<!-- to here -->\n"))
	status := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		return run(context.Background(), args, &out, &errs), errs.String()
	}
	small := filepath.Join(t.TempDir(), "r.json.zst")
	r := recordingOf(diamondJobs...)
	r.Actions[3].Mnemonic, r.Span = "ReleaseTree", 17
	if err := r.write(small); err != nil {
		t.Fatal(err)
	}
	args := []string{"-page", page, "-plot", svg, small}
	if got, text := status(slices.Concat([]string{"-check"}, args)...); got != 1 || !strings.Contains(text, "is stale") {
		t.Errorf("got %d, %s, want that the page is stale", got, text)
	}
	if got, text := status(args...); got != 0 {
		t.Fatalf("got %d, %s", got, text)
	}
	if got, text := status(slices.Concat([]string{"-check"}, args)...); got != 0 {
		t.Errorf("got %d, %s, want that all is fresh", got, text)
	}
	data, err := os.ReadFile(page)
	// Two cores, and twice the best times: 2 + 10 + 2 s.
	if want := "| jobs | 14s | 17s | 0.824 |"; err != nil || !strings.Contains(string(data), want) {
		t.Errorf("got %v, no %q in\n%s", err, want, data)
	}
	for _, wrong := range [][]string{{"-cores", "0"}, {"-record", "x"}, {"-link", "-1"}} {
		if got, _ := status(wrong...); got != 2 {
			t.Errorf("%q: got %d, want 2", wrong, got)
		}
	}
}
