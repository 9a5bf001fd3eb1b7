package baseimage

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// TestDockerRegistry pins from Docker's own registry, which is stricter than the
// one in this process.
func TestDockerRegistry(t *testing.T) {
	command := readers.Find(t, "docker-registry")
	r := &testRegistry{host: startServer(t, command)}
	for name, what := range map[string]any{
		"oci": testIndex(t, false, "linux/amd64", "linux/arm64"), "docker": testIndex(t, true, "linux/amd64", "linux/arm64"),
	} {
		a := args(t, r.push(t, "team/"+name+":1", what), "linux/arm64", "linux/amd64")
		img, err := Pin(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		r.push(t, "team/"+name+":1", testImage(t, "linux/amd64", 9, true))
		b := args(t, "")
		if err := Bring(t.Context(), b, img); err != nil {
			t.Fatal(err)
		}
		if got, want := blobs(t, b.Store.OCIDir()), blobs(t, a.Store.OCIDir()); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: store has %q, want %q", name, got, want)
		}
		wantError(t, Layout(t.Context(), b.Store, img, filepath.Join(t.TempDir(), "layout")), "")
	}
	_, err := Pin(t.Context(), args(t, r.host+"/team/oci:none", "linux/amd64"))
	wantError(t, err, `got status 404 Not Found, want 200; registry says "MANIFEST_UNKNOWN": `)
	wantHint(t, err, "check the tag")
}

// startServer starts Docker's registry and returns its host and port.
func startServer(t *testing.T, command string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: %s\nhttp:\n  addr: %s\n", filepath.Join(dir, "data"), host)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, command, "serve", config)
	cmd.Env = []string{"HOME=" + dir}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait() //nolint:errcheck // it was killed
	})
	for range 100 {
		resp, err := http.Get("http://" + host + "/v2/")
		if err == nil {
			resp.Body.Close()
			return host
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("docker-registry does not answer at %s", host)
	return ""
}
