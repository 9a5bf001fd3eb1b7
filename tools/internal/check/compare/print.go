package compare

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

// maxValue is the approximate maximum length of a printed value, in bytes.
const maxValue = 160

// printable shortens s and escapes control characters.
func printable(s string) string { return cli.Line(limited(s, maxValue)) }

// limited returns s, or its start and its end, in about n bytes.
func limited(s string, n int) string {
	if len(s) <= n {
		return s
	}
	head, tail := s[:n*2/3], s[len(s)-n/3:]
	for len(head) > 0 && !utf8.RuneStart(s[len(head)]) {
		head = head[:len(head)-1]
	}
	for len(tail) > 0 && !utf8.RuneStart(tail[0]) {
		tail = tail[1:]
	}
	return head + "…" + tail
}

// around returns the part of s around the byte at, for people.
func around(s string, at int) string {
	const before, after = 60, 90
	start, end := max(0, min(at, len(s))-before), min(len(s), at+after)
	for start > 0 && start < len(s) && !utf8.RuneStart(s[start]) {
		start--
	}
	for end < len(s) && end > start && !utf8.RuneStart(s[end]) {
		end--
	}
	out := printable(s[start:max(start, end)])
	if start > 0 {
		out = "…" + out
	}
	if end < len(s) {
		out += "…"
	}
	return out
}

// bytesAt returns the bytes of a window from the byte at, as text if possible.
func bytesAt(window []byte, at int) string {
	if at >= len(window) {
		return "end"
	}
	rest := window[at:min(len(window), at+16)]
	start := at
	for start > 0 && at-start < 40 && window[start-1] >= ' ' && window[start-1] < 0x7f {
		start--
	}
	end := at
	for end < len(window) && end-at < 80 && window[end] >= ' ' && window[end] < 0x7f {
		end++
	}
	if end-start >= 6 && end > at {
		return strconv.Quote(string(window[start:end]))
	}
	return fmt.Sprintf("% x", rest)
}

// commonPrefix returns the length of the common prefix of a and b in bytes.
func commonPrefix[T string | []byte](a, b T) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
