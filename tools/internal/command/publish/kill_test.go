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

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/destinations"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// anyKills is the number of times that TestKilledAnywhere kills the publisher.
const anyKills = 100

// TestKilledAnywhere publishes releases to a service of each kind, and kills the publisher with
// SIGKILL at random times. What people find is always a release with a receipt. In the end
// everything is there, and whole.
func TestKilledAnywhere(t *testing.T) {
	s := startServices(t, nil)
	git := map[string]string{}
	for name, commit := range s.commits {
		git[name] = s.git.URL("org/"+name) + "@" + commit
	}
	release := func(n int) string {
		version := fmt.Sprintf("1.%d.0", n)
		return releasetest.Make(t, releasetest.Args{
			Version: version, Time: releasetest.Time.Add(time.Duration(n) * time.Hour), Git: git,
			Files: map[string]string{"demo-" + version + ".tar.gz": "archive " + version}, Images: []string{"app"}, Charts: []string{"web"},
		})
	}
	run := func(dir string, after time.Duration) (killed bool) {
		cmd := exec.Command("publish", "--release", dir, "--destinations", filepath.Join(s.home, "destinations.yaml")+":production")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if after > 0 {
			defer time.AfterFunc(after, func() { _ = cmd.Process.Kill() }).Stop() // it may have ended
		}
		err := cmd.Wait()
		s.secret("what publish printed", out.String())
		var exit *exec.ExitError
		if errors.As(err, &exit) && !exit.Exited() && after > 0 {
			return true
		}
		if err != nil {
			t.Fatalf("publish: %v\n%s", err, out.String())
		}
		return false
	}
	began := time.Now()
	run(release(1), 0)
	took := time.Since(began)
	killed, last := 0, 1
	for killed < anyKills {
		last++
		dir := release(last)
		for killed < anyKills && run(dir, time.Duration(1+rand.Int64N(int64(took)))) {
			killed++
			s.revealed(fmt.Sprintf("1.%d.0", last))
		}
		run(dir, 0)
	}
	for n := 1; n <= last; n++ {
		s.verify(fmt.Sprintf("1.%d.0", n))
	}
	t.Logf("%d kills in %d releases of %v", killed, last, took)
}

// revealed checks that a version that people find in a place has its receipt.
func (s *services) revealed(version string) {
	s.t.Helper()
	var found []string
	for _, b := range []struct{ name, latest string }{{"gcs", s.gcs.Content("demo/latest")}, {"s3", s.s3.Content("demo/latest")}} {
		if strings.TrimSpace(b.latest) == version {
			found = append(found, b.name)
		}
	}
	if object, _ := s.github.Tag("org", "demo", version); object != "" {
		found = append(found, "a tag on GitHub")
	}
	if strings.Contains(s.gcs.Content("charts/index.yaml"), version) {
		found = append(found, "the index of charts")
	}
	for _, r := range s.github.Releases("org", "demo") {
		if r.Tag == version && !r.Draft {
			found = append(found, "a release on GitHub")
		}
	}
	if len(found) > 0 && (s.gcs.Content("demo/"+version+".receipt.json") == "" || s.s3.Content("demo/"+version+".receipt.json") == "") {
		s.t.Errorf("people find %s by %s, and there is no receipt", version, strings.Join(found, ", "))
	}
}

// verify verifies a version in production by its receipt, and reads everything back.
func (s *services) verify(version string) {
	s.t.Helper()
	r, err := publish.ReadReceipt(strings.Replace(s.receipt("production"), "1.2.0", version, 1))
	if err != nil {
		s.t.Error(err)
		return
	}
	all, err := destinations.Open(s.t.Context(), destinations.Args{Profile: r.Profile, Transport: web.New(web.Config{}), Env: os.Getenv})
	if err == nil {
		err = r.Verify(s.t.Context(), all, true)
	}
	if err != nil {
		s.t.Errorf("%s: %v", version, err)
	}
}
