package archive

import (
	"bytes"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/flate"
)

// A zip compresses each file for itself. A large file keeps all CPUs busy through
// gzipWriter; the small ones are compressed before their turn, several at a time.

// deflated is a small file with its DEFLATE stream, or why there is none.
type deflated struct {
	content []byte
	stream  []byte
	err     error
}

// isSmall reports whether it is a file that one CPU compresses.
func (it item) isSmall() bool { return it.kind == kindFile && it.size <= gzipBlockSize }

// deflateAhead compresses the small files of items. The queue has a channel for
// each of them, in order, which will hold one value; it holds a few only, to limit
// the memory. stop ends the work and returns when it has ended.
func deflateAhead(items []item) (queue <-chan chan deflated, stop func()) {
	type job struct {
		item
		result chan deflated
	}
	workers := min(runtime.GOMAXPROCS(0), gzipMaxBlocks)
	ahead := make(chan chan deflated, 2*workers)
	jobs := make(chan job)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			z, _ := flate.NewWriter(nil, gzipLevel) // errs on a bad level only
			for j := range jobs {
				j.result <- j.deflate(z)
			}
		})
	}
	wg.Go(func() {
		defer close(jobs)
		for _, it := range items {
			if !it.isSmall() {
				continue
			}
			result := make(chan deflated, 1)
			select {
			case ahead <- result:
				jobs <- job{it, result}
			case <-done:
				return
			}
		}
	})
	return ahead, func() {
		close(done)
		wg.Wait()
	}
}

// deflate reads and compresses the file.
func (it item) deflate(z *flate.Writer) (d deflated) {
	content := bytes.NewBuffer(make([]byte, 0, it.size))
	if d.err = it.copyTo(content, make([]byte, 1+min(it.size, 32<<10))); d.err != nil {
		return d
	}
	d.content = content.Bytes()
	var stream bytes.Buffer
	z.Reset(&stream)
	if _, d.err = z.Write(d.content); d.err == nil {
		d.err = z.Close()
	}
	d.stream = stream.Bytes()
	return d
}

// deflatedWriter takes the content of a file, which the zip reads for its CRC-32,
// and writes the stream that was made of it before.
type deflatedWriter struct {
	w      io.Writer
	stream []byte
}

func (*deflatedWriter) Write(p []byte) (int, error) { return len(p), nil }

func (d *deflatedWriter) Close() error {
	_, err := d.w.Write(d.stream)
	return err
}
