package github

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/githubtest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

// TestSecondDraft has another run of the release make a draft just before this one does. The
// older draft stays, and becomes the release.
func TestSecondDraft(t *testing.T) {
	s := start(t)
	tree := releasetest.Open(t, releasetest.Make(t, args()))
	d := open(t, s, tree)
	var once sync.Once
	var theirs int64
	s.Handle(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/releases") {
				once.Do(func() {
					theirs = s.AddRelease(owner, repo, githubtest.Release{Tag: tag, Title: tag, Notes: "Notes.", Draft: true, Commit: commit})
				})
			}
			next.ServeHTTP(w, r)
		})
	})
	if err := run(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	all := s.Releases(owner, repo)
	if len(all) != 1 || all[0].ID != theirs || all[0].Draft || len(all[0].Assets) != 5 {
		t.Errorf("got %+v, want one release, %d, with 5 assets", all, theirs)
	}
	if items := mustPlan(t, d); len(todo(items, "upload"))+len(todo(items, "reveal")) > 0 {
		t.Errorf("again: got %+v, want nothing to do", items)
	}
}
