package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/source/needs"
)

// packed returns the bytes of a bundle with a root, and its index.
func packed(t *testing.T) ([]byte, *Index) {
	t.Helper()
	w := newWorld(t)
	root := w.root()
	name, r := w.pack(func(a *Args) { a.Root = root })
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data, r.Index
}

func verifyBytes(t *testing.T, data []byte) error {
	t.Helper()
	_, err := verify(t.Context(), bytes.NewReader(data))
	return err
}

// TestEachByteClass flips one byte of each kind in each entry: the entry is named,
// and no other one.
func TestEachByteClass(t *testing.T) {
	data, x := packed(t)
	offsets, err := x.offsets()
	if err != nil {
		t.Fatal(err)
	}
	if err := verifyBytes(t, data); err != nil {
		t.Fatal(err)
	}
	for i := range x.Entries {
		e := &x.Entries[i]
		begin := offsets[i] - blockSize
		places := map[string]int64{"name": begin, "mode": begin + 104, "owner": begin + 110, "size": begin + 130, "mtime": begin + 140,
			"checksum": begin + 150, "type": begin + 156, "magic": begin + 257, "end of header": begin + 511,
			"first": offsets[i], "middle": offsets[i] + e.Size/2, "last": offsets[i] + e.Size - 1}
		if padding(e.Size) > 0 {
			places["padding"] = offsets[i] + e.Size
			places["end of padding"] = offsets[i] + e.Size + padding(e.Size) - 1
		}
		for what, at := range places {
			flipped := bytes.Clone(data)
			flipped[at] ^= 1
			err := verifyBytes(t, flipped)
			wantError(t, err, e.String())
			if err != nil && strings.Count(err.Error(), "\n") != 0 {
				t.Errorf("%s of %s: got more than one finding\n%v", what, e, err)
			}
			if strings.HasPrefix(what, "first") || what == "last" {
				wantError(t, err, "sha256: got sha256:", "want "+string(e.Digest))
			}
		}
	}
}

// TestEachByteOfTheRest flips every byte of bundle.json and its header, and of the end.
func TestEachByteOfTheRest(t *testing.T) {
	data, begin := smallBundle(t)
	for at := range begin {
		for _, bit := range []byte{1, 0x20} { // the second one changes a letter's case
			flipped := bytes.Clone(data)
			flipped[at] ^= bit
			wantError(t, verifyBytes(t, flipped), IndexName)
		}
	}
	for at := len(data) - trailer; at < len(data); at++ {
		flipped := bytes.Clone(data)
		flipped[at] ^= 1
		if verifyBytes(t, flipped) == nil {
			t.Errorf("byte %d of the end: got no error", at)
		}
	}
}

// smallBundle returns a bundle of one entry, and where its header begins.
func smallBundle(t testing.TB) (data []byte, begin int) {
	t.Helper()
	x := &Index{Schema: Schema, Lines: []Line{{"demo", "1", digest.FromBytes(nil)}}, Platforms: []string{"linux_amd64"},
		Entries: []Entry{{Path: "root/a", Size: 1, Digest: digest.FromBytes([]byte("a")), For: []needs.Use{{Kind: KindRoot, Name: "a"}}}}}
	index, err := x.seal()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, e := range []struct {
		name string
		data []byte
	}{{IndexName, index}, {"root/a", []byte("a")}} {
		begin = b.Len()
		h, err := headerBytes(e.name, int64(len(e.data)))
		if err != nil {
			t.Fatal(err)
		}
		b.Write(h)
		b.Write(e.data)
		b.Write(zeros[:padding(int64(len(e.data)))])
	}
	b.Write(zeros[:])
	return b.Bytes(), begin
}

// parts takes a bundle apart: its index's bytes, one part for each entry, and the end.
func parts(t *testing.T, data []byte, x *Index) (first []byte, list [][]byte, end []byte) {
	t.Helper()
	offsets, err := x.offsets()
	if err != nil {
		t.Fatal(err)
	}
	first = data[:offsets[0]-blockSize]
	for i, at := range offsets {
		list = append(list, data[at-blockSize:at+x.Entries[i].Size+padding(x.Entries[i].Size)])
	}
	return first, list, data[len(data)-trailer:]
}

