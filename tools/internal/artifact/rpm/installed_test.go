package rpm

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/packagetest"
	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// install returns a database that rpm made, and the packages that rpm says are in it.
func install(tb testing.TB, n int, removed ...string) (database string, says []string) {
	tb.Helper()
	var all []packagetest.Package
	for i := range n {
		p := packagetest.Package{Name: fmt.Sprintf("demo%d", i), Version: fmt.Sprintf("1.%d.0-rc.1", i)}
		for d := range (i % 15) * (i % 15) { // the header of one is larger than a page
			p.Depends = append(p.Depends, fmt.Sprintf("library%d >= 1.%d", d, i))
		}
		all = append(all, p)
	}
	database, out := packagetest.Installed(tb, queryFormat, all, removed...)
	says = strings.FieldsFunc(out, func(r rune) bool { return r == '\n' })
	slices.Sort(says)
	return database, says
}

const queryFormat = `%{NAME} %{EPOCHNUM}:%{VERSION}-%{RELEASE} %{ARCH} %{LICENSE} %{SOURCERPM}\n`

// lines returns the packages of a database in queryFormat, sorted.
func lines(tb testing.TB, data string) []string {
	tb.Helper()
	all, err := ReadInstalled(strings.NewReader(data), int64(len(data)))
	if err != nil {
		tb.Fatal(err)
	}
	var got []string
	for _, p := range all {
		got = append(got, fmt.Sprintf("%s %d:%s-%s %s %s %s", p.Name, p.Epoch, p.Version, p.Release, p.Arch, p.License, p.SourceRPM))
	}
	slices.Sort(got)
	return got
}

// TestInstalled reads databases that rpm made, and agrees with rpm.
func TestInstalled(t *testing.T) {
	for _, tt := range []struct {
		n       int
		removed []string
	}{{0, nil}, {1, nil}, {40, []string{"demo0", "demo20", "demo39"}}} {
		data, want := install(t, tt.n, tt.removed...)
		if got := lines(t, data); !slices.Equal(got, want) || len(got) != tt.n-len(tt.removed) {
			t.Errorf("%d packages: got %q, rpm says %q", tt.n, got, want)
		}
	}
}

// blobs returns the headers in a database that rpm made, in hexadecimal form, as the program
// sqlite3 reads them.
func blobs(t *testing.T, data string) []string {
	t.Helper()
	sqlite := readers.Find(t, "sqlite3")
	file := filepath.Join(t.TempDir(), "rpmdb.sqlite")
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), sqlite, file, "select lower(hex(blob)) from Packages").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// ndb writes a Packages.db as rpm does (its lib/backend/ndb/rpmpkg.c), with free slots between
// the others.
func ndb(t *testing.T, blobs []string) string {
	t.Helper()
	const page = 4096
	u32 := func(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }
	pages := (32+2*16*len(blobs))/page + 1
	slots, content := "", ""
	for i, text := range blobs {
		blob, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		padding := strings.Repeat("\x00", 15-(16+len(blob)+12+15)%16)
		written := "BlbS" + u32(i+1) + u32(7) + u32(len(blob)) + string(blob) + padding + u32(0) + u32(len(blob)) + "BlbE"
		slots += "Slot" + u32(0) + u32(0) + u32(0) + "Slot" + u32(i+1) + u32((pages*page+len(content))/16) + u32(len(written)/16)
		content += written
	}
	slots += strings.Repeat("Slot"+u32(0)+u32(0)+u32(0), (pages*page-32-len(slots))/16)
	return "RpmP" + u32(0) + u32(7) + u32(pages) + u32(len(blobs)+1) + strings.Repeat("\x00", 12) + slots + content
}

