package fileio

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// TestWriteAhead writes in pieces of all sizes, and to a writer that fails.
func TestWriteAhead(t *testing.T) {
	var want, got bytes.Buffer
	a := WriteAhead(&got)
	for i := range 3000 {
		b := bytes.Repeat([]byte{byte(i)}, i)
		want.Write(b)
		if n, err := a.Write(b); n != i || err != nil {
			t.Fatalf("Write: got %d, %v", n, err)
		}
	}
	if err := a.Close(); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("Close: got %v, and %d bytes of %d", err, got.Len(), want.Len())
	}
	r, w := io.Pipe()
	broken := errors.New("broken")
	r.CloseWithError(broken)
	a = WriteAhead(w)
	for range 100 {
		a.Write(make([]byte, 64<<10))
	}
	if err := a.Close(); !errors.Is(err, broken) {
		t.Errorf("Close: got %v, want %v", err, broken)
	}
}