func TestVerifyOrder(t *testing.T) {
	data, x := packed(t)
	first, list, end := parts(t, data, x)
	join := func(order ...int) []byte {
		all := [][]byte{first}
		for _, i := range order {
			all = append(all, list[i])
		}
		return bytes.Join(append(all, end), nil)
	}
	var all []int
	for i := range list {
		all = append(all, i)
	}
	n := len(all)
	extra := func(name string) []byte {
		h, err := headerBytes(name, 3)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Join([][]byte{h, []byte("abc"), make([]byte, 509)}, nil)
	}
	entry := func(i int) string { return x.Entries[i].String() }
	for _, tt := range []struct {
		name string
		data []byte
		want []string
	}{
		{"first missing", join(all[1:]...), []string{entry(0) + " is missing: sha256: got none, want " + string(x.Entries[0].Digest)}},
		{"last missing", join(all[:n-1]...), []string{entry(n-1) + " is missing"}},
		{"two missing", join(append(append([]int{}, all[:3]...), all[5:]...)...), []string{entry(3) + " is missing", entry(4) + " is missing"}},
		{"all missing", join(), []string{entry(0) + " is missing", entry(n-1) + " is missing"}},
		{"swapped", join(append([]int{1, 0}, all[2:]...)...), []string{entry(0) + " is out of order: it is after \"" + x.Entries[1].Path}},
		{"last first", join(append([]int{n - 1}, all[:n-1]...)...), []string{entry(0) + " is out of order"}},
		{"twice", join(append([]int{0, 0}, all[1:]...)...), []string{fmt.Sprintf("entry %q, %d bytes, is a duplicate", x.Entries[0].Path, x.Entries[0].Size)}},
		{"extra first", append(append(bytes.Clone(first), extra("goproxy/extra")...), data[len(first):]...), []string{`entry "goproxy/extra", 3 bytes, is extra`}},
		{"extra last", append(append(bytes.Clone(data[:len(data)-trailer]), extra("zz")...), end...), []string{`entry "zz", 3 bytes, is extra`}},
		{"after the end", append(bytes.Clone(data), 'x'), []string{"there are extra bytes at the end"}},
		{"zeros after the end", append(bytes.Clone(data), make([]byte, 512)...), []string{"there are extra bytes at the end"}},
		{"noise last", append(append(bytes.Clone(data[:len(data)-trailer]), bytes.Repeat([]byte("x"), 512)...), end...), []string{"there are extra bytes at the end"}},
	} {
		t.Run(tt.name, func(t *testing.T) { wantError(t, verifyBytes(t, tt.data), tt.want...) })
	}
}

// TestTruncated cuts a bundle off in each entry, and at each block.
func TestTruncated(t *testing.T) {
	data, x := packed(t)
	offsets, err := x.offsets()
	if err != nil {
		t.Fatal(err)
	}
	for i := range x.Entries {
		e := &x.Entries[i]
		err := verifyBytes(t, data[:offsets[i]+e.Size-1])
		wantError(t, err, fmt.Sprintf("%s is cut off: got %d bytes, want %d", e, e.Size-1, e.Size))
		if i+1 < len(x.Entries) {
			wantError(t, err, x.Entries[i+1].String()+" is missing")
		}
	}
	for at := 0; at < len(data); at += blockSize {
		if verifyBytes(t, data[:at]) == nil {
			t.Errorf("cut off after %d of %d bytes: got no error", at, len(data))
		}
	}
}

// TestOtherHeader has headers that tar can read and that are not as they were written.
func TestOtherHeader(t *testing.T) {
	data, x := packed(t)
	first, list, end := parts(t, data, x)
	e := &x.Entries[0]
	for _, tt := range []struct {
		name  string
		alter func(*tar.Header)
		want  string
	}{
		{"mode", func(h *tar.Header) { h.Mode = 0o4755 }, "its header was changed: got mode 4755, owner 0:0, time 1980-01-01T00:00:00Z"},
		{"owner", func(h *tar.Header) { h.Uid = 7 }, "got mode 0644, owner 7:0"},
		{"user", func(h *tar.Header) { h.Uname = "root" }, "its header was changed"},
		{"time", func(h *tar.Header) { h.ModTime = epoch.AddDate(1, 0, 0) }, "time 1981-01-01"},
		{"pax", func(h *tar.Header) { h.PAXRecords = map[string]string{"comment": "x"} }, "its header was changed"},
		{"link", func(h *tar.Header) { h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, "/etc/passwd", 0 }, "size: got 0 bytes, want"},
		{"shorter", func(h *tar.Header) { h.Size-- }, fmt.Sprintf("size: got %d bytes, want %d", e.Size-1, e.Size)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &tar.Header{Typeflag: tar.TypeReg, Name: e.Path, Size: e.Size, Mode: 0o644, ModTime: epoch}
			tt.alter(h)
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
			content := list[0][blockSize : blockSize+h.Size]
			all := append([][]byte{first, b.Bytes(), content, make([]byte, padding(h.Size))}, list[1:]...)
			wantError(t, verifyBytes(t, bytes.Join(append(all, end), nil)), e.String()+": ", tt.want)
		})
	}
}

