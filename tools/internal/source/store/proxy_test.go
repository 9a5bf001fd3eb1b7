package store_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/testing/proxytest"
)

// TestProxyURL downloads by the go command from stores in directories whose names have
// special characters of URLs and GOPROXY lists.
func TestProxyURL(t *testing.T) {
	goCommand := proxytest.GoCommand(t)
	proxy := proxytest.New(t, map[string]string{"example.com/Up/a@v1.0.0/go.mod": "module example.com/Up/a\n"})
	for _, name := range []string{"plain", "with space", "a,b", "a|b", "100%25", "a#b?c=d", "a;b&c", "größe"} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(filepath.Join(t.TempDir(), name))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := s.ImportModules(proxy.Dir); n != 3 || err != nil {
				t.Fatalf("importing: got %d files, %v, want 3", n, err)
			}
			url := s.ProxyURL()
			if !strings.HasPrefix(url, "file:///") || strings.ContainsAny(url, " ,|#?") {
				t.Errorf("got %q, want a file URL of which GOPROXY takes no character for its own", url)
			}
			for _, list := range []string{url, "off", url + ",off"} {
				proxytest.Setenv(t, list)
				cmd := exec.CommandContext(t.Context(), goCommand, "mod", "download", "example.com/Up/a@v1.0.0")
				cmd.Dir = t.TempDir()
				out, err := cmd.CombinedOutput()
				if (err == nil) != (list != "off") {
					t.Errorf("GOPROXY=%s: go mod download: %v: %s", list, err, out)
				}
			}
		})
	}
}
