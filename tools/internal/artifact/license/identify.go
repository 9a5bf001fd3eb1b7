// Package license says under which licences a release's content is: it identifies licence
// files, finds the components that a release consists of, compares them with the line's policy
// and writes NOTICES.
package license

import (
	_ "embed"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/google/licensecheck"

	"github.com/jasonwzm/release-builder/tools/internal/input/spdx"
)

// MinCoverage is the part of a text, in percent, that has to be licence text for the text to be
// a licence. It is that of https://pkg.go.dev/license-policy.
const MinCoverage = 75

// Identify returns the SPDX expression of the licences in a text, all of which apply, and how
// much of the text is licence text, in percent. The expression is spdx.NoAssertion if that is
// less than MinCoverage. A licence that the SPDX list does not have is a LicenseRef-.
func Identify(text []byte) (expression string, coverage float64) {
	found := common().Scan(text)
	if found.Percent < commonCoverage {
		found = scan(text)
	}
	if found.Percent < MinCoverage {
		return spdx.NoAssertion, found.Percent
	}
	var all []*spdx.Expression
	for _, m := range found.Match {
		if m.ID == "" {
			continue
		}
		e, err := spdx.Parse(m.ID)
		if err != nil {
			e, err = spdx.Parse("LicenseRef-" + strings.Map(idCharacter, m.ID))
		}
		if err == nil {
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		return spdx.NoAssertion, found.Percent
	}
	return spdx.And(all...).String(), found.Percent
}

// preamble is what Creative Commons puts before the text of its licences, version 4.0. It
// says that it is no part of them. It counts as licence text without an id.
//
//go:embed preamble.txt
var preamble string

// commonIDs are the licences that most Go modules have.
var commonIDs = []string{
	"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-SA-4.0", "CC0-1.0", "ISC", "MIT", "MPL-2.0", "Unlicense", "Zlib",
}

// common returns a scanner of commonIDs. It is made in 20 ms of CPU time.
var common = sync.OnceValue(func() *licensecheck.Scanner {
	licenses := slices.DeleteFunc(licensecheck.BuiltinLicenses(), func(l licensecheck.License) bool {
		return l.LRE == "" || !slices.Contains(commonIDs, l.ID)
	})
	s, err := licensecheck.NewScanner(append(licenses, licensecheck.License{LRE: preamble}))
	if err != nil {
		panic(err) // the licences are constants
	}
	return s
})

// commonCoverage is the coverage with which the scanner of common licences finds what that of
// all licences finds. With less, the text may be a variant that has a name of its own: X11 is
// MIT with another paragraph.
const commonCoverage = 94

// idCharacter replaces what the id of a LicenseRef- cannot have.
func idCharacter(r rune) rune {
	if r == '.' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
		return r
	}
	return '-'
}

// grants are the names of files that hold the licence itself. Other files have to accompany a
// component as well, but do not say what its licence is: AUTHORS, NOTICE, PATENTS.
var grants = []string{"COPYING", "COPYLEFT", "COPYRIGHT", "LICENCE", "LICENSE", "UNLICENSE"}

// isGrant reports whether a file with the name holds a licence.
func isGrant(name string) bool {
	base := strings.ToUpper(path.Base(name))
	return slices.ContainsFunc(grants, func(g string) bool { return strings.HasPrefix(base, g) })
}

// expression returns the expression of a component with these files: all licences in them
// apply. It is spdx.NoAssertion if one of them cannot be identified, or if none is a licence.
func expression(files []File) string {
	var all []*spdx.Expression
	for _, f := range files {
		if !isGrant(f.Path) {
			continue
		}
		e, err := spdx.Parse(f.License)
		if err != nil {
			return spdx.NoAssertion
		}
		all = append(all, e)
	}
	if len(all) == 0 {
		return spdx.NoAssertion
	}
	return spdx.And(all...).String()
}
