package archive

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
)

// CopyMember writes one file of an archive to w: of a tar, compressed or not as [Decompress]
// reads it, or of a zip. The name is the file's path in the archive, where it may begin with "./".
// It is an error if there is no such file, or if it is not regular; the error names some that
// there are.
func CopyMember(ctx context.Context, w io.Writer, archive, name string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	head, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if bytes.Equal(head, []byte("PK\x03\x04")) {
		err = copyZipMember(fileio.Writer(ctx, w), f, name)
	} else {
		err = copyTarMember(fileio.Writer(ctx, w), r, name)
	}
	if err != nil {
		return fmt.Errorf("reading %q of archive %q: %w", name, path.Base(archive), err)
	}
	return nil
}

func copyTarMember(w io.Writer, r *bufio.Reader, name string) error {
	var content io.Reader = r
	decompressed, err := Decompress(r)
	if err != nil {
		return err
	}
	if decompressed != nil {
		defer decompressed.Close()
		content = decompressed
	}
	var names memberNames
	for t := tar.NewReader(content); ; {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return names.missing()
		case err != nil:
			return err
		case names.add(h.Name) != name:
			continue
		case h.Typeflag != tar.TypeReg:
			return errors.New("it is not a regular file")
		}
		_, err = io.Copy(w, t)
		return err
	}
}

func copyZipMember(w io.Writer, f *os.File, name string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return err
	}
	var names memberNames
	for _, m := range z.File {
		switch {
		case names.add(m.Name) != name:
			continue
		case !m.Mode().IsRegular():
			return errors.New("it is not a regular file")
		}
		r, err := m.Open()
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.Copy(w, r)
		return err
	}
	return names.missing()
}

// memberNames are the first names in an archive.
type memberNames []string

// add records a name, and returns it as CopyMember has it.
func (m *memberNames) add(name string) string {
	name = strings.TrimPrefix(name, "./")
	if len(*m) < 8 && name != "" && !strings.HasSuffix(name, "/") {
		*m = append(*m, fmt.Sprintf("%.100q", name))
	}
	return name
}

func (m memberNames) missing() error {
	return fmt.Errorf("there is no such file; it has %s", strings.Join(m, ", "))
}
