package gomod

import (
	"testing"
	"time"
)

// TestCommitVersion: the versions are those that `go build` of Go 1.26 stamped in
// checkouts of such repositories with a go.mod in the root; without one, and for
// gopkg.in, it says "(devel)".
func TestCommitVersion(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	stamp := time.Date(2024, 2, 29, 13, 0, 0, 0, time.FixedZone("", 3600))
	for _, tt := range []struct{ path, root, ref, want string }{
		{"example.com/a", ".", "", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a", ".", "refs/heads/v1.0.0", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a", ".", "refs/tags/v1.2.3", "v1.2.3"},
		{"example.com/a", ".", "refs/tags/v1.2.3-rc.1", "v1.2.3-rc.1"},
		{"example.com/a", ".", "refs/tags/v1.2", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a", ".", "refs/tags/1.2.3", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a", ".", "refs/tags/v2.0.0", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a", ".", "refs/tags/sub/v1.2.3", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a", ".", "refs/tags/v0.0.0-20200101000000-0123456789ab", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a/v2", ".", "", "v2.0.0-20240229120000-0123456789ab"},
		{"example.com/a/v2", ".", "refs/tags/v2.1.0", "v2.1.0"},
		{"example.com/a/v2", ".", "refs/tags/v1.1.0", "v2.0.0-20240229120000-0123456789ab"},
		{"example.com/a/v2", "v2", "refs/tags/v2.1.0", "v2.1.0"},
		{"example.com/a/sub", "sub", "refs/tags/v1.2.3", "v0.0.0-20240229120000-0123456789ab"},
		{"example.com/a/sub", "sub", "refs/tags/sub/v1.2.3", "v1.2.3"},
		{"example.com/a/sub/v3", "sub/v3", "refs/tags/sub/v3.0.1", "v3.0.1"},
		{"example.com/a/sub/v3", "sub", "refs/tags/sub/v3.0.1", "v3.0.1"},
		{"gopkg.in/a.v3", ".", "", "v3.0.0-20240229120000-0123456789ab"},
		{"tool", ".", "", "v0.0.0-20240229120000-0123456789ab"},
	} {
		if got := CommitVersion(tt.path, tt.root, tt.ref, commit, stamp); got != tt.want {
			t.Errorf("%s in %s at %q: got %s, want %s", tt.path, tt.root, tt.ref, got, tt.want)
		}
	}
}
