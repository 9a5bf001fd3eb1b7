package compare

import (
	"bytes"
	"slices"
)

// The bounds on the tokens that are looked for in all of a byte string.
const (
	maxLeaks     = 50_000 // of one kind
	maxLeakBytes = 1000   // of one token
)

// leak looks for what may explain a difference wherever it is: an absolute path
// that only one side has, or UUIDs or times that differ. Where a path changes its length, all
// that comes after it moves, and the first difference may be an address.
func leak(f finding, old, new []byte) (finding, bool) {
	for i, scan := range []func([]byte) []string{scanPaths, scanUUIDs, scanTimes} {
		a, b := scan(old), scan(new)
		onlyOld, onlyNew := first(a, b), first(b, a)
		if onlyOld == "" && onlyNew == "" || i > 0 && (onlyOld == "" || onlyNew == "") {
			continue
		}
		f.leaked = i == 0
		g := f
		g.old, g.new = onlyOld, onlyNew
		g.at = commonPrefix(g.old, g.new)
		g.shownOld, g.shownNew = around(g.old, g.at), around(g.new, g.at)
		return g, true
	}
	return f, false
}

// first returns the first of a that is not in b, both sorted.
func first(a, b []string) string {
	for _, s := range a {
		if _, ok := slices.BinarySearch(b, s); !ok {
			return s
		}
	}
	return ""
}

// scan calls token at each place where data has the byte. It returns the tokens
// that this found, sorted; token says where the search goes on.
func scan(data []byte, at byte, token func(i int) (found []byte, next int)) []string {
	var out []string
	for pos := 0; len(out) < maxLeaks; {
		i := bytes.IndexByte(data[pos:], at)
		if i < 0 {
			break
		}
		found, next := token(pos + i)
		if len(found) > 0 {
			out = append(out, string(found))
		}
		pos = max(next, pos+i+1)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// scanPaths finds what findPath does, but for Windows' paths.
func scanPaths(data []byte) []string {
	return scan(data, '/', func(i int) ([]byte, int) {
		end, slashes := i, 0
		for end < len(data) && isPathByte(data[end]) {
			if data[end] == '/' {
				slashes++
			}
			end++
		}
		if slashes < 2 || end-i > maxLeakBytes || endsInName(string(data[max(0, i-1):i])) || !plausible(data[i:end]) {
			return nil, end
		}
		return data[i:end], end
	})
}

// plausible reports whether a path is one that people or build tools make up, and
// not three bytes of machine code.
func plausible(path []byte) bool {
	const shortest, names = 10, 2
	n := 0
	for part := range bytes.SplitSeq(path[1:], []byte("/")) {
		if len(part) >= 2 && (isLetter(part[0]) || part[0] == '.' && isLetter(part[1])) {
			n++
		}
	}
	return len(path) >= shortest && n >= names && isLetter(path[1])
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isPathByte(c byte) bool {
	return c == '/' || isWordByte(c) || bytes.IndexByte([]byte(".@+~%-"), c) >= 0
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// scanUUIDs finds what is as long as a UUID, with its dashes.
func scanUUIDs(data []byte) []string {
	const before, size = 8, 36
	return scan(data, '-', func(i int) ([]byte, int) {
		start := i - before
		if start < 0 || start+size > len(data) || !reUUID.Match(data[start:start+size]) {
			return nil, i + 1
		}
		return data[start : start+size], start + size
	})
}

// scanTimes finds times that have a date.
func scanTimes(data []byte) []string {
	const before, size = 4, 19
	return scan(data, '-', func(i int) ([]byte, int) {
		start := i - before
		if start < 0 || start+size > len(data) || data[i+3] != '-' || data[start+13] != ':' || !reTime.Match(data[start:start+size]) {
			return nil, i + 1
		}
		return data[start : start+size], start + size
	})
}
