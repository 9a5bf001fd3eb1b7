//go:build unix && !race

package manifest

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The limits for any file that Parse reads.
const (
	maxRatio = 8        // times the cost of an ordinary file of MaxSize
	maxAlloc = 64 << 20 // bytes, over the whole parse
)

const tiny = "version: 1\ndependencies: {a: {localpath: x}}\n"

// TestLargest checks that a file of MaxSize can still be a manifest.
func TestLargest(t *testing.T) {
	for _, filler := range []string{"#\n", "# It's said so, don't.\n", "\n", "#"} {
		data := []byte(tiny + fill(filler, MaxSize-len(tiny)))
		if _, err := Parse("m", data); err != nil {
			t.Errorf("filled with %q: %v", filler, err)
		}
		checkCost(t, filler, data)
	}
}

// TestCost checks the time and the memory that hostile files take, valid or not.
func TestCost(t *testing.T) {
	var staircase strings.Builder
	for i := 0; staircase.Len() < MaxSize-5000; i++ {
		staircase.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	deps := "version: 1\ndependencies:\n"
	for _, in := range []string{
		staircase.String(),
		fill("[", MaxSize), fill("{", MaxSize), fill("{a: ", MaxSize), fill("[]", MaxSize), fill("[a", 18_000),
		fill("a,", MaxSize), "[" + fill("a,", 19_000) + "]", "[\"\n#\"" + fill(",a", MaxSize-10), "[\"\n# \"," + fill("a,", 19_000) + "]",
		fill("- ", 19_000), fill("- a #\n", 59_000), fill("? ", 19_000), fill(": ", 19_000), fill("a:\n", 29_000), fill("- - - - -\n", 19_000),
		fill("!a ", MaxSize), fill("&a ", MaxSize), fill("*a ", MaxSize), "[" + fill("*a,", 29_000) + "]", "[&a a," + fill("*a,", 29_000) + "]",
		"[" + fill("! a,", 39_000) + "]", fill("! ", MaxSize), fill("%TAG !a! b\n", MaxSize), fill("---\n", MaxSize), fill("...\n", MaxSize),
		fill("\n", MaxSize), fill(" ", MaxSize), fill(" \n", MaxSize), fill("\t\n", MaxSize), fill("\xff\n", MaxSize), fill("\r\n", MaxSize), fill("\xff", MaxSize),
		fill("a", MaxSize), fill("a\n", MaxSize), fill("é", MaxSize), "a: '" + fill("''", MaxSize-10) + "'", `a: "` + fill(`\x41`, MaxSize-10) + `"`,
		"a: |\n" + fill(" b\n", MaxSize-10), "a: >\n" + fill(" b\n\n", MaxSize-10), `a: "` + fill("\n", MaxSize-10) + `"`, "version: 1" + fill("0", MaxSize-10),
		fill("a #\n", MaxSize), fill("# a\n\n", MaxSize-10) + "a", "[" + fill(" #\n", MaxSize-1), deps + fill("  # a\n\n", MaxSize-100), fill("'", MaxSize), fill("'\n", MaxSize), fill("\"", MaxSize),
		"version: 1\n" + numbered(9_000, "versoin%d: 1\n"), deps + numbered(4_000, "  d%d: {a: b}\n"), deps + numbered(2_400, "  d-%d: {brnach: b, git: a}\n"),
		"version: 1\narchitectures: [" + numbered(9_900, "linux/amd%d, ") + "]\n", deps + "  a: {localpath: x, exclude: [" + numbered(9_900, "linux/amd%d, ") + "]}\n",
		"version: 1\narchitectures: [" + fill("linux/amd64, ", 120_000) + "]\n", deps + fill("  a: {x: y}\n", 39_000), "version: 1\ndashboards:\n" + numbered(9_900, "  d%d: 1\n"),
		deps + "  " + fill("a", MaxSize/2) + ": {git: " + fill("b", MaxSize/2-100) + "}\n", "? " + fill("a", MaxSize/2) + "\n: b\n",
		deps + "  a: {git: https://" + fill("a@", MaxSize/2) + "}\n", deps + "  a: {localpath: x, exclude: ['" + fill("[", 60) + fill("a*", MaxSize/2) + "']}\n",
		deps + chain(1_900), deps + "  a: {localpath: x, gotags: {" + numbered(9_900, "v%d: x, ") + "}}\n", deps + "  a: {localpath: x, gomodules: [" + numbered(9_900, "d%d, ") + "]}\n",
		"version: 1\nfiles: {" + numbered(4_900, "f%d: {urls}, ") + "}\n", "version: 1\nfiles: {a: {urls: {" + numbered(4_900, "linux-amd%d: x, ") + "}}}\n",
		"version: 1\nimages: {a: {base: x.io/" + fill("a-", MaxSize-100) + "}}\n", "version: 1\nimages: {" + numbered(3_300, "i%d: {base: x.io/y}, ") + "}\n",
		"version: 1\nfiles: {a: {url: 'http://" + fill("a.", MaxSize-100) + "'}}\n",
		// These need a search for the line of the error.
		fill("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: bb\n", 63_000) + "@", fill("# a\n", 60_000) + "'", "[" + fill("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,\n", 62_000), fill("a\n", 65_000) + ": x",
	} {
		if len(in) > MaxSize {
			t.Errorf("%.20q: has %d bytes, want at most %d", in, len(in), MaxSize)
		}
		checkCost(t, in[:min(20, len(in))], []byte(in))
	}
}

// chain returns n dependencies, each of which reads the next one. The last reads the first.
func chain(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  d%d: {git: a, auto: deps, from: d%d}\n", i, (i+1)%n)
	}
	return b.String()
}

// numbered joins n lines, each with its own number.
func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// checkCost parses data and an ordinary file of MaxSize, up to five times if data seems slow.
// A parse in more than linear time takes some thousand times as long, so the machine and its
// load do not matter.
func checkCost(t *testing.T, name string, data []byte) {
	t.Helper()
	best, ordinary := time.Hour, time.Duration(0)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		took, err := parseTime(t, data)
		runtime.ReadMemStats(&after)
		checkErrors(t, data, err)
		if got := after.TotalAlloc - before.TotalAlloc; got > maxAlloc {
			t.Errorf("%q: allocates %d bytes, want at most %d", name, got, maxAlloc)
		}
		again, err := parseTime(t, ordinaryFile)
		if err != nil {
			t.Fatal(err)
		}
		best, ordinary = min(best, took), max(ordinary, again)
		if best < maxRatio*ordinary {
			return
		}
	}
	t.Errorf("%q: takes %v, want at most %d times the %v of an ordinary file", name, best, maxRatio, ordinary)
}

var ordinaryFile = []byte(tiny + fill("# It's said so, don't.\n", MaxSize-len(tiny)))

// parseTime returns the CPU time that parsing data takes, and Parse's error.
func parseTime(t *testing.T, data []byte) (time.Duration, error) {
	t.Helper()
	start := cpuTime(t)
	_, err := Parse("m", data)
	return cpuTime(t) - start, err
}

// cpuTime returns the CPU time of this process. Other processes do not affect it, the garbage
// collector does.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
