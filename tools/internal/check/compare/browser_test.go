package compare_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/browsertest"
)

// TestBrowser checks that names and contents of files add no element to the page, and that its
// own policy allows its style.
func TestBrowser(t *testing.T) {
	const script = "<script>document.title='ran'</script>"
	r := trees(t, map[string]string{"a": "x\n", "b": "same", script: "1"}, map[string]string{"a": script + "\n", "b": "same", script: "2"})
	var page bytes.Buffer
	check(t, r.WriteHTML(&page, "The title", []string{script}))
	got := browsertest.Show(t, page.Bytes())
	for text, want := range map[string]int{"<title>The title</title>": 1, "<script": 0, "<style>": 1, "&lt;script&gt;": 3, "<details open": 2, `class="pass">PASS`: 1} {
		if n := strings.Count(got, text); n != want {
			t.Errorf("%s: got %d of it, want %d, in\n%s", text, n, want, got)
		}
	}
}

// TestBrowserForEverybody has long names and values, which do not fit into a narrow window.
func TestBrowserForEverybody(t *testing.T) {
	long := strings.Repeat("long", 50)
	r := trees(t, map[string]string{"a": "x\n", "b": "same", long: "1" + long}, map[string]string{"a": long + "\n", "b": "same", long: "2" + long})
	var page bytes.Buffer
	check(t, r.WriteHTML(&page, "A title that is "+long, []string{"Note: " + long}))
	browsertest.Good(t, page.Bytes())
}
