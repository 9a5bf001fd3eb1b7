package publish

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/testing/registrytest"
)

// promote takes what is on the stage to production, with neither the release nor
// what the machine that staged it remembers at hand.
func (s *services) promote() {
	t := s.t
	if err := os.Rename(s.release, s.release+".gone"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(s.home, "state")); err != nil {
		t.Fatal(err)
	}
	s.gcs.Reset()
	promote := []string{"--promote", "1.2.0", "--destinations", "destinations.yaml:production"}
	out, _ := s.run(cli.OK, promote...)
	t.Logf("promotion:\n%s", out)
	if out, _ := s.run(cli.OK, promote...); !strings.Contains(out, "1.2.0 to production: 0 changes") {
		t.Errorf("again: got\n%s", out)
	}
	// Nothing is sent but what is production's own: the others are copied there.
	for _, w := range s.gcs.Writes() {
		own := slices.ContainsFunc([]string{"demo%2Flatest", "demo%2F1.2.0.receipt.json", "charts%2Findex.yaml"}, func(name string) bool {
			return strings.Contains(w, "name="+name+"&")
		})
		if !own && !strings.Contains(w, "/rewriteTo/") {
			t.Errorf("got %q: what is in the bucket was sent again", w)
		}
	}
	if err := os.Rename(s.release+".gone", s.release); err != nil {
		t.Fatal(err)
	}
	for _, key := range s.gcs.Keys() {
		if rest, ok := strings.CutPrefix(key, "stage/"); ok && rest != "1.2.0.receipt.json" {
			want, _ := s.gcs.Get(key)
			if got, _ := s.gcs.Get("demo/" + rest); got != want {
				t.Errorf("%s: production has %+v, the stage %+v", rest, got, want)
			}
		}
	}
}

// TestPromotionSendsNoBlob publishes to a stage and promotes to another repository
// of the same registry: no blob is sent there twice.
func TestPromotionSendsNoBlob(t *testing.T) {
	var mu sync.Mutex
	sent := map[string]int{}
	s := startServices(t, registrytest.Strict(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if d := r.URL.Query().Get("digest"); r.Method == http.MethodPut && d != "" {
				mu.Lock()
				sent[d]++
				mu.Unlock()
			}
			next.ServeHTTP(w, r)
		})
	}))
	s.run(cli.OK, s.profile("images")...)
	blobs := len(sent)
	s.run(cli.OK, "--promote", "1.2.0", "--destinations", "destinations.yaml:shipped")
	if blobs == 0 || len(sent) != blobs {
		t.Errorf("got %d blobs sent to the stage, then %d in all", blobs, len(sent))
	}
	for d, n := range sent {
		if n != 1 {
			t.Errorf("blob %s was sent %d times, want once", d, n)
		}
	}
}
