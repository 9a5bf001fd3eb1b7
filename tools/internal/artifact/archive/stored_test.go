package archive

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"
)

// TestStored reads what was stored by another implementation, and varies the writes.
func TestStored(t *testing.T) {
	data := noise(1, 1<<20)
	var first []byte
	for _, step := range []int{len(data), 1000, 65536, 65537} {
		var b bytes.Buffer
		w := NewStoredGzipWriter(&b)
		for rest := data; len(rest) > 0; rest = rest[min(step, len(rest)):] {
			if _, err := w.Write(rest[:min(step, len(rest))]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if want := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}; !bytes.HasPrefix(b.Bytes(), want) {
			t.Errorf("gzip header: got %x, want %x", b.Bytes()[:len(want)], want)
		}
		if most := len(data) + len(data)>>12; b.Len() > most {
			t.Errorf("writes of %d bytes: got %d bytes, want at most %d", step, b.Len(), most)
		}
		z, err := gzip.NewReader(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, data) {
			t.Errorf("writes of %d bytes: got %d other bytes, %v", step, len(got), err)
		}
		if first == nil {
			first = bytes.Clone(b.Bytes())
		}
		if !bytes.Equal(b.Bytes(), first) {
			t.Errorf("writes of %d bytes give other bytes than one write", step)
		}
	}
}

func TestStoredError(t *testing.T) {
	full := errors.New("disk full")
	w := NewStoredGzipWriter(writerFunc(func([]byte) (int, error) { return 0, full }))
	_, err := w.Write(noise(1, 1<<20))
	if err = errors.Join(err, w.Close()); !errors.Is(err, full) {
		t.Errorf("got error %v, want %v", err, full)
	}
}
