package compare

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// finding is a difference whose cause is not yet known.
type finding struct {
	member, what string
	// old and new are the values. For content, they are the bytes around the first difference.
	old, new string
	// key is the name of the value: its JSON path, or the line up to it.
	key string
	// shownOld and shownNew are the values for people; if both are empty, old and new are
	// shown.
	shownOld, shownNew string
	// leaked means that old or new is a path that the other side does not have.
	leaked bool
	// sorted is how the old and the new side are sorted, if What is order.
	sorted [2]string
}

// showText shows the values around their first difference.
func (f *finding) showText() {
	at := commonPrefix(f.old, f.new)
	f.shownOld, f.shownNew = around(f.old, at), around(f.new, at)
}

// note adds a finding with its likely cause.
func (e *explainer) note(f finding) {
	d := Difference{Member: f.member, What: f.what, Old: f.shownOld, New: f.shownNew, Cause: causeOf(f)}
	if d.Old == "" && d.New == "" {
		d.Old, d.New = printable(f.old), printable(f.new)
	}
	e.out.add(d)
}

// The causes, as shown to people.
const (
	causeTime       = "a time of the build: SOURCE_DATE_EPOCH is not used"
	causeZone       = "the time zone: a time is written as local time"
	causeOrder      = "the order of a directory or of a Go map: names are not sorted before they are written"
	causeCollation  = "the locale: names are sorted by its collation, not by bytes"
	causeOwner      = "the user who builds: owner is not set to 0:0"
	causeUmask      = "the umask: modes are taken from files on disk"
	causeMode       = "modes are taken from files on disk"
	causeCompressor = "the compressor, its level or the number of CPUs: the content is equal"
	causeLevel      = "the compressor or its level"
	causeSystem     = "the operating system of the compressor, or another compressor"
	causeGzipName   = "the name of the file that was compressed"
	causePath       = "an absolute path of the build: file names are not made relative"
	causeTrimpath   = "an absolute path of the build: -trimpath"
	causeVCS        = "the commit that the go command recorded: -buildvcs=false"
	causeGo         = "built with another version of Go"
	causeBuildID    = "an identifier of the content: follows from other differences"
	causeFollows    = "likely follows from the differences above: addresses change"
	causeDigest     = "a digest of something that differs"
	causeRandom     = "random: a new identifier in each build"
	causeLocale     = "the locale: numbers or names are written in its language"
	causeHost       = "the host name of the build machine"
	causeUser       = "the user who builds"
	causeCPUs       = "the number of CPUs, or --jobs"
	causeLineEnds   = "line endings"
	causeWriter     = "another writer, or another version of it"
)

// rule is one heuristic. It matches if all fields that are set match.
type rule struct {
	what  *regexp.Regexp       // What of the difference
	key   string               // words, one of which is in the name of the value
	token *regexp.Regexp       // matches the token with the first difference, on both sides
	also  func(f finding) bool // gets the tokens, if token is set
	cause string
}

// The expressions are compiled once and never changed.
var (
	rePath   = regexp.MustCompile(`(?:^|[^\w./)-])((?:[A-Za-z]:\\|/)(?:[\w.@+~%-]+[/\\])+[\w.@+~%-]*)`)
	reDigest = regexp.MustCompile(`(?:sha(?:1|256|512)[:-]|h1:)[0-9A-Za-z+/]{27,}=?|\b(?:[0-9a-f]{64}|[0-9a-f]{40})  \S`)
	reUUID   = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)
	reZone   = regexp.MustCompile(`\b(?:UTC|GMT|[ECMP][SD]T|CES?T|EES?T|WES?T|JST|IST|MSK|BST)\b|[+-][01]\d:?[0-5]\d\b`)
	reTime   = regexp.MustCompile(`\b(?:0001|(?:19|20)\d\d)-[01]\d-[0-3]\d(?:[T ][0-2]\d:[0-5]\d(?::[0-6]\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?` + // 2006-01-02T15:04:05Z
		`|\b[0-2]\d:[0-5]\d:[0-6]\d\b|\b1[0-9]{9}(?:\d{3}|\d{6}|\d{9})?\b|\b(?:19|20)\d{6}(?:[-T]?\d{4,6}Z?)?\b` + // 15:04:05, seconds, 20060102
		`|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? .{0,12}\d\d:\d\d(?::\d\d)?(?: [A-Z]{2,4})?(?: \d{4})?`)
	reNumber     = regexp.MustCompile(`\b\d{1,4}\b`)
	reHex        = regexp.MustCompile(`(?:\b|x)(?:[0-9a-f]{8,}|[0-9A-F]{8,})\b`)
	reRandom     = regexp.MustCompile(`[0-9A-Za-z_+/=-]{12,}`)
	reLongNumber = regexp.MustCompile(`\b\d{5,}\b`)
	reStamp      = regexp.MustCompile(`^([amc]time|gzip mtime|header TimeDateStamp)$`)
)

