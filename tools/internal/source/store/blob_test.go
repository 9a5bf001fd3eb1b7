package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// stream is a Fetcher of a reader that counts its calls.
type stream struct {
	r       func() io.Reader
	err     error
	fetched atomic.Int32
	closed  atomic.Int32
}

func (s *stream) Fetch(context.Context) (io.ReadCloser, error) {
	s.fetched.Add(1)
	if s.err != nil {
		return nil, s.err
	}
	return struct {
		io.Reader
		io.Closer
	}{s.r(), closer(func() error { s.closed.Add(1); return nil })}, nil
}

type closer func() error

func (c closer) Close() error { return c() }

func text(s string) *stream { return &stream{r: func() io.Reader { return strings.NewReader(s) }} }

func TestBring(t *testing.T) {
	s, f := open(t), text("hello\n")
	if s.HasBlob(hello) {
		t.Error("an empty store has it")
	}
	for range 2 {
		if err := s.Bring(t.Context(), hello, f); err != nil {
			t.Error(err)
		}
		if got := files(t, s.Dir()); got != helloFile {
			t.Errorf("files: got\n%swant\n%s", got, helloFile)
		}
	}
	if f.fetched.Load() != 1 || f.closed.Load() != 1 {
		t.Errorf("got %d fetched, %d closed, want 1 of each", f.fetched.Load(), f.closed.Load())
	}
	if !s.HasBlob(hello) || s.VerifyBlob(hello) != nil {
		t.Errorf("verifying: got %v", s.VerifyBlob(hello))
	}
}

func TestBringErrors(t *testing.T) {
	broken := &stream{r: func() io.Reader {
		return io.MultiReader(strings.NewReader("hello\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	}}
	for _, tt := range []struct {
		name   string
		f      *stream
		want   string
		closed int32
	}{
		{"other", text("Hello\n"), "digest of fetched file: got sha256:66a045b452102c59d840ec097d59d9467e13a3f34f6494e539ffd32c1bb35f18, want " + string(hello), 1},
		{"nothing", text(""), "digest of fetched file: got sha256:e3b0c442", 1},
		{"longer", text("hello\n\n"), "digest of fetched file: got ", 1},
		{"broken", broken, io.ErrUnexpectedEOF.Error(), 1},
		{"none", &stream{err: fs.ErrNotExist}, fs.ErrNotExist.Error(), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			if err := s.Bring(t.Context(), hello, tt.f); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			var mismatch *MismatchError
			if err := s.Bring(t.Context(), hello, tt.f); errors.As(err, &mismatch) != strings.HasPrefix(tt.want, "digest") {
				t.Errorf("got %#v, want a MismatchError where the digest is wrong", err)
			}
			if got := files(t, s.Dir()); got != "" {
				t.Errorf("left\n%s", got)
			}
			if tt.f.closed.Load() != 2*tt.closed {
				t.Errorf("got %d closed, want %d", tt.f.closed.Load(), 2*tt.closed)
			}
		})
	}
}

// TestBringConcurrent fetches the same file twice at the same time.
func TestBringConcurrent(t *testing.T) {
	s, f := open(t), text("hello\n")
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { errs[i] = errors.Join(s.Bring(t.Context(), hello, f), s.VerifyBlob(hello)) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if got := files(t, s.Dir()); got != helloFile {
		t.Errorf("files: got\n%swant\n%s", got, helloFile)
	}
}

func TestVerifyBlob(t *testing.T) {
	s := open(t)
	if err := s.VerifyBlob(hello); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: got %v, want %v", err, fs.ErrNotExist)
	}
	if err := os.MkdirAll(filepath.Dir(s.BlobPath(hello)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.BlobPath(hello), []byte("hellp\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	want := `digest of "` + s.BlobPath(hello) + `": got ` + string(digest.FromBytes([]byte("hellp\n"))) + ", want " + string(hello)
	if err := s.VerifyBlob(hello); err == nil || err.Error() != want {
		t.Errorf("altered: got %v, want %q", err, want)
	}
	// A directory in its place is not the file.
	if err := os.Remove(s.BlobPath(hello)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.BlobPath(hello), 0o755); err != nil {
		t.Fatal(err)
	}
	if s.HasBlob(hello) || s.VerifyBlob(hello) == nil {
		t.Error("a directory is taken for the file")
	}
}
