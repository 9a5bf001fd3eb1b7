package compare

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
)

// windowSize is the number of bytes around the first difference that are examined, before and
// after it.
const windowSize = 256

// plain notes the first difference of two byte strings, with a cause if the whole content
// suggests one.
func (e *explainer) plain(ctx context.Context, p pair) error {
	const step = 256 << 10
	old, new := p.old.reader(), p.new.reader()
	a, b := make([]byte, step), make([]byte, step)
	for offset := int64(0); ; offset += step {
		n, errA := io.ReadFull(old, a)
		m, errB := io.ReadFull(new, b)
		for _, err := range []error{errA, errB, ctx.Err()} {
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return err
			}
		}
		at := commonPrefix(a[:n], b[:m])
		if at == n && at == m {
			if n < step {
				return nil
			}
			continue
		}
		return e.difference(p, offset+int64(at))
	}
}

// difference notes that p first differs at an offset.
func (e *explainer) difference(p pair, offset int64) error {
	start := max(0, offset-windowSize)
	f := finding{member: p.member, what: "content"}
	for _, side := range []struct {
		c            content
		value, shown *string
	}{{p.old, &f.old, &f.shownOld}, {p.new, &f.new, &f.shownNew}} {
		window := make([]byte, min(2*windowSize, side.c.size-start))
		if _, err := side.c.at.ReadAt(window, start); err != nil && err != io.EOF {
			return err
		}
		*side.value, *side.shown = string(window), fmt.Sprintf("at %d: %s", offset, bytesAt(window, int(offset-start)))
	}
	f.key = f.old[:offset-start]
	if i := bytes.LastIndexFunc([]byte(f.key), func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
		f.key = f.key[i+1:]
	}
	if max(p.old.size, p.new.size) <= maxHeld && causeOf(f) == "" {
		old, new, err := both(p, formatBinary, content.bytes)
		if err != nil {
			return err
		}
		f.leak(old, new)
	}
	e.note(f)
	return nil
}

// leak looks in the whole content for a likely cause: an absolute path that only one side has,
// or UUIDs or times that differ. If a path has another length, everything after it moves, and
// the first difference may be an address.
func (f *finding) leak(old, new []byte) {
	for _, l := range []struct {
		mark   byte // a byte that the token has
		before int  // the number of bytes before it
		re     *regexp.Regexp
		path   bool
	}{
		// A path as people and build tools write it, not three bytes of machine code.
		{'/', 0, regexp.MustCompile(`^/[A-Za-z][\w.@+~%-]+/(?:[\w.@+~%-]*/)*\.?[A-Za-z][\w.@+~%-]+`), true},
		{'-', 8, regexp.MustCompile("^" + reUUID.String()), false},
		{'-', 4, regexp.MustCompile(`^(?:19|20)\d\d-[01]\d-[0-3]\d[T ][0-2]\d:[0-5]\d:[0-6]\d`), false},
	} {
		scan := func(data []byte) []string {
			const shortest, longest, most = 10, 1000, 50_000
			var found []string
			for pos := l.before; len(found) < most; {
				i := bytes.IndexByte(data[min(pos, len(data)):], l.mark)
				if i < 0 {
					break
				}
				start := pos + i - l.before
				if l.path && start > 0 && endsInName(data[start-1]) {
					pos = start + 1
					continue
				}
				token := l.re.Find(data[start:min(len(data), start+longest)])
				pos = max(start+len(token), pos+i+1)
				if len(token) >= shortest {
					found = append(found, string(token))
				}
			}
			slices.Sort(found)
			return slices.Compact(found)
		}
		a, b := scan(old), scan(new)
		onlyOld, onlyNew := first(a, b), first(b, a)
		if onlyOld == "" && onlyNew == "" || !l.path && (onlyOld == "" || onlyNew == "") {
			continue
		}
		f.leaked, f.old, f.new = l.path, onlyOld, onlyNew
		f.showText()
		return
	}
}

// endsInName reports whether a slash after c is within a name or a URL.
func endsInName(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.' || c == '/' || c == '-' || c == ')'
}

// first returns the first element of a that is not in b. Both are sorted.
func first(a, b []string) string {
	for _, s := range a {
		if _, ok := slices.BinarySearch(b, s); !ok {
			return s
		}
	}
	return ""
}
