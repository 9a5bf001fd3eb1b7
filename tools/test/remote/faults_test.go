package remote_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/bytestream"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/jasonwzm/release-builder/tools/internal/testing/remotetest"
)

// trial is a build with a fault.
type trial struct {
	name  string
	args  []string
	fault remotetest.Fault
	kills bool
	fails bool
	want  string // a regular expression of what Bazel says of it; empty: nothing
}

// fail has the calls of some methods, or all, fail from the nth on.
func fail(code codes.Code, text string, n int64, methods ...string) remotetest.Fault {
	var seen atomic.Int64
	return remotetest.Fault{Begin: func(_ context.Context, c remotetest.Call) error {
		if of(c.Method, methods) && seen.Add(1) >= n {
			return status.Error(code, text)
		}
		return nil
	}}
}

func of(method string, methods []string) bool {
	return len(methods) == 0 || slices.Contains(methods, method)
}

// change changes the answers of a method. The call ends after the first.
func change(method string, f func([]byte) []byte) remotetest.Fault {
	return remotetest.Fault{Answer: func(c remotetest.Call, m []byte) ([]byte, bool, error) {
		if c.Method != method {
			return m, true, nil
		}
		return f(slices.Clone(m)), false, nil
	}}
}

// half returns the first half of a message.
func half(m []byte) []byte { return m[:len(m)/2] }

// content has f change the content that a message for a download has.
func content(f func([]byte) []byte) func([]byte) []byte {
	return func(m []byte) []byte {
		var r bytestream.ReadResponse
		if proto.Unmarshal(m, &r) != nil {
			return m
		}
		r.Data = f(r.Data)
		changed, err := proto.Marshal(&r)
		if err != nil {
			return m
		}
		return changed
	}
}

// flip changes one bit.
func flip(data []byte) []byte {
	if len(data) > 0 {
		data[len(data)/2] ^= 1
	}
	return data
}

// wait is a fault in which calls take longer: of some methods, or all.
func wait(d time.Duration, methods ...string) remotetest.Fault {
	return remotetest.Fault{Begin: func(ctx context.Context, c remotetest.Call) error {
		if !of(c.Method, methods) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}}
}

// killing kills a worker when it gets an action, or every one that does.
func (w *world) killing(all bool) remotetest.Fault {
	var once sync.Once
	return remotetest.Fault{Begin: func(_ context.Context, c remotetest.Call) error {
		if c.Method != remotetest.Execute {
			return nil
		}
		kill := func() { time.AfterFunc(20*time.Millisecond, w.engine.Workers[c.Worker].Kill) }
		if all {
			kill()
		} else {
			once.Do(kill)
		}
		return nil
	}}
}

