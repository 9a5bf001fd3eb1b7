package linuxpkg

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/apk"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/rpm"
)

// TestAsNFPM compares packages with those that nfpm writes of the same files. They are equal; an
// apk is compressed otherwise.
func TestAsNFPM(t *testing.T) {
	for f, packager := range map[Format]nfpm.Packager{APK: apk.Default, Deb: deb.Default, RPM: rpm.DefaultRPM} {
		t.Run(string(f), func(t *testing.T) {
			dir := t.TempDir()
			s := sample(t, f, dir)
			s.Files = append(s.Files,
				File{Path: "/usr/lib/tool/big", Source: put(t, filepath.Join(dir, "big"), strings.Repeat("0123456789abcdef", 100_000)+"odd", 0o644)},
				File{Path: "/usr/lib/tool/" + strings.Repeat("long/", 30) + "name", Source: put(t, filepath.Join(dir, "long"), "x", 0o644)},
				File{Path: "/usr/lib/tool/one", Source: put(t, filepath.Join(dir, "one"), "1", 0o644), Mode: "0755"})
			b := &builder{Spec: s, dir: t.TempDir(), time: time.Unix(s.SourceDateEpoch, 0).UTC(), sources: map[string]string{}}
			info, err := b.info()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range info.Contents {
				if source := b.sources[c.Destination]; source != "" {
					c.Source = source
				}
			}
			var want bytes.Buffer
			if err := packager.Package(info, &want); err != nil {
				t.Fatal(err)
			}
			got := write(t, s)
			if f == APK {
				asAPK(t, got, want.Bytes())
			} else if !bytes.Equal(got, want.Bytes()) {
				t.Errorf("got other bytes than nfpm:\n%s\nwant:\n%s", dump(t, f, got), dump(t, f, want.Bytes()))
			}
		})
	}
}

// asAPK compares what is compressed in two packages. The digest of the data, which is
// compressed otherwise, is that of each package itself: see TestAPK.
func asAPK(t *testing.T, got, want []byte) {
	t.Helper()
	datahash := regexp.MustCompile("\ndatahash = [0-9a-f]{64}\n")
	gotten, wanted := gzipMembers(t, got), gzipMembers(t, want)
	if len(gotten) != 2 || len(wanted) != 2 {
		t.Fatalf("got %d segments, want %d", len(gotten), len(wanted))
	}
	for i := range gotten {
		a, b := datahash.ReplaceAll(gunzip(t, gotten[i]), nil), datahash.ReplaceAll(gunzip(t, wanted[i]), nil)
		if !bytes.Equal(a, b) {
			t.Errorf("segment %d: got other bytes than nfpm:\n%.2000q\nwant:\n%.2000q", i, a, b)
		}
	}
}

// TestGrows: a file that changes while it is read is an error.
func TestGrows(t *testing.T) {
	name := put(t, filepath.Join(t.TempDir(), "a"), "abc", 0o644)
	f := &fill{ctx: t.Context(), buf: make([]byte, copyBlock)}
	for _, other := range []string{"ab", "abcd"} {
		err := f.file(&bytes.Buffer{}, name, &nothing{}, func(int64) error { return os.WriteFile(name, []byte(other), 0o644) })
		if err == nil || !strings.Contains(err.Error(), "changed while it was read: it was") {
			t.Errorf("%q: got error %v", other, err)
		}
		put(t, name, "abc", 0o644)
	}
}

// nothing is a hash that hashes nothing.
type nothing struct{ bytes.Buffer }

func (*nothing) Sum([]byte) []byte { return nil }
func (*nothing) Size() int         { return 0 }
func (*nothing) BlockSize() int    { return 1 }
