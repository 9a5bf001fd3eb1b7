package compare

import (
	"math/bits"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// finder names a kind of token: the expressions that it matches, and what more it
// takes, given what is before it.
type finder struct {
	re     *regexp.Regexp
	accept func(before, token string) bool
}

// The expressions are constants in effect: compiled once, never changed.
var (
	rePath       = regexp.MustCompile(`(?:[A-Za-z]:\\|/)(?:[\w.@+~%-]+[/\\])+[\w.@+~%-]*`)
	reDigest     = regexp.MustCompile(`(?:sha(?:1|256|512)[:-]|h1:)[0-9A-Za-z+/]{27,}=?|\b(?:[0-9a-f]{64}|[0-9a-f]{40})  \S`)
	reUUID       = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)
	reZone       = regexp.MustCompile(`\b(?:UTC|GMT|[ECMP][SD]T|CEST|CET|EEST|EET|WEST|WET|JST|IST|MSK|BST|AEST|NZST|NZDT)\b|[+-][01]\d:?[0-5]\d\b`)
	reTime       = regexp.MustCompile(`\b(?:0001|(?:19|20)\d\d)-[01]\d-[0-3]\d(?:[T ][0-2]\d:[0-5]\d(?::[0-6]\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?|\b[0-2]\d:[0-5]\d:[0-6]\d\b|\b1[0-9]{9}(?:\d{3}|\d{6}|\d{9})?\b|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? .{0,12}\d\d:\d\d(?::\d\d)?(?: [A-Z]{2,4})?(?: \d{4})?|\b(?:19|20)\d{6}(?:[-T]?\d{4,6}Z?)?\b|\b\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d{4}|\b(?:January|February|March|April|May|June|July|August|September|October|November|December) \d{1,2}\b`)
	reWord       = regexp.MustCompile(`\pL+`)
	reNumber     = regexp.MustCompile(`\b\d{1,4}\b`)
	reHex        = regexp.MustCompile(`(?:\b|x)(?:[0-9a-f]{8,}|[0-9A-F]{8,})\b`)
	reRandom     = regexp.MustCompile(`[0-9A-Za-z_+/=-]{12,}`)
	reLongNumber = regexp.MustCompile(`\b\d{5,}\b`)
	reDecimal    = regexp.MustCompile(`\d[\d.,  ]*[.,]\d+`)
	reVersion    = regexp.MustCompile(`\d+(?:\.\d+)+`)
	reUserHost   = regexp.MustCompile(`[\w.-]+@[\w.-]+`)
)

var (
	findPath   = finder{rePath, func(before, token string) bool { return !endsInName(before) && !plainURL(token) }}
	findDigest = finder{reDigest, nil}
	findUUID   = finder{reUUID, nil}
	findZone   = finder{reZone, nil}
	findTime   = finder{reTime, nil}
	findWord   = finder{reWord, nil}
	findNumber = finder{reNumber, nil}
	findHex    = finder{reHex, func(_, token string) bool { return hasBoth(token) && len(token) >= 8 }}
	findRandom = finder{reRandom, func(_, token string) bool {
		return hasBoth(token) && strings.ContainsFunc(token, unicode.IsUpper) && strings.ContainsFunc(token, unicode.IsLower)
	}}
	findLongNumber = finder{reLongNumber, nil}
)

// endsInName reports whether a slash after s would be within a name or a URL.
func endsInName(s string) bool {
	if s == "" {
		return false
	}
	c := s[len(s)-1]
	return c == '/' || c == '.' || c == '_' || c == '-' || c == ')' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func plainURL(token string) bool { return strings.HasPrefix(token, "//") }

// hasBoth reports whether a token has both digits and letters, as what is random
// has, and words and numbers have not.
func hasBoth(s string) bool {
	return strings.ContainsAny(s, "0123456789") && strings.ContainsFunc(s, unicode.IsLetter)
}

// cover returns the token of s that has the byte at, or ends there.
func (f finder) cover(s string, at int) (string, bool) {
	for _, m := range f.re.FindAllStringIndex(s, 200) {
		if m[0] <= at && at <= m[1] && (f.accept == nil || f.accept(s[:m[0]], s[m[0]:m[1]])) {
			return s[m[0]:m[1]], true
		}
	}
	return "", false
}

// bothCover reports whether the first difference is in such a token on both sides.
func bothCover(f finding, x finder) bool {
	g := tokens(f, x)
	return g.old != "" && g.new != "" && g.old != g.new
}

// tokens returns f with its values cut to the tokens at the first difference.
func tokens(f finding, x finder) finding {
	at := commonPrefix(f.old, f.new)
	old, _ := x.cover(f.old, at)
	new, _ := x.cover(f.new, at)
	return finding{old: old, new: new, what: "mtime"}
}

// named reports whether one of the words stands in the name of the value: the last
// part of a JSON path, or the last two words of the line before it.
func named(f finding, words []string) bool {
	key := f.key
	if key == "" && f.at > 0 && f.at <= len(f.old) && f.format == formatBinary {
		key = f.old[:f.at]
		if i := strings.LastIndexFunc(key, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
			key = key[i+1:]
		}
	}
	parts := strings.FieldsFunc(strings.ToLower(key), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_'
	})
	parts = parts[max(0, len(parts)-3):]
	for _, p := range parts {
		squeezed := strings.ReplaceAll(p, "_", "")
		if slices.Contains(words, p) || slices.Contains(words, squeezed) {
			return true
		}
		for _, part := range strings.Split(p, "_") {
			if slices.Contains(words, part) {
				return true
			}
		}
	}
	return false
}

