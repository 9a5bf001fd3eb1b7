package compare_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/check/compare"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

// hostile compares two files with that name. It checks that this ends, takes little memory,
// and finds a difference.
func hostile(t *testing.T, name, old, new string) []compare.Difference {
	t.Helper()
	done := make(chan struct{})
	peak := make(chan uint64)
	go func() {
		most, m := uint64(0), memStats()
		for {
			select {
			case <-done:
				peak <- most
				return
			case <-time.After(20 * time.Millisecond):
				runtime.ReadMemStats(m)
				most = max(most, m.HeapInuse)
			}
		}
	}()
	r := trees(t, map[string]string{name: old}, map[string]string{name: new})
	close(done)
	if most := <-peak; most > 900<<20 {
		t.Errorf("got %d MiB of memory, want less", most>>20)
	}
	d := r.Files[0].Differences
	if len(d) == 0 || len(d) > 100 {
		t.Errorf("got %d differences, want 1 to 100", len(d))
	}
	return d
}

func memStats() *runtime.MemStats { return new(runtime.MemStats) }

func TestHostile(t *testing.T) {
	tarBytes, zipBytes := tarOf(t, members()), zipOf(t, members())
	gzipBytes, elfBytes := gzipOf(t, tarBytes, gzip.Header{}, 6), elfOf(".text", "\x00", ".rodata", "abc")
	for name, valid := range map[string]string{"tar": tarBytes, "zip": zipBytes, "gzip": gzipBytes, "elf": elfBytes, "json": `{"a": [1, {"b": 2}]}`} {
		t.Run("damaged "+name, func(t *testing.T) {
			for i := 0; i < len(valid); i += max(1, len(valid)/60) {
				damaged := valid[:i] + string(valid[i]^0x55) + valid[i+1:]
				hostile(t, "x", valid, damaged)
				hostile(t, "x", valid, valid[:i])
				hostile(t, "x", damaged, damaged+"x")
			}
		})
	}
	deep := strings.Repeat("[", 9000) + "1" + strings.Repeat("]", 9000)
	hostile(t, "x", deep, strings.Replace(deep, "1", "2", 1))
	hostile(t, "x", "["+strings.Repeat("0,", 1<<20)+"0]", "["+strings.Repeat("0,", 1<<20)+"1]")
	hostile(t, "x", strings.Repeat("\n", 16<<20)+"a", strings.Repeat("\n", 16<<20)+"b")
	hostile(t, "x", strings.Repeat("/a/b", 8<<20), strings.Repeat("/a/b", 8<<20)+"\x00")
	hostile(t, "x", strings.Repeat("1", 8<<20)+"\x00a", strings.Repeat("1", 8<<20)+"\x00b")
	for _, p := range []string{"\xfe\xed\xfa\xcf", "\xcf\xfa\xed\xfe", "MZ", "\x7fELF", "\x1f\x8b\x08", "PK\x03\x04"} {
		hostile(t, "x", p+strings.Repeat("\xff", 2000), p+strings.Repeat("\xff", 1999)+"\xfe")
		hostile(t, "x", p, p+"\x00")
	}
}

// bomb returns a gzip of n zeros and a last byte.
func bomb(t *testing.T, n int64, last string) string {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	check(t, err)
	_, err = io.CopyN(w, zeros{}, n)
	check(t, err)
	_, err = io.WriteString(w, last)
	check(t, err)
	check(t, w.Close())
	return b.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	one, two := bomb(t, 200<<20, "a"), bomb(t, 200<<20, "b")
	d := hostile(t, "x.gz", one, two)
	if want := fmt.Sprintf("at %d: ", 200<<20); !strings.HasPrefix(d[0].Old, want) {
		t.Errorf("got %+v, want %q", d, want)
	}
	hostile(t, "x.gz", bomb(t, 0, one), bomb(t, 0, two))
	wrap := func(inner string) string { return tarOf(t, []member{{"x.gz", inner, 0o644, 0, "", stamp}}) }
	hostile(t, "x.tar", wrap(wrap(wrap(wrap(wrap(wrap(wrap(wrap(wrap(one))))))))), wrap(wrap(wrap(wrap(wrap(wrap(wrap(wrap(wrap(two))))))))))
}

