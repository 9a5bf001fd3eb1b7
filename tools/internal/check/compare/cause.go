package compare

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// finding is a difference before it is known what it may come from.
type finding struct {
	member string
	format format
	what   string
	// old and new are the values; of content, what is around the first difference.
	old, new string
	// at is where they first differ, in bytes.
	at int
	// key is what names the value: the JSON path, or the line up to it.
	key string
	// shownOld and shownNew are for people; old and new, if both are empty.
	shownOld, shownNew string
	// leaked says that old or new is a path that the other side does not have.
	leaked bool
	// sorted says, where what is order, how the old and the new are sorted.
	sorted [2]string
}

// note adds a finding with its likely cause.
func (e *explainer) note(f finding) {
	d := Difference{Member: f.member, What: f.what, Old: f.shownOld, New: f.shownNew, Cause: causeOf(f, e.cpus)}
	if d.Old == "" && d.New == "" {
		d.Old, d.New = printable(f.old), printable(f.new)
	}
	e.out.add(d)
}

// The causes, as people read them.
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
	causeSystem     = "the system that the compressor ran on, or another compressor"
	causeGzipName   = "the name of the file that was compressed"
	causePath       = "an absolute path of the build: file names are not made relative"
	causeTrimpath   = "an absolute path of the build: -trimpath"
	causeVCS        = "the commit that the go command saw: -buildvcs=false"
	causeGo         = "another Go built it"
	causeBuildID    = "an identifier of the rest: follows from it"
	causeFollows    = "likely follows from the differences above: addresses move"
	causeDigest     = "a digest of something that differs"
	causeRandom     = "random: an identifier that is made anew each time"
	causeLocale     = "the locale: numbers or names are written in its language"
	causeHost       = "the name of the host that builds"
	causeUser       = "the user who builds"
	causeCPUs       = "the number of CPUs, or --jobs"
	causeCPUsHere   = "maybe the number of CPUs: this machine has as many"
	causeLineEnds   = "line endings"
	causeWriter     = "another writer, or another version of it"
)

// rule is one heuristic. The first that matches names the cause.
type rule struct {
	name  string
	match func(f finding) bool
	cause string
}

func causeOf(f finding, cpus []int) string {
	f = f.windowed()
	for _, r := range rules(cpus) {
		if r.match(f) {
			return r.cause
		}
	}
	return ""
}

// windowed returns f with no more of its values than is around where they differ.
func (f finding) windowed() finding {
	at := commonPrefix(f.old, f.new)
	start := max(0, at-windowSize)
	f.old, f.new = f.old[start:min(len(f.old), at+windowSize)], f.new[start:min(len(f.new), at+windowSize)]
	f.at = at - start
	f.key = f.key[max(0, len(f.key)-windowSize):]
	return f
}

// rules is the table of heuristics: what a field is comes before what its value
// looks like, and what looks like one thing only before what may be several.
func rules(cpus []int) []rule {
	return slices.Concat(fieldRules(), valueRules(cpus))
}

func fieldRules() []rule {
	what := func(names ...string) func(finding) bool {
		return func(f finding) bool { return slices.Contains(names, f.what) }
	}
	return []rule{
		{"zone", func(f finding) bool { return isStamp(f.what) && sameInstant(f) }, causeZone},
		{"mtime", func(f finding) bool { return isStamp(f.what) }, causeTime},
		{"collation", func(f finding) bool { return f.what == "order" && collated(f.sorted) }, causeCollation},
		{"order", what("order"), causeOrder},
		{"spaces", what("spaces"), causeWriter},
		{"owner", what("owner"), causeOwner},
		{"umask", func(f finding) bool { return f.what == "mode" && groupOrOther(f.old, f.new) }, causeUmask},
		{"mode", what("mode"), causeMode},
		{"compressed", what("compressed"), causeCompressor},
		{"level", what("gzip level", "method"), causeLevel},
		{"system", what("gzip OS"), causeSystem},
		{"gzip name", func(f finding) bool { return f.what == "gzip name" && !bothCover(f, findPath) }, causeGzipName},
		{"writer", what("header format", "header version", "header flags", "gzip flags", "external attributes", "timestamps"), causeWriter},
		{"build ID", func(f finding) bool { return hasSuffix(f.member, "build-id", "buildid") || f.what == "header UUID" }, causeBuildID},
		{"trimpath setting", what("setting -trimpath"), causeTrimpath},
		{"vcs", func(f finding) bool { return strings.HasPrefix(f.what, "setting vcs") }, causeVCS},
		{"Go version", what("Go version"), causeGo},
		{"added or removed", what("added", "removed", "format", "type", "size"), ""},
	}
}

