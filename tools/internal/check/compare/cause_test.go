package compare

import "testing"

// TestCauses has an example for each rule, and for look-alikes without a cause.
func TestCauses(t *testing.T) {
	line := func(old, new string) finding {
		return finding{what: "line 1", old: old, new: new, key: old[:commonPrefix(old, new)]}
	}
	path := func(path, old, new string) finding {
		return finding{what: "JSON path " + path, key: path, old: old, new: new}
	}
	field := func(what, old, new string) finding { return finding{what: what, old: old, new: new} }
	for _, tt := range []struct {
		name string
		f    finding
		want string
	}{
		{"mtime", field("mtime", "2024-01-01T00:00:00Z", "2024-01-05T00:00:07Z"), causeTime},
		{"local time", field("mtime", "2024-01-01T00:00:00Z", "2024-01-01T05:30:00Z"), causeZone},
		{"gzip mtime set", field("gzip mtime", "", "2024-01-01T05:30:00Z"), causeTime},
		{"owner", field("owner", "0:0 root:root", "1000:1000 me:me"), causeOwner},
		{"umask", field("mode", "0755", "0750"), causeUmask},
		{"mode", field("mode", "0755", "0644"), causeMode},
		{"order", finding{what: "order"}, causeOrder},
		{"collation", finding{what: "order", sorted: [2]string{orderBytes, orderFolded}}, causeCollation},
		{"unsorted", finding{what: "order", sorted: [2]string{orderBytes, ""}}, causeOrder},
		{"compressed", field("compressed", "10 bytes", "11 bytes"), causeCompressor},
		{"gzip OS", field("gzip OS", "3", "255"), causeSystem},
		{"gzip level", field("gzip level", "0", "2"), causeLevel},
		{"gzip name", field("gzip name", "a.tar", "b.tar"), causeGzipName},
		{"gzip name with path", field("gzip name", "/home/a/x.tar", "/tmp/b/x.tar"), causePath},
		{"tar format", field("header format", "USTAR", "PAX"), causeWriter},
		{"vcs.time", finding{what: "setting vcs.time", old: "2024-01-01T00:00:00Z", new: "2024-01-05T00:00:07Z"}, causeVCS},
		{"-trimpath", finding{what: "setting -trimpath", old: "true"}, causeTrimpath},
		{"Go", finding{what: "Go version", old: "go1.26.7", new: "go1.26.8"}, causeGo},
		{"build ID", finding{member: "x → ELF section .note.go.buildid", what: "content", old: "a", new: "b"}, causeBuildID},

		{"path", line("prefix=/home/me/src", "prefix=/tmp/build-1/src"), causePath},
		{"Windows path", line(`at C:\build\one\x.go`, `at C:\build\two\x.go`), causePath},
		{"path in a program", finding{member: "x → ELF section .rodata", what: "content", old: "\x00/home/me/src/a.go", new: "\x00/tmp/you/src/a.go"}, causeTrimpath},
		{"URL", line("see https://example.com/a/b/one", "see https://example.com/a/b/two"), ""},
		{"import path", line("example.com/a/b/one", "example.com/a/b/two"), ""},
		{"one directory", line("/one", "/two"), ""},

		{"RFC 3339", line("built 2024-01-01T00:00:00Z", "built 2024-01-05T00:00:07Z"), causeTime},
		{"RFC 3339, zone", path(".created", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00"), causeZone},
		{"date", line("date: 2024-01-01", "date: 2024-01-02"), causeTime},
		{"seconds", path(".built", "1704067200", "1704067261"), causeTime},
		{"RFC 1123", line("Mon, 02 Jan 2006 15:04:05 GMT", "Tue, 03 Jan 2006 15:04:09 GMT"), causeTime},
		{"clock", line("took 10:11:12", "took 10:12:12"), causeTime},
		{"zone's name", line("15:04 UTC", "15:04 CET"), causeZone},
		{"TZ", line("TZ=UTC", "TZ=Asia/Kolkata"), causeZone},

		{"UUID", path(".serialNumber", "urn:uuid:6f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "urn:uuid:0a9b8c7d-6e5f-4031-2213-f4e5d6c7b8a9"), causeRandom},
		{"hexadecimal", line("id 6f1e2d3c4b5a6978", "id 0a9b8c7d6e5f4031"), causeRandom},
		{"digest", path(".digest", "sha256:6f1e2d3c4b5a69788796a5b4c3d2e1f06f1e2d3c4b5a69788796a5b4c3d2e1f0", "sha256:0a9b8c7d6e5f40312213f4e5d6c7b8a90a9b8c7d6e5f40312213f4e5d6c7b8a9"), causeDigest},
		{"sha256sum", line("6f1e2d3c4b5a69788796a5b4c3d2e1f06f1e2d3c4b5a69788796a5b4c3d2e1f0  x", "0a9b8c7d6e5f40312213f4e5d6c7b8a90a9b8c7d6e5f40312213f4e5d6c7b8a9  x"), causeDigest},
		{"random number", line("nonce 846372819", "nonce 12837465"), causeRandom},
		{"random text", line("tmp.aX9fK2mQp7Zt", "tmp.Qw3rT8yLk1Vb"), causeRandom},
		{"version", line("version 1.2.3", "version 1.2.4"), ""},
		{"first of a version", line("3.2.1", "5.2.1"), ""},

		{"LANG", line("LANG=C", "LANG=de_DE.UTF-8"), causeLocale},

		{"CPUs", path(".num_cpu", "2", "16"), causeCPUs},
		{"jobs", line("jobs: 4", "jobs: 1"), causeCPUs},

		{"host", line("host: alpha", "host: beta"), causeHost},
		{"hostname", path(".buildHost", "6f1e2d3c4b5a", "0a9b8c7d6e5f"), causeHost},
		{"user", path(".user", "root", "me"), causeUser},
		{"umask's value", line("umask 0022", "umask 0077"), causeUmask},
		{"line ending", line("a\r", "a"), causeLineEnds},
		{"words", line("one thing", "another thing"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := causeOf(tt.f); got != tt.want {
				t.Errorf("%q → %q: got cause %q, want %q", tt.f.old, tt.f.new, got, tt.want)
			}
		})
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"a b": "a b", "\x1b[2J": `\x1b[2J`, "a\nb": `a\nb`, "\xff": `\xff`, "é\u202e": `é\u202e`, "\ufffd": "\ufffd",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	long := make([]byte, 10_000)
	for i := range long {
		long[i] = '\xc3'
	}
	if got := printable(string(long)); len(got) > 5*maxValue {
		t.Errorf("a long name: got %d bytes", len(got))
	}
}