// TestLargeEntries has entries that are not kept in memory: their first difference is found in
// the stream.
func TestLargeEntries(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	const size = 70 << 20
	pack := func(last byte) string {
		name := filepath.Join(t.TempDir(), "x.tar.gz")
		f, err := os.Create(name)
		check(t, err)
		z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
		check(t, err)
		w := tar.NewWriter(z)
		check(t, w.WriteHeader(&tar.Header{Name: "large", Size: size, Mode: 0o644}))
		_, err = io.CopyN(w, zeros{}, size-1)
		check(t, err)
		_, err = w.Write([]byte{last})
		check(t, err)
		check(t, w.WriteHeader(&tar.Header{Name: "small", Size: 1, Mode: 0o644}))
		_, err = w.Write([]byte{last})
		check(t, err)
		check(t, w.Close())
		check(t, z.Close())
		check(t, f.Close())
		return filepath.Dir(name)
	}
	r, err := compare.Trees(t.Context(), release.Dir(pack('a')), release.Dir(pack('b')))
	check(t, err)
	want := fmt.Sprintf("x.tar.gz: large: content: %q → %q\nx.tar.gz: small: line 1: \"a\" → \"b\"\n", fmt.Sprintf("at %d: 61", size-1), fmt.Sprintf("at %d: 62", size-1))
	if got := listed(r); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestMany has more entries and more differences than the limits.
func TestMany(t *testing.T) {
	many := func(n int, shift time.Duration) string {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for i := range n {
			check(t, w.WriteHeader(&tar.Header{Name: fmt.Sprint("f", i), Mode: 0o644, ModTime: stamp.Add(shift)}))
		}
		check(t, w.Close())
		return b.String()
	}
	d := hostile(t, "x.tar", many(500, 0), many(500, 7*time.Second))
	if last := d[len(d)-1]; last.What != "and 475 more" || len(d) != 26 {
		t.Errorf("got %d differences, the last %+v", len(d), last)
	}
	if testing.Short() {
		return
	}
	d = hostile(t, "x.tar", many(100_001, 0), many(100_001, time.Second))
	if d[0].What != "format" || !strings.Contains(d[0].New, "more than 100000 entries") || d[1].What != "content" {
		t.Errorf("too many entries: got %+v", d)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range 70_000 {
		_, err := w.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(i)})
		check(t, err)
	}
	check(t, w.Close())
	hostile(t, "x.zip", b.String(), strings.Replace(b.String(), "69999", "69998", 2))
}

// TestShuffled has entries in another order that all differ: they are read only a few times.
func TestShuffled(t *testing.T) {
	var old, new []member
	for i := range 60 {
		old = append(old, member{fmt.Sprint(i), fmt.Sprint("old", i), 0o644, 0, "", stamp})
		new = append([]member{{fmt.Sprint(i), fmt.Sprint("new", i), 0o644, 0, "", stamp}}, new...)
	}
	d := hostile(t, "x.tar", tarOf(t, old), tarOf(t, new))
	if d[0].What != "order" || d[1].Member != "0" || d[1].What != "line 1" {
		t.Errorf("got %+v", d[:2])
	}
}

// memory is a release in memory.
type memory map[string]string

func (m memory) Open(_ context.Context, path string) (io.ReadCloser, error) {
	s, ok := m[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return struct {
		*strings.Reader
		io.Closer
	}{strings.NewReader(s), io.NopCloser(nil)}, nil
}

func (m memory) Sizes(context.Context) (map[string]int64, error) {
	sizes := map[string]int64{}
	for path, s := range m {
		sizes[path] = int64(len(s))
	}
	return sizes, nil
}

func (memory) Location(string) string { return "" }

// FuzzTrees checks that comparing any two files ends, finds a difference if there is one, and
// prints no control characters.
func FuzzTrees(f *testing.F) {
	add := func(a, b string) { f.Add([]byte(a), []byte(b)) }
	add("a\n", "b\n")
	add(`{"manifests": []}`, `{"manifests": []}`+"\n")
	add(`{"manifests": [], "manifests": []}`, `{"manifests": []}`)
	add(`{"a": [1]}`, `{"a": [2]}`)
	add("\x7fELF\x02\x01\x01", "\x7fELF\x02\x01\x02")
	add("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03")
	add(elfOf(".text", "a"), elfOf(".text", "b"))
	for name := range map[string]bool{"a": true} {
		t := new(testing.T)
		m := members()
		add(tarOf(t, m), tarOf(t, m[1:]))
		add(zipOf(t, m), zipOf(t, m[1:]))
		add(gzipOf(t, name, gzip.Header{}, 1), gzipOf(t, name, gzip.Header{}, 9))
	}
	f.Fuzz(func(t *testing.T, old, new []byte) {
		r, err := compare.Trees(t.Context(), memory{"x": string(old), "images/a/index.json": string(old), "images/a/blobs/sha256/x": "x"},
			memory{"x": string(new), "images/a/index.json": string(new)})
		check(t, err)
		for _, file := range r.Files {
			if file.State == lockdiff.Changed && len(file.Differences) == 0 {
				t.Errorf("%s differs, and nothing says how", file.Path)
			}
		}
		var text bytes.Buffer
		check(t, r.WriteText(&text))
		if i := strings.IndexFunc(text.String(), func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f || r == 0x9b }); i >= 0 {
			t.Errorf("the text has %q", text.String()[i:])
		}
		check(t, r.WriteHTML(io.Discard, "x", nil))
	})
}
