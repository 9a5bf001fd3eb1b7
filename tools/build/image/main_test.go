package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/testing/imagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/scripttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"image": main, "list": list})
}

// list lists the contents of a layout.
func list() {
	text, err := imagetest.List(os.Args[1])
	fmt.Print(text)
	if err != nil {
		log.Fatal(err)
	}
}

func TestScript(t *testing.T) {
	scripttest.Run(t, testscript.Params{})
}

// TestCancelled interrupts commands that take long.
func TestCancelled(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	entries := file("entries.json", `[{"path": "a", "content": "x"}]`)
	layer := []string{"layer", "--entries", entries, "--mtime", "0", "--out", filepath.Join(dir, "l.tar.gz"), "--descriptor", filepath.Join(dir, "l.json")}
	if got := run(context.Background(), layer, &bytes.Buffer{}, os.Stderr); got != cli.OK {
		t.Fatalf("image layer: got status %d", got)
	}
	spec := file("spec.json", `{"created": "2026-01-31T12:00:00Z", "platforms": [{"os": "linux", "architecture": "amd64",
		"layers": [{"tar": "`+filepath.Join(dir, "l.tar.gz")+`", "descriptor": "`+filepath.Join(dir, "l.json")+`"}]}]}`)
	index := []string{"index", "--spec", spec, "--out", filepath.Join(dir, "layout")}
	if got := run(context.Background(), index, &bytes.Buffer{}, os.Stderr); got != cli.OK {
		t.Fatalf("image index: got status %d", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, args := range [][]string{
		layer,
		{"index", "--spec", spec, "--out", filepath.Join(dir, "other")},
	} {
		var stderr bytes.Buffer
		if got := run(ctx, args, &bytes.Buffer{}, &stderr); got != cli.Failure || !bytes.Contains(stderr.Bytes(), []byte("context canceled")) {
			t.Errorf("image %s: got status %d, %s", args[0], got, stderr.String())
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*tmp*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
