package browsertest

import (
	"strings"
	"testing"
)

// TestShow checks that the resulting document is returned, not the page's source.
func TestShow(t *testing.T) {
	got := Show(t, []byte(`<!DOCTYPE html><title>a</title><script>document.title = "b"</script>`))
	if !strings.Contains(got, "<title>b</title>") {
		t.Errorf("got %s, want the title b", got)
	}
}
