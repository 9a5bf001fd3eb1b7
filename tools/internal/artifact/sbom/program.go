package sbom

import (
	"crypto/sha1"
	"crypto/sha256"
	"debug/macho"
	"encoding/hex"
	"io"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
)

// sums are digests of a content, in hexadecimal.
type sums struct {
	sha1, sha256 string
	size         int64
}

// buffers are those of sumsOf: a release may have thousands of small files.
var buffers = sync.Pool{New: func() any { return new([1 << 18]byte) }}

func sumsOf(r io.Reader) (sums, error) {
	h1, h256 := sha1.New(), sha256.New()
	pooled := buffers.Get().(*[1 << 18]byte)
	defer buffers.Put(pooled)
	buf := pooled[:]
	var n int64
	for {
		k, err := r.Read(buf)
		h1.Write(buf[:k])
		h256.Write(buf[:k])
		n += int64(k)
		if err == io.EOF {
			return sums{hex.EncodeToString(h1.Sum(nil)), hex.EncodeToString(h256.Sum(nil)), n}, nil
		}
		if err != nil {
			return sums{}, err
		}
	}
}

// A program is an executable file, of Go or not.
type program struct {
	sums
	// infos are the build information: several in a universal binary, none if it is not of Go.
	infos []*debug.BuildInfo
	// problem says why the build information could not be read; empty if there is none.
	problem string
}

// readInfo reads the build information of a program.
func (p *program) readInfo(r io.ReaderAt) {
	parts := []io.ReaderAt{r}
	if fat, err := macho.NewFatFile(r); err == nil {
		parts = nil
		for _, arch := range fat.Arches {
			parts = append(parts, io.NewSectionReader(r, int64(arch.Offset), int64(arch.Size)))
		}
	}
	for _, part := range parts {
		info, err := goinfo.Read(part)
		switch {
		case err == nil:
			p.infos = append(p.infos, info)
		case strings.Contains(err.Error(), "not a Go executable"), strings.Contains(err.Error(), "unrecognized file format"):
		default:
			p.problem = "The Go build information cannot be read: " + strings.ToValidUTF8(err.Error(), "?") + "."
		}
	}
}
