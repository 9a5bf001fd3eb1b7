package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// standard packs the corpus with the standard library only: one stream of compress/gzip or
// compress/flate at level 6, and its SHA-256.
func (b *packBench) standard(ctx context.Context) (err error) {
	f, err := os.Create(b.file("standard"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	hash := sha256.New()
	out := io.MultiWriter(f, hash)
	if b.format == "zip" {
		return b.standardZip(ctx, out)
	}
	gz, err := gzip.NewWriterLevel(out, 6)
	if err != nil {
		return err
	}
	tw := tar.NewWriter(gz)
	for _, c := range b.files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := tw.WriteHeader(&tar.Header{Name: c.Path, Mode: int64(c.Mode), Size: c.Size}); err != nil {
			return err
		}
		if err := b.copyTo(tw, c); err != nil {
			return err
		}
	}
	return errors.Join(tw.Close(), gz.Close())
}

func (b *packBench) standardZip(ctx context.Context, out io.Writer) error {
	zw := zip.NewWriter(out) // its default level is 6
	for _, c := range b.files {
		if err := ctx.Err(); err != nil {
			return err
		}
		w, err := zw.CreateHeader(&zip.FileHeader{Name: c.Path, Method: zip.Deflate})
		if err != nil {
			return err
		}
		if err := b.copyTo(w, c); err != nil {
			return err
		}
	}
	return zw.Close()
}

func (b *packBench) copyTo(w io.Writer, c corpusFile) error {
	f, err := os.Open(filepath.Join(b.corpus, filepath.FromSlash(c.Path)))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
