package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// Good opens a page on a phone and on a desk, light and dark, with everything in it unfolded. The
// test fails if the page asks for anything but itself, if the console has a message, if something
// is wider than the window, or if axe-core (https://github.com/dequelabs/axe-core) finds that
// somebody could not use it.
//
// RELEASE_AXE names the directory where npm installed axe-core. Without it or without Chromium, the
// test is skipped.
func Good(t *testing.T, page []byte) {
	t.Helper()
	for _, p := range problems(t, page) {
		t.Error(p)
	}
}

// problems returns what is wrong with a page.
func problems(t *testing.T, page []byte) (all []string) {
	t.Helper()
	axe, err := os.ReadFile(filepath.Join(os.Getenv("RELEASE_AXE"), "node_modules", "axe-core", "axe.min.js"))
	readers.Require(t, "axe-core", os.Getenv("RELEASE_AXE") != "" && err == nil)
	b := newTab(t)
	for _, s := range []struct {
		name, scheme string
		width        int
	}{{"phone, light", "light", 390}, {"phone, dark", "dark", 390}, {"desk, light", "light", 1280}, {"desk, dark", "dark", 1280}} {
		wrong := func(format string, args ...any) { all = append(all, s.name+": "+fmt.Sprintf(format, args...)) }
		b.screen(s.width, s.scheme)
		b.open(page)
		var background, text string
		b.eval(&background, "getComputedStyle(document.body).backgroundColor")
		b.eval(&text, "getComputedStyle(document.body).color")
		if dark := brightness(background) < brightness(text); dark != (s.scheme == "dark") {
			wrong("got text %s on %s", text, background)
		}
		b.eval(nil, "document.querySelectorAll('details').forEach(d => d.open = true)")
		var over []string
		b.eval(&over, tooWide)
		for _, o := range over {
			wrong("wider than the window: %s", o)
		}
		b.eval(nil, string(axe))
		var violations []string
		b.eval(&violations, violated)
		for _, v := range violations {
			wrong("axe-core: %s", v)
		}
		if len(b.urls) != 1 || !strings.HasPrefix(b.urls[0], "file://") {
			wrong("got requests for %q, want one for the page", b.urls)
		}
		for _, said := range b.said {
			wrong("the browser complains: %s", said)
		}
	}
	return all
}

// brightness returns the sum of the channels of rgb(R, G, B).
func brightness(color string) (sum int) {
	for _, word := range strings.FieldsFunc(color, func(r rune) bool { return r < '0' || r > '9' }) {
		n := 0
		for _, digit := range word {
			n = n*10 + int(digit-'0')
		}
		sum += n
	}
	return sum
}

// tooWide returns the elements that reach beyond the window, and the page if it can be scrolled
// sideways. What is only for screen readers is clipped.
const tooWide = `(() => {
  const width = document.documentElement.clientWidth, found = [];
  if (document.documentElement.scrollWidth > width) found.push('page, ' + document.documentElement.scrollWidth + ' of ' + width + ' pixels');
  for (const e of document.body.querySelectorAll('*')) {
    const r = e.getBoundingClientRect();
    if (r.width > 1 && r.right > width + 0.5 && !e.closest('.hidden, thead')) found.push(e.outerHTML.slice(0, 120) + ' to ' + r.right);
  }
  return found.slice(0, 10);
})()`

// violated returns what axe-core finds, one text for each rule.
const violated = `axe.run(document).then(r => r.violations.map(v =>
  v.id + ': ' + v.help + ': ' + v.nodes.slice(0, 5).map(n => n.html.slice(0, 160) + ' (' + n.any.concat(n.all, n.none).map(c => c.message).join('; ') + ')').join(', ')))`