// rules is the table of heuristics. The first match gives the cause: rules for a field come
// before rules for a value, and specific values before general ones.
var rules = []rule{
	{what: reStamp, also: sameInstant, cause: causeZone},
	{what: reStamp, cause: causeTime},
	{what: is("order"), also: collated, cause: causeCollation},
	{what: is("order"), cause: causeOrder},
	{what: is("owner"), cause: causeOwner},
	{what: is("mode"), also: groupOrOther, cause: causeUmask},
	{what: is("mode"), cause: causeMode},
	{what: is("compressed"), cause: causeCompressor},
	{what: is("gzip level|method"), cause: causeLevel},
	{what: is("gzip OS"), cause: causeSystem},
	{what: is("gzip name"), token: rePath, cause: causePath},
	{what: is("gzip name"), cause: causeGzipName},
	{what: is("spaces|header (format|version|flags)|gzip flags|external attributes"), cause: causeWriter},
	{what: is("header UUID"), cause: causeBuildID},
	{also: func(f finding) bool { return strings.HasSuffix(strings.ReplaceAll(f.member, "-", ""), "buildid") }, cause: causeBuildID},
	{what: is("setting -trimpath"), cause: causeTrimpath},
	{what: is("setting vcs.*"), cause: causeVCS},
	{what: is("Go version"), cause: causeGo},
	{what: is("added|removed|format|type|size")},

	{also: func(f finding) bool { return strings.TrimRight(f.old, "\r") == strings.TrimRight(f.new, "\r") }, cause: causeLineEnds},
	{also: func(f finding) bool { return f.leaked && isProgram(f) }, cause: causeTrimpath},
	{also: func(f finding) bool { return f.leaked }, cause: causePath},
	{token: rePath, also: isProgram, cause: causeTrimpath},
	{token: rePath, cause: causePath},
	{token: reDigest, cause: causeDigest},
	{token: reUUID, cause: causeRandom},
	{token: reZone, cause: causeZone},
	{key: "tz timezone", cause: causeZone},
	{token: reTime, also: sameInstant, cause: causeZone},
	{token: reTime, cause: causeTime},
	{key: "lang language locale lc_all lc_ctype lc_collate lc_numeric lc_time", cause: causeLocale},
	{key: "cpu cpus numcpu ncpu nproc gomaxprocs jobs cores workers threads parallel parallelism", token: reNumber, cause: causeCPUs},
	{key: "host hostname nodename machine buildhost builder", cause: causeHost},
	{key: "user username uname login logname uid gid owner author builtby", cause: causeUser},
	{key: "umask", cause: causeUmask},
	{token: reHex, also: mixed, cause: causeRandom},
	{token: reRandom, also: func(f finding) bool {
		return mixed(f) && f.old != strings.ToLower(f.old) && f.old != strings.ToUpper(f.old)
	}, cause: causeRandom},
	{token: reLongNumber, cause: causeRandom},
}

func is(names string) *regexp.Regexp { return regexp.MustCompile("^(" + names + ")$") }

func causeOf(f finding) string {
	// Only the part around the first difference is examined.
	at := commonPrefix(f.old, f.new)
	start := max(0, at-windowSize)
	f.old, f.new = f.old[start:min(len(f.old), at+windowSize)], f.new[start:min(len(f.new), at+windowSize)]
	f.key = f.key[max(0, len(f.key)-windowSize):]
	for _, r := range rules {
		if r.match(f) {
			return r.cause
		}
	}
	return ""
}

func (r rule) match(f finding) bool {
	if r.what != nil && !r.what.MatchString(f.what) || r.key != "" && !named(f.key, strings.Fields(r.key)) {
		return false
	}
	if r.token != nil {
		at := commonPrefix(f.old, f.new)
		f.old, f.new = tokenAt(r.token, f.old, at), tokenAt(r.token, f.new, at)
		if f.old == "" || f.new == "" || f.old == f.new {
			return false
		}
	}
	return r.also == nil || r.also(f)
}

// tokenAt returns the token of s that contains the byte at, or ends there.
func tokenAt(re *regexp.Regexp, s string, at int) string {
	for _, m := range re.FindAllStringSubmatchIndex(s, 200) {
		if m = m[len(m)-2:]; m[0] <= at && at <= m[1] {
			return s[m[0]:m[1]]
		}
	}
	return ""
}

// named reports whether one of the words is among the last three words of a value's name, or a
// part of one of them.
func named(key string, words []string) bool {
	parts := strings.FieldsFunc(strings.ToLower(key), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_'
	})
	for _, p := range parts[max(0, len(parts)-3):] {
		if slices.ContainsFunc(append(strings.Split(p, "_"), p, strings.ReplaceAll(p, "_", "")), func(s string) bool { return slices.Contains(words, s) }) {
			return true
		}
	}
	return false
}

// sameInstant reports whether two times differ as time zones do: by a multiple of 15 minutes,
// at most 26 hours.
func sameInstant(f finding) bool {
	a, errA := time.Parse(time.RFC3339Nano, f.old)
	b, errB := time.Parse(time.RFC3339Nano, f.new)
	d := b.Sub(a).Abs()
	return errA == nil && errB == nil && d <= 26*time.Hour && d%(15*time.Minute) == 0
}

// collated reports whether one side is sorted by bytes and the other by a locale.
func collated(f finding) bool {
	return f.sorted[0] != f.sorted[1] && f.sorted[0] != "" && f.sorted[1] != ""
}

// groupOrOther reports whether two modes differ only in the bits of group and others.
func groupOrOther(f finding) bool {
	a, errA := strconv.ParseUint(f.old, 8, 32)
	b, errB := strconv.ParseUint(f.new, 8, 32)
	return errA == nil && errB == nil && (a^b)&^0o077 == 0
}

func isProgram(f finding) bool {
	return strings.Contains(f.member, " section ") || strings.HasSuffix(f.member, "Go build info")
}

// mixed reports whether both tokens have digits and letters. Random tokens do; words and
// numbers do not.
func mixed(f finding) bool {
	for _, s := range []string{f.old, f.new} {
		if !strings.ContainsAny(s, "0123456789") || !strings.ContainsFunc(s, unicode.IsLetter) {
			return false
		}
	}
	return true
}
