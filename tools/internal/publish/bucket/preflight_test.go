package bucket

import (
	"math"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/testing/buckettest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/releasetest"
)

func TestPreflight(t *testing.T) {
	want := map[string]publish.Result{"gs": publish.Good, "s3": publish.Unknown, "file": publish.Good}
	each(t, func(t *testing.T, s *buckettest.Server, c Config) {
		tree := releasetest.Open(t, releasetest.Make(t, demo))
		scheme, _, _ := strings.Cut(c.URL, ":")
		found := open(t, c, tree).(publish.Preflighter).Preflight(t.Context(), 1000)
		if len(found) != 1 || found[0].Result != want[scheme] {
			t.Fatalf("got %+v, want it %s", found, want[scheme])
		}
		s.Denied = []string{"storage.objects.delete"}
		found = open(t, c, tree).(publish.Preflighter).Preflight(t.Context(), math.MaxInt64)
		switch scheme {
		case "gs":
			if found[0].Result != publish.Bad || found[0].Detail != "these credentials lack storage.objects.delete" {
				t.Errorf("got %+v, want a permission that is missing", found)
			}
		case "file":
			if found[0].Result != publish.Bad || !strings.Contains(found[0].Detail, "bytes of free space") {
				t.Errorf("got %+v, want too little space", found)
			}
		}
		if w := s.Writes(); len(w) > 0 {
			t.Errorf("wrote %q", w)
		}
	})
}
