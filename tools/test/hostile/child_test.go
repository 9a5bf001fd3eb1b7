//go:build linux

package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// The environment variables of the feeding process.
const (
	caseVariable = "HOSTILE_CASE"
	baseVariable = "HOSTILE_BASE"
	varsVariable = "HOSTILE_VARS"
)

// result is what the feeding process prints.
type result struct {
	Text   string // the error and its hints as a command prints them; empty without an error
	Report string
	Memory int64 // peak memory in bytes, of the process or of one that it started
	Time   time.Duration
	CPU    time.Duration // including processes that it started
}

func parseResult(t testing.TB, out []byte) *result {
	t.Helper()
	var r result
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("parsing what the process printed: %v: %q", err, out)
	}
	return &r
}

// cell is the part of a case that feeds the input.
type cell struct {
	ctx    context.Context
	base   string
	vars   map[string]string
	report strings.Builder
}

// target returns the directory to fill.
func (c *cell) target() string { return filepath.Join(c.base, "cell") }

func (c *cell) in(name string) string { return filepath.Join(c.base, "in", name) }

func (c *cell) store() (*store.Store, error) { return store.Open(filepath.Join(c.base, "store")) }

// say adds to the report.
func (c *cell) say(format string, args ...any) { fmt.Fprintf(&c.report, format+"\n", args...) }

// child feeds the input of one case and prints the result.
func child(name string) int {
	_, all := hazards()
	ctx, cancel := context.WithTimeout(context.Background(), killAfter-maxTime)
	defer cancel()
	c := &cell{ctx: ctx, base: os.Getenv(baseVariable), vars: map[string]string{}}
	if err := json.Unmarshal([]byte(os.Getenv(varsVariable)), &c.vars); err != nil {
		return cli.Fail(os.Stderr, "hostile", err)
	}
	if err := adopt(); err != nil {
		return cli.Fail(os.Stderr, "hostile", err)
	}
	h := all[name]
	var r result
	err := h.feed(c)
	if reap() {
		err = errors.Join(err, errors.New("a process was left behind"))
	}
	if err != nil {
		var text bytes.Buffer
		cli.Fail(&text, "hostile", err)
		r.Text = text.String()
	}
	r.Report = c.report.String()
	if r.Memory, err = memory(); err != nil {
		return cli.Fail(os.Stderr, "hostile", err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		return cli.Fail(os.Stderr, "hostile", err)
	}
	return 0
}

// reap waits for remaining processes, so that their memory counts. It reports whether one does
// not end.
func reap() (left bool) {
	for deadline := time.Now().Add(2 * time.Second); ; {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		switch {
		case err != nil: // there are none left
			return false
		case pid > 0:
		case time.Now().After(deadline):
			return true
		default:
			time.Sleep(time.Millisecond)
		}
	}
}

// memory returns the peak memory of this process and of processes that it has waited for. On
// Linux, a process's ru_maxrss includes its parent's memory at the start (exec_mmap in
// fs/exec.c), so for itself it reads VmHWM. Its children begin with its own memory, which does
// not change the maximum.
func memory() (int64, error) {
	var children, self syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children); err != nil {
		return 0, err
	}
	if runtime.GOOS != "linux" {
		err := syscall.Getrusage(syscall.RUSAGE_SELF, &self)
		return max(int64(self.Maxrss), int64(children.Maxrss)), err // bytes
	}
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return max(kib, int64(children.Maxrss)) << 10, err
		}
	}
	return 0, fmt.Errorf("reading /proc/self/status: it has no VmHWM")
}