// userAtHost reports whether the difference is in the first half of user@host.
func userAtHost(f finding) bool {
	g := tokens(f, finder{reUserHost, nil})
	old, _, okOld := strings.Cut(g.old, "@")
	new, _, okNew := strings.Cut(g.new, "@")
	return okOld && okNew && old != new
}

func hostOfUser(f finding) bool {
	g := tokens(f, finder{reUserHost, nil})
	old, _, okOld := strings.Cut(g.old, "@")
	new, _, okNew := strings.Cut(g.new, "@")
	return okOld && okNew && old == new
}

// decimalComma reports whether a number is written with a point here and a comma
// there.
func decimalComma(f finding) bool {
	g := tokens(f, finder{reDecimal, nil})
	return g.old != g.new && g.old != "" && digitsOf(g.old) == digitsOf(g.new) && strings.ContainsAny(g.old+g.new, ",")
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// cpuCounts reports whether all that differs is a small number that is how many
// CPUs this machine has.
func cpuCounts(f finding, cpus []int) bool {
	if g := tokens(f, finder{reVersion, nil}); g.old != "" || g.new != "" {
		return false
	}
	g := tokens(f, findNumber)
	old, errOld := strconv.Atoi(g.old)
	new, errNew := strconv.Atoi(g.new)
	if errOld != nil || errNew != nil || old == new || min(old, new) < 1 || max(old, new) > 1024 {
		return false
	}
	return slices.Contains(cpus, old) || slices.Contains(cpus, new)
}

// languages reports whether two words are names of months or days in different
// languages.
func languages(f finding) bool {
	g := tokens(f, findWord)
	old, new := calendar(g.old), calendar(g.new)
	return old >= 0 && new >= 0 && old == new && !strings.EqualFold(g.old, g.new)
}

// calendar returns which month (0 to 11) or day (12 to 18) a word names, or -1.
func calendar(word string) int {
	word = strings.ToLower(word)
	for i, names := range []string{
		"january januar janvier enero gennaio janeiro januari jan ene gen", "february februar février febrero febbraio fevereiro februari feb fév fev",
		"march märz mars marzo março maart mar mär mrt", "april avril abril aprile apr avr abr", "may mai mayo maggio maio mei mag",
		"june juni juin junio giugno junho jun giu", "july juli juillet julio luglio julho jul lug", "august août agosto augustus aug ago aoû",
		"september septembre septiembre settembre setembro sep sept set", "october oktober octobre octubre ottobre outubro oct okt ott out",
		"november novembre noviembre novembro nov", "december dezember décembre diciembre dicembre dezembro dec dez déc dic",
		"monday montag lundi lunes lunedì segunda maandag mon mo lun", "tuesday dienstag mardi martes martedì terça dinsdag tue di", "wednesday mittwoch mercredi miércoles mercoledì quarta woensdag wed mi mer",
		"thursday donnerstag jeudi jueves giovedì quinta donderdag thu do jeu", "friday freitag vendredi viernes venerdì sexta vrijdag fri fr ven",
		"saturday samstag samedi sábado sabato zaterdag sat sa sam", "sunday sonntag dimanche domingo domenica zondag sun so dim",
	} {
		if slices.Contains(strings.Fields(names), word) {
			return i
		}
	}
	return -1
}

// randomBytes reports whether what differs is a short run of bytes, with half of
// their bits different, between bytes that are equal.
func randomBytes(f finding) bool {
	old, new := []byte(f.old), []byte(f.new)
	if len(old) != len(new) || f.format != formatBinary {
		return false
	}
	start, end := commonPrefix(old, new), len(old)
	for end > start && old[end-1] == new[end-1] {
		end--
	}
	if n := end - start; n < 7 || n > 64 || end == len(old) && n > 40 {
		return false
	}
	different := 0
	for i := start; i < end; i++ {
		different += bits.OnesCount8(old[i] ^ new[i])
	}
	total := (end - start) * 8
	return different*100 > total*33 && different*100 < total*67
}