// trials are all faults.
func (w *world) trials() []trial {
	// With all downloaded, nothing is needed later of a cache that goes away.
	cache, run := []string{"--config=remote", "--remote_download_all"}, []string{"--config=remote-exec", "--noremote_accept_cached"}
	hasty := []string{"--remote_timeout=2", "--remote_retries=1"}
	quick := func(args []string) []string { return append(slices.Clone(args), hasty...) }
	gone, expired := "connection refused", "the token has expired"
	return []trial{
		{name: "the cache is gone", args: quick(cache), fault: fail(codes.Unavailable, gone, 1), want: gone},
		{name: "the cache goes while the build runs", args: quick(cache), fault: fail(codes.Unavailable, gone, 3), want: gone},
		{name: "the cache goes while the build runs, which needs more of it", args: quick([]string{"--config=remote"}), fault: fail(codes.Unavailable, gone, 3), fails: true, want: "Failed to fetch blobs because of a remote cache error(.|\n)*" + gone},
		{name: "the cache is slow", args: cache, fault: wait(200 * time.Millisecond)},
		{name: "a download hangs", args: quick(cache), fault: wait(time.Hour, remotetest.Read), want: "DEADLINE_EXCEEDED"},
		{name: "half a file", args: quick(cache), fault: change(remotetest.Read, content(half))},
		{name: "a wrong byte", args: quick(cache), fault: change(remotetest.Read, content(flip)), want: "does not match received digest"},
		{name: "half an action's result", args: quick(cache), fault: change(remotetest.GetActionResult, half)},
		{name: "credentials expire", args: quick(cache), fault: fail(codes.Unauthenticated, expired, 3), want: expired},
		{name: "the cache is full", args: quick([]string{"--config=remote-write", "--remote_download_all", "--noremote_accept_cached"}), fault: fail(codes.ResourceExhausted, "the disk is full", 1, remotetest.Write, remotetest.BatchUpdateBlobs, remotetest.UpdateActionResult), want: "the disk is full"},
		{name: "execution: the cache is gone", args: quick(run), fault: fail(codes.Unavailable, gone, 1), fails: true, want: gone},
		{name: "execution: the cache is full", args: quick(run), fault: fail(codes.ResourceExhausted, "the disk is full", 1, remotetest.Write, remotetest.BatchUpdateBlobs), fails: true, want: "the disk is full"},
		{name: "execution: half a file", args: quick(run), fault: change(remotetest.Read, content(half)), fails: true, want: "does not match received digest"},
		{name: "execution: a wrong byte", args: quick(run), fault: change(remotetest.Read, content(flip)), fails: true, want: "does not match received digest"},
		{name: "execution: credentials expire", args: quick(run), fault: fail(codes.Unauthenticated, expired, 3), fails: true, want: expired},
		{name: "execution: a worker is killed", args: run, fault: w.killing(false), kills: true},
		{name: "execution: all workers are killed", args: quick(run), fault: w.killing(true), kills: true, fails: true, want: "UNAVAILABLE|the worker of this operation is gone"},
	}
}

// checkFaults builds with each fault. It makes only what depends on a changed file, which
// alternates between two contents.
func (w *world) checkFaults() {
	notes := []string{"one", "two"}
	want := map[string]string{}
	for _, note := range notes {
		w.note(note)
		want[note] = w.must("--config=remote", "--disk_cache=").sums // built here: only what it is made of is cached
	}
	for _, note := range notes {
		w.note(note)
		w.must("--config=remote-write", "--disk_cache=") // so that all is there
	}
	for i, tt := range w.trials() {
		w.t.Run(tt.name, func(t *testing.T) {
			w := w.in(t)
			note := notes[i%2]
			w.note(note)
			w.engine.Proxy.Fail(authorized(tt.fault))
			b := w.build(append(tt.args, "--disk_cache=")...)
			w.engine.Proxy.Fail(authorized(remotetest.Fault{}))
			for _, worker := range w.engine.Workers {
				if tt.kills {
					worker.Restart()
				}
			}
			t.Logf("error %v; %v; %s", b.err, b.runners, said(b.out))
			if (b.err != nil) != tt.fails || !regexp.MustCompile(tt.want).MatchString(b.out) {
				t.Errorf("got error %v, want one: %t; got\n%s\nwant %q", b.err, tt.fails, b.out, tt.want)
			}
			if b.err == nil && b.sums != want[note] {
				t.Errorf("got SHA256SUMS\n%s\nwant\n%s", b.sums, want[note])
			}
		})
	}
}

// checkLost empties the cache between two builds. What the first left there, and not here, the
// second needs.
func (w *world) checkLost() {
	w.note("lost")
	want := w.must("--config=remote", "--disk_cache=").sums
	w.note("before")
	w.rebuild("--config=remote-exec", "--disk_cache=", "--remote_download_minimal")
	w.engine.Restart()
	w.note("lost")
	b := w.must("--config=remote-exec", "--disk_cache=")
	w.t.Logf("%v; %s", b.runners, said(b.out))
	if b.sums != want {
		w.t.Errorf("got SHA256SUMS\n%s\nwant\n%s", b.sums, want)
	}
}

// said returns the warnings and errors in Bazel's output.
func said(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "WARNING:") || strings.HasPrefix(line, "ERROR:") || strings.Contains(line, "Exception") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "\n")
}
