package bundle

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

var whole = flag.Bool("whole", false, "kill bundle before each of its writes, not only some")

// temporary matches the names of files that gc removes.
var temporary = regexp.MustCompile(`^\.(.+\.)?tmp-[0-9]+$`)

// A packing is a workspace with a store, in which a bundle is packed.
type packing struct {
	t   *testing.T
	dir string
}

func newPacking(t *testing.T) *packing {
	p := &packing{t, t.TempDir()}
	if err := plant(p.dir); err != nil {
		t.Fatal(err)
	}
	return p
}

// run packs b.tar, with a command before that one.
func (p *packing) run(prefix ...string) ([]byte, error) {
	args := append(prefix, "bundle", "--active", "demo", "--modules", "modules.txt", "pack", "--platform", "linux_amd64", "--out", "b.tar")
	cmd := exec.CommandContext(p.t.Context(), args[0], args[1:]...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "BUILD_WORKSPACE_DIRECTORY="+filepath.Join(p.dir, "ws"), "BUILD_WORKING_DIRECTORY="+p.dir,
		"RELEASE_STORE="+filepath.Join(p.dir, "store"), "RELEASE_ROOT="+filepath.Join(p.dir, "bazel-7.7.1-0123456789abcdef"))
	return cmd.CombinedOutput()
}

// files returns what is below the directory of the packing, without temporary files.
func (p *packing) files() map[string]string {
	all := map[string]string{}
	err := filepath.WalkDir(p.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || temporary.MatchString(d.Name()) || d.Name() == "trace" {
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(p.dir, name)
		all[rel] = string(data)
		return err
	})
	if err != nil {
		p.t.Error(err)
	}
	return all
}

// TestKilled kills bundle pack before its writes, in a directory with an older bundle. Each time
// that is there as it was, or the new one is there whole, and the store is as before. The next
// run makes the same bundle as one that nobody kills.
func TestKilled(t *testing.T) {
	strace := readers.Find(t, "strace")
	reference := newPacking(t)
	before := reference.files()
	if said, err := reference.run(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	after := reference.files()
	var cases [][2]any
	for _, call := range []string{"write", "fsync", "fchmod", "renameat", "openat", "unlinkat"} {
		for at := 1; at <= 24; at++ {
			cases = append(cases, [2]any{call, at})
		}
	}
	rand.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
	if !*whole {
		cases = cases[:20]
	}
	killed := 0
	for _, k := range cases {
		call, at := k[0].(string), k[1].(int)
		t.Run(fmt.Sprint(call, " ", at), func(t *testing.T) {
			p := newPacking(t)
			old := []byte("an older bundle")
			if err := os.WriteFile(filepath.Join(p.dir, "b.tar"), old, 0o644); err != nil {
				t.Fatal(err)
			}
			said, failed := p.run(strace, "-f", "-qq", "-o", filepath.Join(p.dir, "trace"), "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, at))
			if ended := new(exec.ExitError); errors.As(failed, &ended) {
				killed++
			} else if failed != nil {
				t.Fatalf("%v\n%s", failed, said)
			}
			got := p.files()
			if now := got["b.tar"]; now != string(old) && now != after["b.tar"] {
				t.Errorf("the bundle has %d bytes, and is neither the older nor the new one", len(now))
			}
			delete(got, "b.tar")
			if !maps.Equal(got, before) {
				t.Errorf("got %d files, want the %d that were there", len(got), len(before))
			}
			if said, err := p.run(); err != nil {
				t.Fatalf("the next run: %v\n%s", err, said)
			}
			if now, err := os.ReadFile(filepath.Join(p.dir, "b.tar")); err != nil || !bytes.Equal(now, []byte(after["b.tar"])) {
				t.Errorf("the next run made another bundle, of %d bytes: %v", len(now), err)
			}
		})
	}
	t.Logf("%d runs, %d of them killed", len(cases), killed)
	if killed == 0 {
		t.Error("no run was killed")
	}
}
