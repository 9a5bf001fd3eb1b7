package dirs

import (
	"path/filepath"
	"testing"
)

func TestCache(t *testing.T) {
	for _, tt := range []struct{ release, xdg, home, want string }{
		{"/r", "/xdg", "/home/me", "/r"},
		{"", "/xdg", "/home/me", "/xdg/release-builder"},
		{"", "", "/home/me", "/home/me/.cache/release-builder"},
		{"", "", "", ""},
	} {
		env := map[string]string{"RELEASE_CACHE": tt.release, "XDG_CACHE_HOME": tt.xdg, "HOME": tt.home}
		if got := Cache(func(name string) string { return env[name] }); filepath.ToSlash(got) != tt.want {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
}

func TestState(t *testing.T) {
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
		got, err := State(tt.dir, func(name string) string { return map[string]string{"XDG_STATE_HOME": tt.xdg, "HOME": tt.home}[name] })
		if filepath.ToSlash(got) != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%+v: got %q, %v", tt, got, err)
		}
	}
}

func TestFromCaller(t *testing.T) {
	t.Setenv("BUILD_WORKING_DIRECTORY", "/caller")
	for name, want := range map[string]string{"a/b": "/caller/a/b", "../b": "/b", "/a": "/a"} {
		if got := FromCaller(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	t.Setenv("BUILD_WORKING_DIRECTORY", "")
	if got := FromCaller("a"); got != "a" {
		t.Errorf("without bazel run: got %s, want a", got)
	}
}
