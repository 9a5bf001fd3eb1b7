package goinfo

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/buildinfotest"
)

const text = "path\texample.com/tiny\nmod\texample.com/tiny\tv1.0.0\th1:x=\nbuild\tGOARCH=wasm\n"

// TestRead reads what the go command writes, in a format that debug/buildinfo reads and in
// others, and what is damaged.
func TestRead(t *testing.T) {
	marks := func(text string) string { return string(infoStart) + text + string(infoEnd) }
	for _, tt := range []struct{ name, content, path, version string }{
		{"wasm", "\x00asm\x01\x00\x00\x00\x00go1.26.8\x00" + marks(text), "example.com/tiny", "go1.26.8"},
		{"XCOFF", "\x01\xf7" + marks(text) + "\x00go1.27rc1 X:none\x00", "example.com/tiny", "go1.27rc1 X:none"},
		{"a.out for 386", "\x00\x00\x01\xeb" + marks(text) + "\x00go1.26.8\x00", "example.com/tiny", "go1.26.8"},
		{"a.out for amd64", "\x00\x00\x8a\x97" + marks(text) + "\x00go1.26.8\x00", "example.com/tiny", "go1.26.8"},
		{"a.out for ARM", "\x00\x00\x06\x47" + marks(text) + "\x00go1.26.8\x00", "example.com/tiny", "go1.26.8"},
		{"two versions", "\x00asm\x00go1.26.8\x00\x00go1.21\x00" + marks(text), "example.com/tiny", ""},
		{"no version", "\x00asm" + marks(text), "example.com/tiny", ""},
		{"no end", "\x00asm" + string(infoStart) + text, "", ""},
		{"no start", "\x00asm" + text + string(infoEnd), "", ""},
		{"other text", "\x00asm" + marks("mod\tx\n"), "", ""},
		{"a text with marks", "#!/bin/sh\n" + marks(text), "", ""},
		{"short", "\x00as", "", ""},
		{"empty", "", "", ""},
	} {
		info, err := Read(strings.NewReader(tt.content))
		if tt.path == "" {
			if err == nil {
				t.Errorf("%s: got %v, want an error", tt.name, info)
			}
			continue
		}
		if err != nil || info.Path != tt.path || info.GoVersion != tt.version || len(info.Settings) != 1 {
			t.Errorf("%s: got %+v, %v, want package %s of %q", tt.name, info, err, tt.path, tt.version)
		}
	}
	name := filepath.Join(t.TempDir(), "program")
	buildinfotest.Write(t, name, &debug.BuildInfo{GoVersion: "go1.26.8", Path: "example.com/elf"})
	info, err := ReadFile(name)
	if err != nil || info.Path != "example.com/elf" {
		t.Errorf("ELF: got %+v, %v", info, err)
	}
	if _, err := ReadFile(name + ".none"); !os.IsNotExist(err) {
		t.Errorf("got %v, want that it does not exist", err)
	}
}

// FuzzRead checks that no content makes Read panic, and that what it reads is in the content.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\x00asm\x00go1.26.8\x00" + string(infoStart) + text + string(infoEnd)))
	f.Add([]byte("\x01\xdf" + string(infoStart)))
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := Read(bytes.NewReader(data))
		if err == nil && begins(data, marked) && !bytes.Contains(data, []byte(info.Path)) {
			t.Errorf("got path %q, which is not in the content", info.Path)
		}
	})
}
