package buildinfotest

import (
	"debug/buildinfo"
	"path/filepath"
	"runtime/debug"
	"testing"
)

func TestWrite(t *testing.T) {
	want := &debug.BuildInfo{
		GoVersion: "go1.26.8", Path: "example.com/tool/cmd/tool", Main: debug.Module{Path: "example.com/tool", Version: "v1.0.0", Sum: "h1:x"},
		Deps:     []*debug.Module{{Path: "example.com/a", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/b", Version: "v2.0.0", Sum: "h1:y"}}},
		Settings: []debug.BuildSetting{{Key: "GOOS", Value: "linux"}},
	}
	name := filepath.Join(t.TempDir(), "bin", "tool")
	Write(t, name, want)
	got, err := buildinfo.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
