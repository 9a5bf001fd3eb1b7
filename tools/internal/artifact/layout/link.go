package layout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// An AlteredError reports a blob whose digest does not match its name.
type AlteredError struct {
	Name      string // of the file
	Got, Want digest.Digest
}

func (e *AlteredError) Error() string {
	return fmt.Sprintf("digest of %q: got %s, want %s", e.Name, e.Got, e.Want)
}

// Make makes the directories of the layout, and oci-layout if there is none. Several
// callers may do so at the same time.
func (p Path) Make() error {
	if err := os.MkdirAll(filepath.Join(string(p), "blobs", "sha256"), 0o755); err != nil {
		return err
	}
	name := filepath.Join(string(p), MarkerFile)
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	return fileio.WriteFile(name, []byte(Marker), 0o644)
}

// Link adds a blob of another layout to this one, which must not have it: as a hard link,
// or as a copy if the file system cannot link it. It reads the result, and returns an
// *AlteredError if its digest differs.
func (p Path) Link(ctx context.Context, from Path, d digest.Digest) error {
	if err := os.Link(from.Blob(d), p.Blob(d)); err != nil {
		if err := copyFile(ctx, from.Blob(d), p.Blob(d)); err != nil {
			return err
		}
	}
	f, err := os.Open(p.Blob(d))
	if err != nil {
		return err
	}
	defer f.Close()
	got, _, err := digest.FromReader(fileio.Reader(ctx, f))
	if err != nil {
		return fmt.Errorf("reading %q: %w", f.Name(), err)
	}
	if got != d {
		return &AlteredError{from.Blob(d), got, d}
	}
	return nil
}

func copyFile(ctx context.Context, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, fileio.Reader(ctx, in)); err != nil {
		return fmt.Errorf("copying %q: %w", from, errors.Join(err, out.Close()))
	}
	return out.Close()
}
