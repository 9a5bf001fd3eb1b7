package layout

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// TestDiffIDOf reads layers that decompress to more than the limit.
func TestDiffIDOf(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, layer := range map[string][]byte{"plain": data, "gzip": b.Bytes(), "zstd": z.EncodeAll(data, nil)} {
		got, err := diffIDOf(bytes.NewReader(layer), int64(len(data)))
		if want := Hash(digest.FromBytes(data)); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, want)
		}
		_, err = diffIDOf(bytes.NewReader(layer), int64(len(data)-1))
		wantError(t, err, "more bytes than the limit")
	}
	// A frame whose header has a window of 512 MiB, and then one byte.
	wide := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 19 << 3, 9, 0, 0, 'x'}
	_, err = diffIDOf(bytes.NewReader(wide), 1<<20)
	wantError(t, err, "window size exceeded")
	_, err = diffIDOf(strings.NewReader("\x1f\x8b\x08"), 1<<20)
	wantError(t, err, "EOF")
}
