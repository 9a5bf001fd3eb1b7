package gomod

import (
	"strings"
	"testing"
	"time"
)

// TestCommitVersion: the versions are those that `go build` of Go 1.26 stamped in
// checkouts of such repositories with a go.mod in the root; without one, and for
// gopkg.in, it says "(devel)".
func TestCommitVersion(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	stamp := time.Date(2024, 2, 29, 13, 0, 0, 0, time.FixedZone("", 3600))
	for _, tt := range []struct{ path, root, tags, want string }{
		{"example.com/a", ".", "", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a", ".", "nightly", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a", ".", "v1.2.3", "v1.2.3"},
		{"example.com/a", ".", "v1.2.3-rc.1", "v1.2.3-rc.1"},
		{"example.com/a", ".", "v1.2", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a", ".", "1.2.3", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a", ".", "v2.0.0", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a", ".", "sub/v1.2.3", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a", ".", "v0.0.0-20200101000000-0123456789ab", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a/v2", ".", "", "v2.0.0-20240229120000-0123456789ab"},
		{"example.com/a/v2", ".", "v2.1.0", "v2.1.0"},
		{"example.com/a/v2", ".", "v1.1.0", "v2.0.0-20240229120000-0123456789ab"},
		{"example.com/a/v2", "v2", "v2.1.0", "v2.1.0"},
		{"example.com/a/sub", "sub", "v1.2.3", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a/sub", "sub", "sub/v1.2.3", "v1.2.3"},
		{"example.com/a/sub/v3", "sub/v3", "sub/v3.0.1", "v3.0.1"},
		{"example.com/a/sub/v3", "sub", "sub/v3.0.1", "v3.0.1"},
		{"example.com/a", ".", "nightly sub/v9.0.0 v1.10.0-rc.1 v1.9.0 v1.10.0 v2.0.0", "v1.10.0"},
		{"gopkg.in/a.v3", ".", "", "v3.0.0-20240229120000-0123456789ab"},
		{"tool", ".", "", "v0.0.0-20240229120000-0123456789ab"},
	} {
		if got := CommitVersion(tt.path, tt.root, strings.Fields(tt.tags), commit, stamp); got != tt.want {
			t.Errorf("%s in %s at %q: got %s, want %s", tt.path, tt.root, tt.tags, got, tt.want)
		}
	}
}
