package registry

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// TestPreflight asks registries that let push, and some that do not.
func TestPreflight(t *testing.T) {
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			server := s.start(t)
			if server == nil {
				return
			}
			r := &recorder{inner: server.Transport}
			d := open(t, Config{Hub: server.Host + "/hub", Transport: r, Keychain: keychain{s.auth}}, images(t, "1.2.0"))
			for _, f := range d.(publish.Preflighter).Preflight(t.Context(), 1) {
				if f.Result != publish.Good {
					t.Errorf("got %+v, want it good", f)
				}
			}
			for _, tt := range []struct {
				status int
				want   publish.Result
				text   string
			}{
				{http.StatusForbidden, publish.Bad, "403"},
				{http.StatusUnauthorized, publish.Bad, "401"},
				{http.StatusNotFound, publish.Bad, "the registry does not have it"},
				{http.StatusMethodNotAllowed, publish.Unknown, "405"},
				{http.StatusInternalServerError, publish.Unknown, "500"},
			} {
				r.fail = func(_ int, req *http.Request) (*http.Response, error) {
					if req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/blobs/uploads/") {
						return answer(req, tt.status, `{"errors": [{"code": "DENIED"}]}`), nil
					}
					return nil, nil
				}
				for _, f := range d.(publish.Preflighter).Preflight(t.Context(), 1) {
					if f.Result != tt.want || !strings.Contains(f.Detail, tt.text) && !strings.Contains(f.Detail, http.StatusText(tt.status)) {
						t.Errorf("%d: got %+v, want it %s", tt.status, f, tt.want)
					}
				}
			}
		})
	}
}
