package deb

import (
	"cmp"
	"strings"
)

// Compare compares two versions as dpkg does: epoch, upstream version, revision
// (https://manpages.debian.org/deb-version.7). It returns -1, 0 or 1.
func Compare(a, b string) int {
	ea, ua, ra := splitVersion(a)
	eb, ub, rb := splitVersion(b)
	return cmp.Or(comparePart(ea, eb), comparePart(ua, ub), comparePart(ra, rb))
}

func splitVersion(v string) (epoch, upstream, revision string) {
	upstream = v
	if e, rest, ok := strings.Cut(v, ":"); ok {
		epoch, upstream = e, rest
	}
	if i := strings.LastIndexByte(upstream, '-'); i >= 0 {
		upstream, revision = upstream[:i], upstream[i+1:]
	}
	return epoch, upstream, revision
}

// comparePart compares texts and numbers in turn, from the left.
func comparePart(a, b string) int {
	for a != "" || b != "" {
		na, nb := prefix(a, false), prefix(b, false)
		for i := range max(len(na), len(nb)) {
			if c := cmp.Compare(order(na, i), order(nb, i)); c != 0 {
				return c
			}
		}
		a, b = a[len(na):], b[len(nb):]
		na, nb = prefix(a, true), prefix(b, true)
		a, b = a[len(na):], b[len(nb):]
		na, nb = strings.TrimLeft(na, "0"), strings.TrimLeft(nb, "0")
		if c := cmp.Or(cmp.Compare(len(na), len(nb)), strings.Compare(na, nb)); c != 0 {
			return c
		}
	}
	return 0
}

// prefix returns the digits that s begins with, or what is before its first digit.
func prefix(s string, digits bool) string {
	for i := range len(s) {
		if (s[i] >= '0' && s[i] <= '9') != digits {
			return s[:i]
		}
	}
	return s
}

// order is the rank of a character: a tilde is before the end, letters before others.
func order(s string, i int) int {
	switch {
	case i >= len(s):
		return 0
	case s[i] == '~':
		return -1
	case s[i] >= 'A' && s[i] <= 'Z', s[i] >= 'a' && s[i] <= 'z':
		return int(s[i])
	}
	return int(s[i]) + 256
}
