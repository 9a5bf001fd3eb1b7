package story_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is the maximum time until a command reaches the point where it is stopped.
const patience = 10 * time.Minute

// interrupt PATTERN COMMAND… runs a command and interrupts it, as Ctrl-C does, when its output
// matches the pattern or, for "-", when a request stalls. The command must fail soon after
// that.
func (w *world) interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: interrupt PATTERN COMMAND...")
	}
	var pattern *regexp.Regexp
	if args[0] != "-" {
		pattern = regexp.MustCompile(args[0])
	}
	out, took, err := w.end(ts, syscall.SIGINT, pattern, args[1:])
	ts.Logf("%s\n[ended %.1f s after the interrupt: %v]", out, took.Seconds(), err)
	if err == nil {
		ts.Fatalf("%q: got exit status 0, want an interrupted command", args[1:])
	}
	if took > 30*time.Second {
		ts.Fatalf("%q: ended %.1f s after the interrupt", args[1:], took.Seconds())
	}
}

// crash runs a command, and kills it and its children when a request stalls.
func (w *world) crash(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: crash COMMAND...")
	}
	out, _, err := w.end(ts, syscall.SIGKILL, nil, args)
	ts.Logf("%s\n[killed: %v]", out, err)
}

// end runs a command and stops it with a signal.
func (w *world) end(ts *testscript.TestScript, sig syscall.Signal, pattern *regexp.Regexp, args []string) (string, time.Duration, error) {
	var out watched
	out.pattern, out.found = pattern, make(chan struct{}, 1)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), &out, &out
	cmd.Env = environ(ts)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ts.Check(cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	w.mu.Lock()
	stalled := w.stalled
	w.mu.Unlock()
	select {
	case err := <-done:
		ts.Fatalf("%q ended before it could be ended: %v\n%s", args, err, out.String())
	case <-time.After(patience):
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		ts.Fatalf("%q: nothing stalled, and the output never matched\n%s", args, out.String())
	case <-stalled:
	case <-out.found:
	}
	start := time.Now()
	ts.Check(syscall.Kill(-cmd.Process.Pid, sig))
	err := <-done
	return out.String(), time.Since(start), err
}

// environ returns the variables of the script.
func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{
		"HOME", "PATH", "XDG_STATE_HOME", "RELEASE_CACHE", "RELEASE_DISK_CACHE", "RELEASE_STORE", "GOPROXY", "GOSUMDB", "STORAGE_EMULATOR_HOST",
		"GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0",
	} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

// watched is output that is searched for a pattern.
type watched struct {
	mu      sync.Mutex
	b       bytes.Buffer
	pattern *regexp.Regexp
	found   chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(p)
	if w.pattern != nil && w.pattern.Match(w.b.Bytes()) {
		select {
		case w.found <- struct{}{}:
		default:
		}
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// executed EVENTS FILE writes the actions that a build executed, by mnemonic, from its build
// event file.
func executed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: executed EVENTS FILE")
	}
	var lines []string
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		var event struct {
			BuildMetrics struct {
				ActionSummary struct {
					ActionData []struct {
						Mnemonic        string
						ActionsExecuted string
					}
				}
			}
		}
		ts.Check(json.Unmarshal([]byte(line), &event))
		for _, a := range event.BuildMetrics.ActionSummary.ActionData {
			lines = append(lines, fmt.Sprintf("%s %s\n", a.Mnemonic, a.ActionsExecuted))
		}
	}
	slices.Sort(lines)
	ts.Logf("%s", strings.Join(lines, ""))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(lines, "")), 0o644))
}
