package gittag_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
)

// TestPreflight asks servers that let push, deny it, and are broken.
func TestPreflight(t *testing.T) {
	for _, tt := range []struct {
		status int // for pushes; 0 to let them
		want   publish.Result
	}{{0, publish.Good}, {http.StatusForbidden, publish.Bad}, {http.StatusUnauthorized, publish.Bad}, {http.StatusInternalServerError, publish.Unknown}} {
		w := newWorld(t, "one", "two")
		w.server.Handle(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if tt.status != 0 && strings.Contains(r.URL.String(), "git-receive-pack") {
					rw.WriteHeader(tt.status)
					return
				}
				next.ServeHTTP(rw, r)
			})
		})
		found := w.destination().(publish.Preflighter).Preflight(t.Context(), 1)
		if len(found) != 2 {
			t.Fatalf("got %+v, want two", found)
		}
		for _, f := range found {
			if f.Result != tt.want {
				t.Errorf("status %d: got %+v, want it %s", tt.status, f, tt.want)
			}
		}
		for _, r := range w.server.Log() {
			if r.Service == gittest.Push {
				t.Errorf("it pushed to %s", r.Repo)
			}
		}
		w.server.Handle(nil)
	}
}
