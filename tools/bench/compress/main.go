// Compress is a bare compressor, the peer of the commands that pack: it compresses the files
// whose names it reads, one per line, one after the other, and does nothing else.
//
//	compress gzip|zstd FILE <NAMES
package main

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: compress gzip|zstd FILE <NAMES")
		os.Exit(2)
	}
	if err := compress(os.Args[1], os.Args[2], os.Stdin); err != nil {
		fmt.Fprintf(os.Stderr, "compress: %v\n", err)
		os.Exit(1)
	}
}

func compress(format, out string, names io.Reader) (err error) {
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var z io.WriteCloser
	switch format {
	case "gzip": // an archive's and a layer's
		z = archive.NewGzipWriter(f)
	case "zstd": // a package's, with the digest that its file has beside it
		z, err = zstd.NewWriter(io.MultiWriter(f, sha256.New()), zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(3)))
	default:
		err = fmt.Errorf("format is %q, want gzip or zstd", format)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	buf := make([]byte, 1<<20)
	lines := bufio.NewScanner(names)
	for lines.Scan() {
		src, err := os.Open(lines.Text())
		if err != nil {
			return err
		}
		_, err = io.CopyBuffer(struct{ io.Writer }{z}, struct{ io.Reader }{src}, buf)
		if err := errors.Join(err, src.Close()); err != nil {
			return err
		}
	}
	return lines.Err()
}