// TestHostileIndex: what a bundle.json could do to its reader, it does not do.
func TestHostileIndex(t *testing.T) {
	_, x := packed(t)
	for _, tt := range []struct {
		name  string
		alter func(*Index)
		want  string
	}{
		{"schema", func(x *Index) { x.Schema = "v2" }, `schema: got "v2"`},
		{"dots", func(x *Index) { x.Entries[0].Path = "content_addressable/../../x" }, "its path is not clean"},
		{"absolute", func(x *Index) { x.Entries[0].Path = "/etc/passwd" }, "its path is in none of"},
		{"other directory", func(x *Index) { x.Entries[0].Path = "bin/sh" }, "its path is in none of content_addressable, goproxy, oci, root"},
		{"long", func(x *Index) { x.Entries[0].Path = "content_addressable/" + strings.Repeat("a", maxName) }, "more than 4096 bytes"},
		{"unsorted", func(x *Index) { x.Entries[0], x.Entries[1] = x.Entries[1], x.Entries[0] }, "not sorted by path, each once"},
		{"twice", func(x *Index) { x.Entries[1] = x.Entries[0] }, "not sorted by path, each once"},
		{"negative", func(x *Index) { x.Entries[0].Size = -1 }, "size: got -1"},
		{"huge", func(x *Index) {
			x.Entries[0].Size = 1<<62 - 1
			x.Entries[1].Size = 1<<62 - 1
			x.Entries[2].Size = 1<<62 - 1
		}, "their sizes are too large"},
		{"no digest", func(x *Index) { x.Entries[0].Digest = "sha1:x" }, "parsing digest"},
		{"many", func(x *Index) { x.Entries = make([]Entry, maxEntries+1) }, "entries: got 25001, want at most 25000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			copied := *x
			copied.Entries = append([]Entry{}, x.Entries...)
			tt.alter(&copied)
			data, err := copied.seal()
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParseIndex(data)
			wantError(t, err, "reading bundle.json: ", tt.want)
		})
	}
	data, err := x.seal()
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParseIndex(append(data, '\n'))
	wantError(t, err, "it was changed after it was written")
}

// TestLargeIndex has a bundle.json that says it is larger than any is.
func TestLargeIndex(t *testing.T) {
	h, err := headerBytes(IndexName, jsonfile.MaxSize+1)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, verifyBytes(t, h), "size of bundle.json: got ")
	other, err := headerBytes("other", 0)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, verifyBytes(t, other), `it does not begin with bundle.json, but with "other"`)
	wantError(t, verifyBytes(t, nil), "it does not begin with bundle.json")
	wantError(t, verifyBytes(t, zeros[:]), "it does not begin with bundle.json")
}

func TestVerifyCancelled(t *testing.T) {
	data, _ := packed(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verify(ctx, bytes.NewReader(data)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// TestDeep: a module that is another one than its sum pins is named.
func TestDeep(t *testing.T) {
	name, r := newWorld(t).pack(nil)
	const other = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for i := range r.Index.Entries {
		if e := &r.Index.Entries[i]; strings.HasSuffix(e.Path, "/lib/@v/v0.1.0.zip") || strings.HasSuffix(e.Path, "/old/@v/v0.0.1.mod") {
			e.Sum = other
		}
	}
	err := Deep(t.Context(), name, r.Index)
	wantError(t, err, "module example.com/lib@v0.1.0 (line demo, dependency age; line demo, dependency tree): h1 sum: got h1:", ", want "+other,
		"module example.com/old@v0.0.1 (line demo, dependency age): h1 sum: got h1:")
	if strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("got %v, want two findings", err)
	}
}

// TestMemory packs and verifies an entry that is larger than the memory that it takes.
func TestMemory(t *testing.T) {
	w := newWorld(t)
	large, size, err := w.store.PutBlob(io.LimitReader(repeat("0123456789abcdef"), 300<<20))
	if err != nil {
		t.Fatal(err)
	}
	w.lock.Files[0].Digest, w.lock.Files[0].Size = large, size
	peak := watchHeap(t)
	name, _ := w.pack(nil)
	if _, err := Verify(t.Context(), name); err != nil {
		t.Error(err)
	}
	if got := peak(); got > 32<<20 {
		t.Errorf("heap: got %d MiB, want at most 32", got>>20)
	}
}

func FuzzVerify(f *testing.F) {
	whole, _ := smallBundle(f)
	f.Add(whole)
	f.Add(whole[:700])
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := verify(t.Context(), bytes.NewReader(data))
		if bytes.Equal(data, whole) && err != nil {
			t.Errorf("got %v of a bundle that is whole", err)
		}
	})
}
