package gosource

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestKeptOut(t *testing.T) {
	tags := []string{"agent", "small"}
	for text, want := range map[string]bool{
		"":                                    false,
		"//go:build agent\n":                  false,
		"//go:build !agent\n":                 true,
		"// Copyright\n\n//go:build !agent\n": true,
		"//go:build linux && !agent\n":        true,
		"//go:build linux || !agent\n":        false,
		"//go:build agent && !small\n":        true,
		"//go:build agent || !small\n":        false,
		"//go:build !(agent || linux)\n":      true,
		"//go:build !(agent && linux)\n":      false,
		"//go:build !large\n":                 false,
		"//go:build !agent !!\n":              false,
		"package p\n//go:build !agent\n":      false,
		"/* x */ package p\n//go:build agent": false,
	} {
		name := filepath.Join(t.TempDir(), "a.go")
		plant(t, filepath.Dir(name), map[string]string{"a.go": text + "package a\n"})
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := keptOut(name, fs.FileInfoToDirEntry(info), tags)
		if got != want || err != nil {
			t.Errorf("%q: got %t, %v, want %t", text, got, err, want)
		}
		if got, err := keptOut(name, fs.FileInfoToDirEntry(info), nil); got || err != nil {
			t.Errorf("%q without tags: got %t, %v, want false", text, got, err)
		}
	}
}
