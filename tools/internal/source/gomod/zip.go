package gomod

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/mod/sumdb/dirhash"
	modzip "golang.org/x/mod/zip"
)

// maxZipEntries is the most files that a module may have. The largest known modules have
// some ten thousand; each file takes about 400 bytes of memory.
const (
	maxZipEntries = 200_000
	maxZipName    = 4096 // bytes
)

// HashZip returns the h1 sum of a module's zip (golang.org/x/mod/sumdb/dirhash). It refuses
// one that is too large, or that has more than 200,000 files, before it reads the content.
func HashZip(name string) (string, error) {
	if err := checkZip(name); err != nil {
		return "", fmt.Errorf("reading %q: %w", name, err)
	}
	sum, err := dirhash.HashZip(name, dirhash.Hash1)
	if err != nil {
		return "", fmt.Errorf("reading %q: %w", name, err)
	}
	return sum, nil
}

// HashZipReader is HashZip of the size bytes that r has.
func HashZipReader(r io.ReaderAt, size int64) (string, error) {
	z, err := openZip(r, size)
	if err != nil {
		return "", err
	}
	files := map[string]*zip.File{}
	names := make([]string, 0, len(z.File))
	for _, f := range z.File {
		if files[f.Name] != nil {
			return "", fmt.Errorf("duplicate file %.200q", f.Name)
		}
		files[f.Name] = f
		names = append(names, f.Name)
	}
	return dirhash.Hash1(names, func(name string) (io.ReadCloser, error) { return files[name].Open() })
}

// checkZip refuses a zip that would take too much memory or time to read.
func checkZip(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, err = openZip(f, info.Size())
	return err
}

func openZip(r io.ReaderAt, size int64) (*zip.Reader, error) {
	if size > modzip.MaxZipFile {
		return nil, fmt.Errorf("size: got %d bytes, want at most %d", size, modzip.MaxZipFile)
	}
	if err := checkEntries(io.NewSectionReader(r, 0, size)); err != nil {
		return nil, err
	}
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, err
	}
	return z, checkContents(z)
}

func checkContents(z *zip.Reader) error {
	left := uint64(modzip.MaxZipFile)
	for _, e := range z.File {
		if len(e.Name) > maxZipName {
			return fmt.Errorf("file %.200q: its name has more than %d bytes", e.Name, maxZipName)
		}
		// A file that is larger than its header says is an error when it is read.
		if e.UncompressedSize64 > left {
			return fmt.Errorf("the files have more than %d bytes", modzip.MaxZipFile)
		}
		left -= e.UncompressedSize64
	}
	return nil
}

// checkEntries counts what may be entries of the zip's directory: archive/zip reads all of
// them, regardless of the number at the directory's end.
func checkEntries(r io.Reader) error {
	signature := []byte("PK\x01\x02")
	buf := make([]byte, 256<<10)
	kept, count := 0, 0
	for {
		n, err := r.Read(buf[kept:])
		part := buf[:kept+n]
		if count += bytes.Count(part, signature); count > maxZipEntries {
			return fmt.Errorf("it has more than %d files", maxZipEntries)
		}
		// A signature may be split between two parts; a complete one is not kept.
		kept = copy(buf, part[max(0, len(part)-len(signature)+1):])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
