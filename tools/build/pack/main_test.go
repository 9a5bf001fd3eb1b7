package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pack": main})
}

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
	})
}

func TestExitStatus(t *testing.T) {
	hello := filepath.Join(t.TempDir(), "hello.tar")
	if err := os.WriteFile(hello, helloTar(t), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want int
	}{
		{nil, cli.Usage},
		{[]string{"-no-such-flag"}, cli.Usage},
		{[]string{"list"}, cli.Usage},
		{[]string{"list", "-x"}, cli.Usage},
		{[]string{"-help"}, cli.OK},
		{[]string{"list", "-help"}, cli.OK},
		{[]string{"list", hello}, cli.OK},
		{[]string{"list", hello + ".none"}, cli.Failure},
		{[]string{"-format", "zip", "-entries", "none.json", "-mtime", "0", "-out", "x"}, cli.Failure},
	} {
		if got := run(t.Context(), tt.args, io.Discard, io.Discard); got != tt.want {
			t.Errorf("pack %q: got exit status %d, want %d", tt.args, got, tt.want)
		}
	}
}

func TestClosedOutput(t *testing.T) {
	hello := filepath.Join(t.TempDir(), "hello.tar")
	var stderr strings.Builder
	if err := os.WriteFile(hello, helloTar(t), 0o644); err != nil {
		t.Fatal(err)
	}
	if code := run(t.Context(), []string{"list", hello}, brokenPipe{}, &stderr); code != cli.Failure {
		t.Errorf("exit status: got %d, want %d; %s", code, cli.Failure, stderr.String())
	}
}

func helloTar(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	entries := []archive.Entry{{Path: "hello", Content: []byte("hello\n")}}
	if err := archive.WriteTar(&b, entries, archive.Options{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
