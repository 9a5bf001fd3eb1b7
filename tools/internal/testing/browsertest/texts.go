package browsertest

import (
	"fmt"
	"regexp"
	"testing"
)

// BadTexts shows an SVG image, and names the texts that are outside of it or upon another. The
// result is empty if there is none.
func BadTexts(t *testing.T, svg []byte) string {
	t.Helper()
	const script = `<script>
const all = [...document.querySelectorAll('text')].map(e => [e.textContent, e.getBoundingClientRect()]);
const frame = document.querySelector('svg').getBoundingClientRect();
const bad = [];
all.forEach(([text, r], i) => {
  if (r.left < frame.left || r.right > frame.right || r.top < frame.top || r.bottom > frame.bottom) bad.push('outside: ' + text);
  all.slice(i + 1).forEach(([other, o]) => {
    // Half of a line's height is free.
    if (r.left < o.right && o.left < r.right && r.top + 2 < o.bottom - 2 && o.top + 2 < r.bottom - 2) bad.push('upon another: ' + text + ', ' + other);
  });
});
document.body.append('FOUND[' + bad.join('; ') + '] of ' + all.length);
</script>`
	got := Show(t, fmt.Appendf(nil, "<!doctype html><meta charset=utf-8><body>%s%s</body>", svg, script))
	found := regexp.MustCompile(`FOUND\[(.*?)\] of (\d+)`).FindStringSubmatch(got)
	switch {
	case found == nil:
		t.Fatalf("the browser shows %q, want what the script found", got)
	case found[2] == "0":
		return "there is no text"
	}
	return found[1]
}
