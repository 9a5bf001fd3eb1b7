package archive

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"
)

func TestGzipHeader(t *testing.T) {
	data := build(t, TarGzip, sample(t), options)
	// RFC 1952, section 2.3: magic, deflate, no flags, no time, no extra flags, unknown system.
	want := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}
	if !bytes.HasPrefix(data, want) {
		t.Errorf("gzip header: got %x, want %x", data[:len(want)], want)
	}
}

func TestGzipWriterError(t *testing.T) {
	full := errors.New("disk full")
	block := noise(1, 256<<10)
	for limit := range 5 {
		left := limit * 100_000 // bytes that fit
		w := writerFunc(func(p []byte) (int, error) {
			if left -= len(p); left < 0 {
				return 0, full
			}
			return len(p), nil
		})
		gz := NewGzipWriter(w)
		var err error
		for i := 0; i < 20 && err == nil; i++ {
			_, err = gz.Write(block)
		}
		if closeErr := gz.Close(); !errors.Is(closeErr, full) {
			t.Errorf("limit %d: Close: got %v, want %v", limit, closeErr, full)
		}
	}
}

func TestRawDeflate(t *testing.T) {
	for _, size := range []int{0, 1, 100} {
		member := append(append(bytes.Repeat([]byte{'h'}, 10), noise(1, size)...), "trailer!"...)
		for step := 1; step < len(member); step++ {
			var b bytes.Buffer
			r := newRawDeflate(&b)
			for rest := member; len(rest) > 0; rest = rest[min(step, len(rest)):] {
				if _, err := r.Write(rest[:min(step, len(rest))]); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(b.Bytes(), noise(1, size)) {
				t.Errorf("%d bytes in steps of %d: got %d bytes", size, step, b.Len())
			}
		}
	}
}

func TestGzipRoundTrip(t *testing.T) {
	for _, size := range []int{0, 1, gzipBlockSize - 1, gzipBlockSize, gzipBlockSize + 1, 5*gzipBlockSize + 7} {
		want := noise(2, size)
		var b bytes.Buffer
		gz := NewGzipWriter(&b)
		if _, err := gz.Write(want); err != nil {
			t.Fatal(err)
		}
		if err := gz.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := gzip.NewReader(&b)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d bytes, %v", size, len(got), err)
		}
	}
}

// TestGzipCuts checks that the sizes of the writes have no effect, and that a reused
// compressor writes the same as a new one.
func TestGzipCuts(t *testing.T) {
	data := noise(4, 2<<20+1)
	var want bytes.Buffer
	gz := &gzipWriter{}
	for _, cut := range []int{len(data), 1 << 20, 4096, 511, gzipBlockSize} {
		var got bytes.Buffer
		gz.reset(&got)
		for rest := data; len(rest) > 0; rest = rest[min(cut, len(rest)):] {
			if _, err := gz.Write(rest[:min(cut, len(rest))]); err != nil {
				t.Fatal(err)
			}
		}
		if err := gz.Close(); err != nil {
			t.Fatal(err)
		}
		if want.Len() == 0 {
			want = got
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("cut %d: bytes differ", cut)
		}
	}
}
