package apk

import (
	"cmp"
	"slices"
	"strings"
)

// suffixes are those of a version, in their order; a version without one is after rc.
var suffixes = []string{"alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"}

// Compare compares two versions as apk does: numbers, a letter, suffixes, the revision
// (https://gitlab.alpinelinux.org/alpine/apk-tools/-/blob/master/doc/apk-package.5.scd). It
// returns -1, 0 or 1.
func Compare(a, b string) int {
	a, ra, _ := strings.Cut(a, "-r")
	b, rb, _ := strings.Cut(b, "-r")
	as, bs := strings.Split(a, "_"), strings.Split(b, "_")
	if c := compareBase(as[0], bs[0]); c != 0 {
		return c
	}
	as, bs = append(as[1:], ""), append(bs[1:], "")
	for i := 0; i < len(as) && i < len(bs); i++ {
		na, nb := strings.TrimRight(as[i], "0123456789"), strings.TrimRight(bs[i], "0123456789")
		c := cmp.Or(cmp.Compare(slices.Index(suffixes, na), slices.Index(suffixes, nb)), compareNumber(as[i][len(na):], bs[i][len(nb):]))
		if c != 0 {
			return c
		}
	}
	return compareNumber(ra, rb)
}

func compareBase(a, b string) int {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	na, nb := strings.TrimRight(a, letters), strings.TrimRight(b, letters)
	as, bs := strings.Split(na, "."), strings.Split(nb, ".")
	for i := 0; i < len(as) && i < len(bs); i++ {
		c := compareNumber(as[i], bs[i])
		if i > 0 && (strings.HasPrefix(as[i], "0") || strings.HasPrefix(bs[i], "0")) {
			c = strings.Compare(as[i], bs[i]) // a fraction
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(len(as), len(bs)), strings.Compare(a[len(na):], b[len(nb):]))
}

func compareNumber(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
