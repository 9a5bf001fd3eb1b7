package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// memoryInterval is the time between two looks at a process's memory. What it takes in the last
// one before it ends is not seen.
const memoryInterval = 2 * time.Millisecond

// runPeak runs a command and returns its peak resident memory in bytes, or 0 where the system
// does not tell. The rusage of a child would not do: on Linux it is at least that of the process
// that started it.
func runPeak(cmd *exec.Cmd) (peak float64, err error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended, seen := make(chan struct{}), make(chan float64)
	go func() {
		pid, top := strconv.Itoa(cmd.Process.Pid), 0.0
		ticker := time.NewTicker(memoryInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				seen <- top
				return
			case <-ticker.C:
				top = max(top, peakMemory(pid))
			}
		}
	}()
	err = cmd.Wait()
	close(ended)
	return <-seen, err
}

// peakMemory returns the peak resident memory of a running process so far, in bytes, or 0 where
// the system does not tell: VmHWM of proc_pid_status(5).
func peakMemory(pid string) float64 {
	data, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" && fields[2] == "kB" {
			kib, _ := strconv.ParseFloat(fields[1], 64) // 0 if it is no number
			return kib * 1024
		}
	}
	return 0
}
