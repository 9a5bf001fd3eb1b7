package rpm

import (
	"cmp"
	"strings"
)

// Compare compares two versions [EPOCH:]VERSION[-RELEASE] as rpm does
// (https://rpm.org/docs/latest/man/rpm-version.7). It returns -1, 0 or 1.
func Compare(a, b string) int {
	ea, va, ra := splitEVR(a)
	eb, vb, rb := splitEVR(b)
	if c := cmp.Or(compareNumber(ea, eb), comparePart(va, vb)); c != 0 || ra == "" || rb == "" {
		return c
	}
	return comparePart(ra, rb)
}

func compareNumber(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// comparePart compares numbers and words from the left. A tilde is before the end of a
// version, and a caret after it, but before all else.
func comparePart(a, b string) int {
	for {
		separator := func(r rune) bool { return !alphanumeric(byte(r)) && r != '~' && r != '^' || r > 127 }
		a, b = strings.TrimLeftFunc(a, separator), strings.TrimLeftFunc(b, separator)
		for _, mark := range []string{"~", "^"} {
			ina, inb := strings.HasPrefix(a, mark), strings.HasPrefix(b, mark)
			switch {
			case ina && inb:
			case ina && (mark == "~" || b != ""):
				return -1
			case ina:
				return 1
			case inb && (mark == "~" || a != ""):
				return 1
			case inb:
				return -1
			default:
				continue
			}
			return comparePart(a[1:], b[1:])
		}
		if a == "" || b == "" {
			return cmp.Compare(min(len(a), 1), min(len(b), 1))
		}
		numeric := digit(a[0])
		pa, pb := segment(a, numeric), segment(b, numeric)
		if pb == "" { // a number is newer than a word
			if numeric {
				return 1
			}
			return -1
		}
		c := strings.Compare(pa, pb)
		if numeric {
			c = compareNumber(pa, pb)
		}
		if c != 0 {
			return c
		}
		a, b = a[len(pa):], b[len(pb):]
	}
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func alphanumeric(c byte) bool { return digit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// segment returns the digits, or the letters, that s begins with.
func segment(s string, digits bool) string {
	for i := range len(s) {
		if !alphanumeric(s[i]) || digit(s[i]) != digits {
			return s[:i]
		}
	}
	return s
}
