package browsertest

import (
	"strings"
	"testing"
)

// TestShow: what is returned is what became of the page, and not its text.
func TestShow(t *testing.T) {
	got := Show(t, []byte(`<!DOCTYPE html><title>a</title><script>document.title = "b"</script>`))
	if !strings.Contains(got, "<title>b</title>") {
		t.Errorf("got %s, want the title b", got)
	}
}
