// Package remote_test builds releases with a remote cache and by remote execution: with
// bazel-remote and BuildBox' workers, on loopback. It starts Bazel, so it runs outside of the sandbox.
//
//	tools/bazel test //tools/test/remote:all                        a small release
//	tools/bazel test //tools/test/remote:all --test_arg=-whole      also //release:reproduce with a poisoned cache
//	tools/bazel test //tools/test/remote:all --test_arg=-line=NAME  also the release of a line, cold: it takes long
//
// With --test_arg=-target=LABEL too, that target of the line in place of its release.
package remote_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/command/resolve"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/remotetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/workspacetest"
)

var (
	line   = flag.String("line", "", "also build the release of this `line` by remote execution")
	target = flag.String("target", release, "what -line builds, a `label`")
	whole  = flag.Bool("whole", false, "also reproduce the small release with a poisoned cache")
)

// release is the target of a line's release.
const release = "//release:all"

// secret is a header without which the proxy answers nothing.
const secret = "s3cr3t-of-the-cache"

// world is a workspace and what it builds with elsewhere.
type world struct {
	*workspacetest.Workspace
	t      *testing.T
	engine *remotetest.Engine
	target string // what is built
}

// newWorld copies the workspace, for the line to be built with a cache and two workers.
func newWorld(t *testing.T, line string) *world {
	t.Helper()
	engine := remotetest.New(t, 2) // first: it may be missing
	w := &world{Workspace: workspacetest.New(t, "REMOTE_WORKSPACE", line), t: t, engine: engine, target: release}
	engine.Proxy.Fail(authorized(remotetest.Fault{}))
	w.Environ = append(w.Environ, "RELEASE_REMOTE_CACHE=grpc://"+engine.Proxy.Addr, "RELEASE_REMOTE_EXECUTOR=grpc://"+engine.Proxy.Addr,
		"RELEASE_REMOTE_HEADERS=authorization: Bearer "+secret)
	return w
}

// newDemo is newWorld for a small line.
func newDemo(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, "demo")
	gittest.Env(t) // after Bazel got its environment
	git := gittest.New(t)
	a, err := txtar.ParseFile(filepath.Join("testdata", "line.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	source := map[string]gittest.File{}
	for _, f := range a.Files {
		if name, ok := strings.CutPrefix(f.Name, "src/"); ok {
			source[name] = gittest.File{Content: string(f.Data)}
			continue
		}
		w.Write(f.Name, strings.ReplaceAll(string(f.Data), "{git}", strings.TrimSuffix(git.URL(""), "/")))
	}
	git.Repo("src").Commit("main", source, "first", time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC))
	t.Setenv("GOPROXY", "off")
	var out bytes.Buffer
	if status := resolve.Run(t.Context(), []string{"--line=demo", "--root=" + w.Dir, "--store=" + w.Store, "--go=" + proxytest.GoCommand(t)}, &out, &out); status != 0 {
		t.Fatal(out.String())
	}
	w.note("first")
	return w
}

// note changes a file of the archive, so that the archive and what depends on it is made again.
func (w *world) note(text string) { w.Write("release/demo/note.txt", text+"\n") }

// authorized is a fault that also refuses calls without the secret header.
func authorized(f remotetest.Fault) remotetest.Fault {
	begin := f.Begin
	f.Begin = func(ctx context.Context, c remotetest.Call) error {
		md, _ := metadata.FromIncomingContext(ctx)
		if !slices.Equal(md.Get("authorization"), []string{"Bearer " + secret}) {
			return status.Error(codes.Unauthenticated, "the token is not known")
		}
		if begin != nil {
			return begin(ctx, c)
		}
		return nil
	}
	return f
}

// built is what a build did.
type built struct {
	out     string // what Bazel said
	err     error
	sums    string         // the digests of what was built, as in SHA256SUMS; "" if it is not here
	runners map[string]int // the number of actions by how they ran
	calls   map[string]remotetest.Calls
	took    time.Duration
}

