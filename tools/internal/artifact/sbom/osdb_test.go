package sbom

import (
	"bytes"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDatabases(t *testing.T) {
	for _, tt := range []struct {
		name, path, content string
		want                []osPackage
		wantErr             string
	}{
		{
			name: "dpkg", path: "var/lib/dpkg/status", content: status,
			want: []osPackage{
				{format: "deb", name: "libc6", version: "2.36-9+deb12u4", arch: "amd64", source: "glibc"},
				{format: "deb", name: "libgcc-s1", version: "12.2.0-14+deb12u1", arch: "amd64", source: "gcc-12", sourceVersion: "12.2.0-14"},
			},
		},
		{
			name: "distroless", path: "var/lib/dpkg/status.d/tzdata", content: "PACKAGE: tzdata\r\nVersion: 2024a\r\n",
			want: []osPackage{{format: "deb", name: "tzdata", version: "2024a"}},
		},
		{
			name: "source in the package's version", path: "var/lib/dpkg/status", content: "Package: a\nVersion: 1\nSource: a (1)\n",
			want: []osPackage{{format: "deb", name: "a", version: "1"}},
		},
		{
			name: "apk", path: "lib/apk/db/installed", content: installed,
			want: []osPackage{
				{format: "apk", name: "musl", version: "1.2.4-r2", arch: "aarch64"},
				{format: "apk", name: "musl-utils", version: "1.2.4-r2", arch: "aarch64", source: "musl"},
			},
		},
		{name: "sums are not packages", path: "var/lib/dpkg/status.d/tzdata.md5sums", content: "no"},
		{name: "another file", path: "var/lib/dpkg/status-old", content: status},
		{name: "no version", path: "var/lib/dpkg/status", content: "Package: a\n", wantErr: `package 1 has name "a" and version "", want both`},
		{name: "no name", path: "lib/apk/db/installed", content: "P:a\nV:1\n\nV:1\n", wantErr: `package 2 has name "" and version "1", want both`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []osPackage
			var err error
			if parse := databaseOf(tt.path); parse != nil {
				got, err = parse(strings.NewReader(tt.content))
			}
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("got error %v, want %q", err, tt.wantErr)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}

func TestOSRelease(t *testing.T) {
	got, err := parseOSRelease(strings.NewReader("# comment\nID='Debian'\nVERSION_ID=\"12\"\nPRETTY_NAME=\"x\nNAME\n"))
	if want := (osRelease{"debian", "12", `"x`}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// repeated is a reader of n copies of a text.
type repeated struct {
	text string
	n    int
	r    strings.Reader
}

func (r *repeated) Read(p []byte) (int, error) {
	for r.r.Len() == 0 {
		if r.n == 0 {
			return 0, io.EOF
		}
		r.n--
		r.r.Reset(r.text)
	}
	return r.r.Read(p)
}

// TestHugeDatabase reads databases of 100 MB: a value without end, lines without end, and
// more packages than there can be.
func TestHugeDatabase(t *testing.T) {
	const size = 100 << 20
	line := " a line of a description that has no end, and is of no use\n"
	for _, tt := range []struct {
		name, begin, text, wantErr string
		want                       int
	}{
		{name: "description", begin: "Package: a\nVersion: 1\nDescription: b\n", text: line, want: 1},
		{name: "line", begin: "Package: a\nVersion: 1\nDescription: ", text: line[:len(line)-1], want: 1},
		{name: "packages", text: "Package: a\nVersion: 1\n\n", wantErr: "more than 100000 packages"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got, err := parseDPKG(io.MultiReader(strings.NewReader(tt.begin), &repeated{text: tt.text, n: size / len(tt.text)}))
			runtime.ReadMemStats(&after)
			if tt.wantErr != "" {
				if err == nil || err.Error() != tt.wantErr {
					t.Errorf("got %v, want %q", err, tt.wantErr)
				}
				return
			}
			if err != nil || len(got) != tt.want {
				t.Errorf("got %d packages, %v, want %d", len(got), err, tt.want)
			}
			if live := int64(after.HeapAlloc) - int64(before.HeapAlloc); live > 64<<20 {
				t.Errorf("got %d bytes in memory, want a small part of %d", live, size)
			}
		})
	}
}

// fuzzDatabase: what is accepted has a name and a version, and is UTF-8, as documents are.
func fuzzDatabase(f *testing.F, parse func(io.Reader) ([]osPackage, error), seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := parse(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, p := range all {
			if p.name == "" || p.version == "" {
				t.Fatalf("got %+v: no name or no version", p)
			}
			for _, s := range []string{p.name, p.version, p.arch, p.source, p.sourceVersion} {
				if !utf8.ValidString(s) || strings.Contains(s, "\n") {
					t.Fatalf("got %q in %+v", s, p)
				}
			}
			osPURL(p, osRelease{id: p.arch, version: p.source})
		}
	})
}

func FuzzDPKG(f *testing.F) {
	fuzzDatabase(f, parseDPKG, status, moreStatus, "Package:\xff\nVersion: 1\n", "Source: a (\nPackage: a\nVersion: (1)\n", strings.Repeat("a", 5000)+":\n")
}

func FuzzAPK(f *testing.F) {
	fuzzDatabase(f, parseAPK, installed, "P:\nV:\n\n", "P:a\rV:1\nV:1")
}

func FuzzOSRelease(f *testing.F) {
	for _, seed := range []string{debian, alpine, "ID=\"", "ID='\"", "=\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if o, err := parseOSRelease(bytes.NewReader(data)); err == nil && !utf8.ValidString(o.id+o.version+o.name) {
			t.Fatalf("got %+v", o)
		}
	})
}