// TestNDB: distributions have rpm without NDB, so the test writes the file.
func TestNDB(t *testing.T) {
	data, want := install(t, 150)
	if got := lines(t, ndb(t, blobs(t, data))); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestBerkeleyDB has Berkeley DB's own program make databases of the packages of a database
// that rpm made, in both byte orders and with several sizes of pages.
func TestBerkeleyDB(t *testing.T) {
	load := readers.Find(t, "db5.3_load")
	data, want := install(t, 12)
	for _, order := range []string{"1234", "4321"} {
		for _, size := range []int{512, 4096, 65536} {
			dump := fmt.Sprintf("VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize=%d\ndb_lorder=%s\nHEADER=END\n", size, order)
			dump += " 00000000\n 0c000000\n"
			for i, blob := range blobs(t, data) {
				dump += fmt.Sprintf(" %02x000000\n %s\n", i+1, blob)
			}
			dump += "DATA=END\n"
			file := filepath.Join(t.TempDir(), "Packages")
			cmd := exec.CommandContext(t.Context(), load, file)
			cmd.Stdin = strings.NewReader(dump)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(t, string(data)); !slices.Equal(got, want) {
				t.Errorf("%s, pages of %d: got %q, want %q", order, size, got, want)
			}
		}
	}
}

// TestBrokenInstalled: a file that is cut or changed is an error or another list, never a
// panic and never without end.
func TestBrokenInstalled(t *testing.T) {
	for _, tt := range []struct{ name, data, want string }{
		{"empty", "", "not a database of rpm"},
		{"text", "Package: a\n", "not a database of rpm"},
		{"SQLite", "SQLite format 3\x00", "ends in its header"},
		{"NDB", "RpmP", "unexpected EOF"},
	} {
		if _, err := ReadInstalled(strings.NewReader(tt.data), int64(len(tt.data))); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
	data, _ := install(t, 8)
	for name, data := range map[string]string{"SQLite": data, "NDB": ndb(t, blobs(t, data))} {
		failed := 0
		for n := 0; n < len(data); n += 977 {
			if _, err := ReadInstalled(strings.NewReader(data[:n]), int64(n)); err != nil {
				failed++
			}
			changed := []byte(data)
			changed[n] ^= 0xff
			_, _ = ReadInstalled(bytes.NewReader(changed), int64(len(changed)))
		}
		if failed < len(data)/977/2 {
			t.Errorf("%s: cut: got %d errors of %d", name, failed, len(data)/977)
		}
	}
}

// TestCircles: pages that refer to each other are read once.
func TestCircles(t *testing.T) {
	page := make([]byte, 8192)
	copy(page, "SQLite format 3\x00")
	binary.BigEndian.PutUint16(page[16:], 4096)
	page[100] = 0x05 // an interior page whose child is itself
	binary.BigEndian.PutUint32(page[108:], 1)
	if _, err := ReadInstalled(bytes.NewReader(page), int64(len(page))); err == nil || !strings.Contains(err.Error(), "two others refer to it") {
		t.Errorf("got %v", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	huge := make([]byte, 4096)
	copy(huge, "RpmP")
	binary.LittleEndian.PutUint32(huge[12:], 1)
	for at := 32; at < len(huge); at += 16 {
		copy(huge[at:], "Slot")
		binary.LittleEndian.PutUint32(huge[at+4:], 1)
		binary.LittleEndian.PutUint32(huge[at+12:], 0xffffffff)
	}
	if _, err := ReadInstalled(bytes.NewReader(huge), int64(len(huge))); err == nil || !strings.Contains(err.Error(), "larger than the file") {
		t.Errorf("got %v", err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("got %d bytes in memory", used)
	}
}

func FuzzInstalled(f *testing.F) {
	f.Add([]byte("SQLite format 3\x00"))
	f.Add([]byte("RpmP"))
	if _, err := exec.LookPath("rpm"); err == nil { // seeds are a help only
		data, _ := install(f, 2)
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := ReadInstalled(bytes.NewReader(data), int64(len(data)))
		for _, p := range all {
			if p.Name == "" || p.Version == "" || p.Release == "" {
				t.Errorf("got %+v", p)
			}
		}
		if err != nil && errors.Unwrap(err) == nil {
			t.Errorf("got %v", err)
		}
	})
}
