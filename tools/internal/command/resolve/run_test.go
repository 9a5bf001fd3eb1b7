package resolve

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

const demo = "version: 1.0.0\nplatforms: [linux-amd64]\ndependencies:\n  app: {module: example.com/app, version: v1.0.0}\n  lib: {module: example.com/Lib, auto: modules}\n"

// newWorld makes a workspace with the manifest demo, and returns the flags that
// resolve it with an empty store.
func newWorld(t *testing.T) (server *proxytest.Server, ws, store string, flags []string) {
	t.Helper()
	server = proxytest.New(t, proxytest.Txtar(t, modulesFile)).Serve()
	ws, store = t.TempDir(), filepath.Join(t.TempDir(), "store")
	proxytest.Plant(t, ws, proxytest.Txtar(t, workspaceFile))
	proxytest.Plant(t, ws, map[string]string{"manifests/demo/manifest.yaml": demo})
	proxytest.Setenv(t, server.URL)
	return server, ws, store, []string{"--root", ws, "--line", "demo", "--store", store, "--go", proxytest.GoCommand(t)}
}

func TestExitStatus(t *testing.T) {
	_, ws, _, flags := newWorld(t)
	for _, tt := range []struct {
		args []string
		want int
	}{
		{[]string{"-help"}, cli.OK},
		{[]string{"-no-such-flag"}, cli.Usage},
		{[]string{"extra"}, cli.Usage},
		{[]string{"--root", ws}, cli.Failure},
		{append(flags, "--check"), cli.Failure},
		{flags, cli.OK},
		{append(flags, "--check"), cli.OK},
		{append(flags, "--line", "none"), cli.Failure},
	} {
		var stderr strings.Builder
		if got := Run(t.Context(), tt.args, io.Discard, &stderr); got != tt.want {
			t.Errorf("resolve %q: got exit status %d, want %d: %s", tt.args, got, tt.want, stderr.String())
		}
	}
}

// TestInterrupted interrupts a resolve at its first request, and one that needs
// none: neither writes a lock, or leaves anything of its own behind.
func TestInterrupted(t *testing.T) {
	server, ws, store, flags := newWorld(t)
	folder := filepath.Join(ws, "manifests", "demo")
	interrupt := func(what string, ctx context.Context) {
		t.Helper()
		scratch := t.TempDir()
		t.Setenv("TMPDIR", scratch)
		before := list(t, folder)
		var stdout, stderr strings.Builder
		if code := Run(ctx, flags, &stdout, &stderr); code != cli.Failure {
			t.Errorf("%s: exit status: got %d, want %d", what, code, cli.Failure)
		}
		if !strings.Contains(stderr.String(), "context canceled\n") || stdout.Len() > 0 {
			t.Errorf("%s: got %q on standard output and %q on standard error, want only that the context is cancelled", what, stdout.String(), stderr.String())
		}
		if after := list(t, folder); after != before {
			t.Errorf("%s: files beside the manifest: got\n%swant\n%s", what, after, before)
		}
		if left := list(t, scratch); left != "" {
			t.Errorf("%s: left behind:\n%s", what, left)
		}
		if kept := list(t, store); strings.Contains(kept, "/.tmp-") {
			t.Errorf("%s: left in the store:\n%s", what, kept)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	server.OnRequest(func(r *http.Request) {
		cancel()
		<-r.Context().Done() // the go command has gone
	})
	interrupt("at the first request", ctx)
	server.OnRequest(nil)
	if code := Run(t.Context(), flags, io.Discard, io.Discard); code != cli.OK {
		t.Fatalf("exit status: got %d, want %d", code, cli.OK)
	}
	proxytest.Plant(t, ws, map[string]string{"manifests/demo/manifest.yaml": demo + "# changed\n"})
	interrupt("with a warm store", ctx)
}

// list prints the files below dir and what is in them.
func list(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == dir {
			return fs.SkipAll
		}
		if err != nil || path == dir {
			return err
		}
		b.WriteString(path + "\n")
		if d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			b.Write(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestToolchainChanged: what the lock says of an unchanged source holds as long as
// the SDK that found it out is the same.
func TestToolchainChanged(t *testing.T) {
	_, ws, _, flags := newWorld(t)
	resolve := func() string {
		t.Helper()
		var stderr strings.Builder
		if code := Run(t.Context(), flags, io.Discard, &stderr); code != cli.OK {
			t.Fatalf("exit status: got %d, want %d: %s", code, cli.OK, stderr.String())
		}
		data, err := os.ReadFile(filepath.Join(ws, "manifests", "demo", "lock.json"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	first := resolve()
	var sealed lock.Lock
	if err := jsonfile.Unmarshal([]byte(first), &sealed); err != nil {
		t.Fatal(err)
	}
	app := &sealed.Dependencies[0]
	if len(app.GoModules) < 2 {
		t.Fatalf("the lock has %d modules of %s, want some:\n%s", len(app.GoModules), app.Name, first)
	}
	app.GoModules = app.GoModules[1:]
	sealed.Seal()
	text, err := jsonfile.Marshal(&sealed)
	if err != nil {
		t.Fatal(err)
	}
	other := string(text)
	proxytest.Plant(t, ws, map[string]string{"manifests/demo/lock.json": other})
	if got := resolve(); got != other {
		t.Errorf("with the same SDK: got\n%s\nwant\n%s", got, other)
	}
	sdk := filepath.Join(ws, "release", "sources", "go_sdk.json")
	data, err := os.ReadFile(sdk)
	if err != nil {
		t.Fatal(err)
	}
	proxytest.Plant(t, ws, map[string]string{"release/sources/go_sdk.json": strings.Replace(string(data), "1.26.8", "1.26.9", 1)})
	if got, want := resolve(), strings.Replace(first, "1.26.8", "1.26.9", 1); got != want {
		t.Errorf("with another SDK: got\n%s\nwant\n%s", got, want)
	}
}

// TestClosedOutput: what cannot be said is a failure.
func TestClosedOutput(t *testing.T) {
	_, _, _, flags := newWorld(t)
	for _, args := range [][]string{flags, append(flags, "--json")} {
		var stderr strings.Builder
		if code := Run(t.Context(), args, closed{}, &stderr); code != cli.Failure || !strings.Contains(stderr.String(), io.ErrClosedPipe.Error()) {
			t.Errorf("got exit status %d and %q, want %d and %v", code, stderr.String(), cli.Failure, io.ErrClosedPipe)
		}
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestSourceDateEpoch(t *testing.T) {
	for _, tt := range []struct{ in, want, wantErr string }{
		{"", "1980-01-01T00:00:00Z", ""},
		{"0", "1970-01-01T00:00:00Z", ""},
		{"1700000000", "2023-11-14T22:13:20Z", ""},
		{"1.5", "", `parsing SOURCE_DATE_EPOCH "1.5": want seconds since 1970`},
		{" 1", "", `parsing SOURCE_DATE_EPOCH " 1": want seconds since 1970`},
	} {
		got, err := sourceDateEpoch(tt.in)
		if tt.wantErr != "" {
			if err == nil || err.Error() != tt.wantErr {
				t.Errorf("%q: got %v, want %q", tt.in, err, tt.wantErr)
			}
			continue
		}
		if err != nil || got.Format(time.RFC3339) != tt.want {
			t.Errorf("%q: got %v, %v, want %s", tt.in, got, err, tt.want)
		}
	}
}
