package main

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
)

// peakMemory returns the peak resident memory of a process that has ended, in bytes, or 0 where
// the system does not tell. Linux counts in KiB what other systems count otherwise or not at
// all. The number is at least that of the process that started the other one.
func peakMemory(ended *os.ProcessState) float64 {
	usage := reflect.Indirect(reflect.ValueOf(ended.SysUsage()))
	if runtime.GOOS != "linux" || usage.Kind() != reflect.Struct {
		return 0
	}
	return float64(usage.FieldByName("Maxrss").Int()) * 1024
}

// peakMemoryOf returns the peak resident memory of a running process so far, in bytes, or 0
// where the system does not tell: VmHWM of proc_pid_status(5).
func peakMemoryOf(pid string) float64 {
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
