package page

import (
	"runtime/debug"
	"testing"
)

// TestBefore: which program a page describes depends on its platform, and on nothing else.
func TestBefore(t *testing.T) {
	built := func(goos, goarch string) *debug.BuildInfo {
		return &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "GOOS", Value: goos}, {Key: "GOARCH", Value: goarch}}}
	}
	sorted := []*debug.BuildInfo{built("linux", "amd64"), built("linux", "arm64"), built("darwin", "arm64"), built("windows", "amd64"), built("freebsd", "amd64"), nil}
	for i, a := range sorted {
		for j, b := range sorted {
			if got, want := before(a, b), i < j; got != want {
				t.Errorf("before(%d, %d): got %v, want %v", i, j, got, want)
			}
		}
	}
}
