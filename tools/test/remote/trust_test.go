package remote_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	repb "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/protobuf/proto"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/check/execlog"
	"github.com/jasonwzm/release-builder/tools/internal/testing/remotetest"
)

// checkPoisoned has somebody who may write to the cache change what one action gave. The
// release has it: a cache is as good as those who write to it. The log of actions says which.
func (w *world) checkPoisoned() {
	w.note("poisoned")
	logs := []string{filepath.Join(w.t.TempDir(), "here"), filepath.Join(w.t.TempDir(), "there")}
	here := w.must(append(execlog.Flags(logs[0]), "--config=remote", "--disk_cache=")...)
	w.note("another")
	w.must("--config=remote", "--disk_cache=")
	w.note("poisoned")
	results := w.watchResults(func() { w.must("--config=remote-write", "--disk_cache=") })
	w.note("another")
	w.must("--config=remote", "--disk_cache=")
	output := w.poison(results, ".tar.gz")
	w.note("poisoned")
	there := w.must(append(execlog.Flags(logs[1]), "--config=remote", "--disk_cache=")...)
	if there.sums == here.sums {
		w.t.Error("the poisoned result was not used")
	}
	found, _, err := execlog.Compare(logs[0], logs[1])
	if err != nil {
		w.t.Fatal(err)
	}
	if len(found) != 1 || found[0].Output != output || found[0].Label != "//release/demo:demo" || found[0].Second != "remote cache hit" {
		w.t.Errorf("got %+v, want the action of %s", found, output)
	}
	w.t.Logf("found: %+v", found)
	if *whole {
		w.checkReproduce(output)
	}
}

// checkReproduce has //release:reproduce find the action.
func (w *world) checkReproduce(output string) {
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-q", "-m", "all"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = w.Dir
		if out, err := cmd.CombinedOutput(); err != nil {
			w.t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	out, err := w.Bazel("run", "//release:reproduce", "--", "--remote", "remote", "--rebuild=false", "--tmp", w.t.TempDir(), "--out", w.t.TempDir())
	want := "Action ReleaseArchive of //release/demo:demo gave another " + output + ": first linux-sandbox, second remote cache hit."
	if err == nil || !strings.Contains(out, want) {
		w.t.Errorf("got %v\n%s\nwant %s", err, out, want)
	}
	w.t.Log(out)
}

// watchResults returns the requests by which results get into the cache while f runs.
func (w *world) watchResults(f func()) []*repb.UpdateActionResultRequest {
	var mu sync.Mutex
	var all []*repb.UpdateActionResultRequest
	w.engine.Proxy.Fail(authorized(remotetest.Fault{Begin: func(_ context.Context, c remotetest.Call) error {
		var r repb.UpdateActionResultRequest
		if c.Method == remotetest.UpdateActionResult && proto.Unmarshal(c.Message, &r) == nil {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, &r)
		}
		return nil
	}}))
	defer w.engine.Proxy.Fail(authorized(remotetest.Fault{}))
	f()
	return all
}

// poison writes another result for the action with an output whose name ends so, through the
// cache's own API, and returns that output.
func (w *world) poison(results []*repb.UpdateActionResultRequest, suffix string) string {
	w.t.Helper()
	for _, r := range results {
		i := slices.IndexFunc(r.ActionResult.OutputFiles, func(f *repb.OutputFile) bool { return strings.HasSuffix(f.Path, suffix) })
		if i < 0 {
			continue
		}
		evil := []byte("this is not what the action gave")
		d := &repb.Digest{Hash: digest.FromBytes(evil).Hex(), SizeBytes: int64(len(evil))}
		conn := w.engine.Cache.Dial()
		_, err := repb.NewContentAddressableStorageClient(conn).BatchUpdateBlobs(w.t.Context(), &repb.BatchUpdateBlobsRequest{
			Requests: []*repb.BatchUpdateBlobsRequest_Request{{Digest: d, Data: evil}},
		})
		if err != nil {
			w.t.Fatal(err)
		}
		r.ActionResult.OutputFiles[i].Digest = d
		if _, err := repb.NewActionCacheClient(conn).UpdateActionResult(w.t.Context(), r); err != nil {
			w.t.Fatal(err)
		}
		return r.ActionResult.OutputFiles[i].Path
	}
	w.t.Fatalf("no result of %d has an output %s", len(results), suffix)
	return ""
}

// absolute matches what is, or has after an equals sign, an absolute path.
var absolute = regexp.MustCompile(`^/|=/`)

// checkNeeds checks by a log that no action needs anything of the machine on which Bazel runs:
// each has inputs only, and variables that rules_go sets.
func checkNeeds(t *testing.T, log string) {
	needs, err := execlog.ReadNeeds(log, absolute.MatchString)
	if err != nil || len(needs) < 5 {
		t.Fatalf("got %v, %v", needs, err)
	}
	for _, n := range needs {
		t.Logf("%s: variables %q", n.Mnemonic, n.Env)
		if len(n.Absolute) > 0 {
			t.Errorf("%s: got absolute paths %q, want only inputs", n.Mnemonic, n.Absolute)
		}
		for _, v := range n.Env {
			if !slices.Contains(variables, v) {
				t.Errorf("%s: got variable %s, want only %q", n.Mnemonic, v, variables)
			}
		}
	}
}

// variables are those that actions see. rules_go sets them; none is of the user.
var variables = []string{
	"CGO_ENABLED", "GO386", "GOAMD64", "GOARCH", "GOARM", "GOARM64", "GODEBUG", "GOEXPERIMENT", "GOMIPS", "GOMIPS64", "GOOS", "GOPATH", "GOPPC64",
	"GORISCV64", "GOROOT", "GOROOT_FINAL", "GOTOOLCHAIN",
}
