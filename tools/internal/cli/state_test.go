package cli

import (
	"path/filepath"
	"testing"
)

func TestStateDir(t *testing.T) {
	for _, tt := range []struct {
		dir, xdg, home string
		want           string
	}{
		{"/x", "/state", "/home/me", "/x"},
		{"", "/state", "/home/me", "/state/release-builder"},
		{"", "relative", "/home/me", "/home/me/.local/state/release-builder"},
		{"", "", "/home/me", "/home/me/.local/state/release-builder"},
		{"", "", "", ""},
	} {
		got, err := StateDir(tt.dir, func(name string) string { return map[string]string{"XDG_STATE_HOME": tt.xdg, "HOME": tt.home}[name] })
		if filepath.ToSlash(got) != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%+v: got %q, %v", tt, got, err)
		}
	}
}
