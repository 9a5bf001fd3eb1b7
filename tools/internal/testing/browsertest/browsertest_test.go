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

// TestGood has a page that is good, and one with everything that Good looks for.
func TestGood(t *testing.T) {
	const start = `<!DOCTYPE html><html lang="en"><meta name="viewport" content="width=device-width"><title>a</title><style>
body { background: #fff; color: #000; overflow-wrap: break-word; }
@media (prefers-color-scheme: dark) { body { background: #000; color: #fff; } }</style>`
	if got := problems(t, []byte(start+"<main><h1>"+strings.Repeat("long", 100)+"</h1></main>")); got != nil {
		t.Errorf("got %q for a good page", got)
	}
	got := strings.Join(problems(t, []byte(start+`<style>body { color: #888; background: #fff !important; }</style><main><h1>a</h1>
<p style="width: 500px">wide</p><img src="http://example.com/a.png"></main>`)), "\n")
	for _, want := range []string{
		"phone, dark: got text rgb(", "phone, light: wider than the window: page, ", `phone, light: wider than the window: <p style="width: 500px">`,
		"desk, light: axe-core: color-contrast: ", "axe-core: image-alt: ", `"http://example.com/a.png"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %s", got, want)
		}
	}
	if strings.Contains(got, "desk, light: wider") {
		t.Errorf("got\n%s\nwant what fits into a wide window to be right", got)
	}
}

// TestBadTexts has texts upon each other, one outside, and good ones.
func TestBadTexts(t *testing.T) {
	const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="300" height="100">%</svg>`
	for text, want := range map[string]string{
		`<text x="10" y="20">a</text><text x="10" y="60">b</text>`:   "",
		`<text x="10" y="20">aa</text><text x="12" y="22">bb</text>`: "upon another: aa, bb",
		`<text x="290" y="20">a long text</text>`:                    "outside: a long text",
		``: "there is no text",
	} {
		if got := BadTexts(t, []byte(strings.Replace(svg, "%", text, 1))); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
