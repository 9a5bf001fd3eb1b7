package license

import (
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/google/licensecheck"
)

// A scanner of all licences is made in 2.4 s of CPU time. So a text is scanned for those that
// it can have: a licence's own text has runs of words that the text has as well.
const (
	runLength = 4   // words
	minShare  = 0.2 // of a licence's runs that the text has; parts of a licence may be optional
)

// runs returns the hashes of all runs of words in a text.
func runs(text string) map[uint32]bool {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	found := map[uint32]bool{}
	for i := 0; i+runLength <= len(words); i++ {
		h := fnv.New32a()
		for _, w := range words[i : i+runLength] {
			h.Write([]byte(w)) // never fails
			h.Write([]byte{' '})
		}
		found[h.Sum32()] = true
	}
	return found
}

// A known is a licence that licensecheck knows.
type known struct {
	licensecheck.License
	runs map[uint32]bool
}

var allKnown = sync.OnceValue(func() []known {
	var all []known
	for _, l := range licensecheck.BuiltinLicenses() {
		var text strings.Builder
		for line := range strings.SplitSeq(l.LRE, "\n") {
			if !strings.HasPrefix(strings.TrimSpace(line), "//") { // a comment
				text.WriteString(line + "\n")
			}
		}
		all = append(all, known{l, runs(text.String())})
	}
	return all
})

// scan scans a text for the licences that it can have.
func scan(text []byte) licensecheck.Coverage {
	has := runs(string(text))
	candidates := []licensecheck.License{{LRE: preamble}}
	for _, k := range allKnown() {
		shared := 0
		for r := range k.runs {
			if has[r] {
				shared++
			}
		}
		if slices.Contains(commonIDs, k.ID) || float64(shared) >= minShare*float64(len(k.runs)) { // also those that only have a URL
			candidates = append(candidates, k.License)
		}
	}
	s, err := licensecheck.NewScanner(candidates)
	if err != nil {
		panic(err) // the licences are constants
	}
	return s.Scan(text)
}
