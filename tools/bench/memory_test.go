package main

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// TestRunPeak: the peak is that of the process, and not of this one, which has more. The process
// is this test again.
func TestRunPeak(t *testing.T) {
	const variable, its, own = "BENCH_TEST_MEMORY", 64 << 20, 256 << 20
	if os.Getenv(variable) != "" {
		runtime.KeepAlive(touched(its))
		return
	}
	readers.Require(t, "/proc/self/status", peakMemory("self") > 0)
	memory := touched(own)
	cmd := exec.Command(os.Args[0], "-test.run=^TestRunPeak$")
	cmd.Env = append(os.Environ(), variable+"=1")
	got, err := runPeak(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if got < its || got > own {
		t.Errorf("got a peak of %.0f bytes, want between %d and %d", got, its, own)
	}
	runtime.KeepAlive(memory)
	if _, err := runPeak(exec.Command(os.Args[0], "-no-such-flag")); err == nil {
		t.Error("got no error of a command that fails")
	}
}

// touched returns memory that is resident.
func touched(n int) []byte {
	memory := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		memory[i] = 1
	}
	return memory
}