func isStamp(what string) bool {
	return slices.Contains([]string{"mtime", "atime", "ctime", "gzip mtime", "header TimeDateStamp"}, what)
}

func hasSuffix(s string, suffixes ...string) bool {
	return slices.ContainsFunc(suffixes, func(x string) bool { return strings.HasSuffix(s, x) })
}

// sameInstant reports whether two times differ as time zones do: by quarters of an
// hour, at most 14 of them to the hour's side.
func sameInstant(f finding) bool {
	a, errA := time.Parse(time.RFC3339Nano, f.old)
	b, errB := time.Parse(time.RFC3339Nano, f.new)
	if errA != nil || errB != nil {
		return false
	}
	d := b.Sub(a).Abs()
	if d == 0 {
		return true
	}
	return d <= 26*time.Hour && d%(15*time.Minute) == 0
}

// collated reports whether one side is sorted by bytes and the other as locales sort.
func collated(sorted [2]string) bool {
	return sorted[0] != sorted[1] && sorted[0] != "" && sorted[1] != ""
}

// groupOrOther reports whether two modes differ in bits of group and others only.
func groupOrOther(old, new string) bool {
	a, errA := strconv.ParseUint(old, 8, 32)
	b, errB := strconv.ParseUint(new, 8, 32)
	return errA == nil && errB == nil && (a^b)&^0o077 == 0
}

func isProgram(f finding) bool {
	return f.format == formatELF || f.format == formatMachO || f.format == formatPE || strings.Contains(f.member, " section ") || f.format == "Go"
}

func valueRules(cpus []int) []rule {
	key := func(words ...string) func(finding) bool {
		return func(f finding) bool { return named(f, words) }
	}
	return []rule{
		{"line endings", func(f finding) bool {
			return f.old != f.new && strings.TrimRight(f.old, "\r") == strings.TrimRight(f.new, "\r")
		}, causeLineEnds},
		{"path in a program", func(f finding) bool { return isProgram(f) && (f.leaked || bothCover(f, findPath)) }, causeTrimpath},
		{"path", func(f finding) bool { return f.leaked || bothCover(f, findPath) }, causePath},
		{"digest", func(f finding) bool { return bothCover(f, findDigest) }, causeDigest},
		{"UUID", func(f finding) bool { return bothCover(f, findUUID) }, causeRandom},
		{"zone's name", func(f finding) bool { return bothCover(f, findZone) || key("tz", "timezone")(f) }, causeZone},
		{"month in a language", func(f finding) bool { return bothCover(f, findWord) && languages(f) }, causeLocale},
		{"instant", func(f finding) bool { return bothCover(f, findTime) && sameInstant(tokens(f, findTime)) }, causeZone},
		{"time", func(f finding) bool { return bothCover(f, findTime) }, causeTime},
		{"locale's variable", key("lang", "language", "locale", "lc_all", "lc_ctype", "lc_collate", "lc_numeric", "lc_time"), causeLocale},
		{"CPUs by name", func(f finding) bool {
			return bothCover(f, findNumber) && key("cpu", "cpus", "numcpu", "ncpu", "nproc", "gomaxprocs", "jobs", "cores", "workers", "threads", "parallel", "parallelism", "concurrency", "procs", "shards")(f)
		}, causeCPUs},
		{"host by name", key("host", "hostname", "nodename", "machine", "buildhost", "builder"), causeHost},
		{"user by name", key("user", "username", "uname", "login", "logname", "uid", "gid", "owner", "author", "builtby"), causeUser},
		{"umask by name", key("umask"), causeUmask},
		{"user at host", userAtHost, causeUser},
		{"host of a user", hostOfUser, causeHost},
		{"decimal comma", decimalComma, causeLocale},
		{"CPUs by value", func(f finding) bool { return cpuCounts(f, cpus) }, causeCPUsHere},
		{"hexadecimal", func(f finding) bool { return bothCover(f, findHex) }, causeRandom},
		{"random text", func(f finding) bool { return bothCover(f, findRandom) }, causeRandom},
		{"long number", func(f finding) bool { return bothCover(f, findLongNumber) }, causeRandom},
		{"random bytes", randomBytes, causeRandom},
	}
}
