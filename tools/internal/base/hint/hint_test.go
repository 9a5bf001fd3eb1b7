package hint

import (
	"errors"
	"io"
	"testing"
)

func TestWith(t *testing.T) {
	if err := With(nil, "do it again"); err != nil {
		t.Errorf("hint on no error: got %v, want no error", err)
	}
	err := With(io.EOF, "do it again")
	if err.Error() != io.EOF.Error() || !errors.Is(err, io.EOF) {
		t.Errorf("got %q, want an error that reads as, and is, %q", err, io.EOF)
	}
}