// rebuild builds the release without what was built before, except that of the remote.
func (w *world) rebuild(args ...string) *built {
	w.t.Helper()
	w.MustBazel("clean")
	return w.must(args...)
}

// must is build for a build that has to succeed.
func (w *world) must(args ...string) *built {
	w.t.Helper()
	b := w.build(args...)
	if b.err != nil {
		w.t.Fatalf("%q: %v\n%s", args, b.err, b.out)
	}
	return b
}

// build builds the target.
func (w *world) build(args ...string) *built {
	w.t.Helper()
	w.engine.Proxy.Reset()
	start := time.Now()
	b := &built{runners: map[string]int{}}
	b.out, b.err = w.Bazel("build", append([]string{w.target}, args...)...)
	b.took, b.calls = time.Since(start), w.engine.Proxy.Reset()
	if strings.Contains(b.out, secret) {
		w.t.Errorf("Bazel shows the secret header:\n%s", b.out)
	}
	b.count(w.t)
	if b.err == nil {
		b.sums = w.sums()
	}
	return b
}

// sums returns the digests of what was built, or "" if it is not here.
func (w *world) sums() string {
	w.t.Helper()
	if w.target != release {
		return w.digests(w.MustBazel("cquery", w.target, "--output=files"))
	}
	data, err := os.ReadFile(filepath.Join(w.Dir, "bazel-bin", "release", "all", "SHA256SUMS"))
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	return string(data)
}

// digests returns the digests of the files and directories among lines.
func (w *world) digests(lines string) string {
	w.t.Helper()
	var sums strings.Builder
	for name := range strings.Lines(lines) {
		if !strings.HasPrefix(name, "bazel-out/") {
			continue
		}
		err := filepath.WalkDir(filepath.Join(w.Dir, "bazel-out", "..", strings.TrimSpace(name)), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			sum, _, err := digest.FromFile(path)
			fmt.Fprintf(&sums, "%s  %s\n", sum.Hex(), filepath.Base(path))
			return err
		})
		if err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
	}
	return sums.String()
}

// count reads how actions ran from what Bazel says at the end.
func (b *built) count(t *testing.T) {
	t.Helper()
	lines := processes.FindAllStringSubmatch(b.out, -1)
	if len(lines) == 0 {
		return
	}
	for _, part := range strings.Split(lines[len(lines)-1][1], ", ") { // the last, if it tried again
		number, name, _ := strings.Cut(part, " ")
		n, err := strconv.Atoi(strings.ReplaceAll(number, ",", ""))
		if err != nil {
			t.Fatalf("Bazel says %q of how actions ran", part)
		}
		b.runners[name] = n
	}
}

// processes matches such as "INFO: 773 processes: 701 remote cache hit, 72 internal."
var processes = regexp.MustCompile(`(?m)^INFO: [0-9,]+ process(?:es)?: (.*)\.$`)

// elsewhere are the ways in which an action runs that do not take this machine's time.
// Internal ones are Bazel's own, such as writing a file whose content it knows.
var elsewhere = []string{"internal", "remote", "remote cache hit"}

// local returns the number of actions that ran here.
func (b *built) local() (n int) {
	for name, count := range b.runners {
		if !slices.Contains(elsewhere, name) {
			n += count
		}
	}
	return n
}

// String returns the numbers of a build.
func (b *built) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%.0f s;", b.took.Seconds())
	for _, name := range slices.Sorted(maps.Keys(b.runners)) {
		fmt.Fprintf(&s, " %s %d,", name, b.runners[name])
	}
	sent, got := remotetest.Bytes(b.calls)
	fmt.Fprintf(&s, " %s bytes from the client, %s to it", group(sent), group(got))
	for _, name := range slices.Sorted(maps.Keys(b.calls)) {
		c := b.calls[name]
		fmt.Fprintf(&s, "\n  %-20s %7d calls %14s bytes from the client %14s to it", name[strings.LastIndex(name, "/")+1:], c.Number, group(c.Sent), group(c.Got))
	}
	return s.String()
}

// group writes a number with commas.
func group(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
