//go:build unix

package publish

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestKilledCommits publishes releases to a git repository, and kills the publisher with
// SIGKILL at random times, while others push to it. Each release is exactly one commit, with
// the right files, and nobody's commit is lost.
func TestKilledCommits(t *testing.T) {
	gittest.Env(t)
	server := gittest.New(t)
	repo := server.Repo("tap")
	others := 0
	push := func() {
		others++
		repo.Commit("main", map[string]gittest.File{fmt.Sprintf("Formula/other%d.rb", others): {Content: "x"}}, "others", releasetest.Time)
	}
	push()
	home := t.TempDir()
	file := filepath.Join(home, "destinations.yaml")
	err := os.WriteFile(file, []byte(fmt.Sprintf(`
test:
  commits: [{url: %q, branches: [main], files: [homebrew, winget], author: "Me <me@example.com>", message: "tool {version}", token: "env://TAP_TOKEN"}]
`, server.URL("tap"))), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	publish := func(dir string, after time.Duration) (killed bool) {
		cmd := exec.Command("publish", "--release", dir, "--destinations", file+":test", "--state", filepath.Join(home, "state"))
		cmd.Env = append(os.Environ(), "HOME="+home, "RELEASE_LINE=demo", "TAP_TOKEN=s3cr3t")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if after > 0 {
			defer time.AfterFunc(after, func() { _ = cmd.Process.Kill() }).Stop() // it may have ended
		}
		err := cmd.Wait()
		if strings.Contains(out.String(), "s3cr3t") {
			t.Errorf("got the token in\n%s", out.String())
		}
		var exit *exec.ExitError
		if errors.As(err, &exit) && !exit.Exited() && after > 0 {
			return true
		}
		if err != nil {
			t.Fatalf("publish: %v\n%s", err, out.String())
		}
		return false
	}
	release := func(n int) string {
		version := fmt.Sprintf("1.%d.0", n)
		return releasetest.Make(t, releasetest.Args{Version: version, Files: map[string]string{
			"packages/tool/homebrew/tool.rb":                                         fmt.Sprintf("  version %q\n", version),
			"packages/tool/winget/manifests/e/E/tool/" + version + "/E.tool.yaml":    "PackageVersion: " + version + "\n",
			"packages/tool/winget/manifests/e/E/tool/" + version + "/E.tool.en.yaml": "PackageVersion: " + version + "\nx: y\n",
		}})
	}
	began := time.Now()
	publish(release(1), 0)
	took := time.Since(began)
	killed, last := 0, 1
	for killed < kills {
		last++
		dir := release(last)
		for killed < kills && publish(dir, time.Duration(1+rand.Int64N(int64(took)))) {
			if killed++; killed%4 == 0 {
				push()
			}
		}
		publish(dir, 0)
	}
	for n := 1; n <= last; n++ {
		version := fmt.Sprintf("1.%d.0", n)
		if got := repo.Git("log", "--format=%H", "--fixed-strings", "--grep=tool "+version, "main"); len(strings.Fields(got)) != 1 {
			t.Errorf("%s: got commits %q, want one", version, got)
			continue
		} else if tree := repo.Git("ls-tree", "-r", "--name-only", got); strings.Count(tree, "/"+version+"/") != 2 || !strings.Contains(tree, "Formula/tool.rb") {
			t.Errorf("%s: got %s", version, tree)
		} else if formula := repo.Git("show", got+":Formula/tool.rb"); !strings.Contains(formula, version) {
			t.Errorf("%s: got %s", version, formula)
		}
	}
	if got := repo.Git("rev-list", "--count", "main"); got != fmt.Sprint(last+others) {
		t.Errorf("got %s commits, want %d of releases and %d of others", got, last, others)
	}
	repo.Git("fsck", "--strict")
	t.Logf("%d kills in %d releases of %v, %d commits of others", killed, last, took, others)
}
