// Package goinfo reads the build information of Go programs, also in formats that debug/buildinfo
// does not read: WebAssembly, and XCOFF and Plan 9's a.out without symbols.
package goinfo

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"

	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
)

// maxSize is the size of the largest program that is searched for marks.
const maxSize = 1 << 30

// The marks around the build information in a program's data, which the go command writes: see
// https://go.dev/src/cmd/go/internal/modload/build.go, infoStart and infoEnd.
var (
	infoStart = []byte("0w\xaf\x0c\x92t\x08\x02A\xe1\xc1\x07\xe6\xd6\x18\xe6")
	infoEnd   = []byte("\xf92C1\x86\x18 r\x00\x82B\x10A\x16\xd8\xf2")
)

// version matches the variable runtime.buildVersion between zeros.
var version = regexp.MustCompile(`\x00(go1\.[0-9]+(?:\.[0-9]+)?(?:(?:rc|beta)[0-9]+)?(?: X:[a-z0-9,]+)?)\x00`)

// marked are the beginnings of the formats in which marks are looked for.
var marked = [][]byte{
	[]byte("\x00asm"), []byte("\x01\xdf"), []byte("\x01\xf7"),
	[]byte("\x00\x00\x01\xeb"), []byte("\x00\x00\x8a\x97"), []byte("\x00\x00\x06\x47"),
}

// Magics are the beginnings of the formats that programs have: ELF, PE, Mach-O and universal
// binaries, XCOFF, WebAssembly, and a.out of Plan 9 for 386, amd64 and arm.
var Magics = append([][]byte{
	[]byte("\x7fELF"), []byte("MZ"), []byte("\xfe\xed\xfa\xce"), []byte("\xfe\xed\xfa\xcf"),
	[]byte("\xce\xfa\xed\xfe"), []byte("\xcf\xfa\xed\xfe"), []byte("\xca\xfe\xba\xbe"),
}, marked...)

// Executable reports whether a file that begins with head can be a program.
func Executable(head []byte) bool { return begins(head, Magics) }

func begins(head []byte, magics [][]byte) bool {
	for _, m := range magics {
		if bytes.HasPrefix(head, m) {
			return true
		}
	}
	return false
}

// Read returns the build information of a program. Its GoVersion is empty if it is of a format
// that does not say where the version is, and several are in it. The error is that of
// debug/buildinfo.
func Read(r io.ReaderAt) (*debug.BuildInfo, error) {
	info, err := buildinfo.Read(r)
	if err == nil {
		return info, nil
	}
	head := make([]byte, 4)
	if n, readErr := r.ReadAt(head, 0); n < len(head) && readErr != nil || !begins(head, marked) {
		return nil, err
	}
	data, readErr := io.ReadAll(io.NewSectionReader(r, 0, maxSize+1))
	if readErr != nil {
		return nil, errors.Join(err, readErr)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("searching a program for its build information: it has more than %d bytes", maxSize)
	}
	_, rest, found := bytes.Cut(data, infoStart)
	text, _, ended := bytes.Cut(rest, infoEnd)
	if !found || !ended {
		return nil, err
	}
	info, parseErr := debug.ParseBuildInfo(string(text))
	if parseErr != nil {
		return nil, errors.Join(err, parseErr)
	}
	if all := version.FindAllSubmatch(data, 2); len(all) == 1 {
		info.GoVersion = string(all[0][1])
	}
	return info, nil
}

// ReadFile is Read for a named file.
func ReadFile(name string) (info *debug.BuildInfo, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err = Read(f); err != nil {
		return nil, fmt.Errorf("reading the build information of %q: %w", name, err)
	}
	return info, nil
}

// ReadFiles is ReadFile for many files, which it reads at the same time. What is no Go program
// has nil. The error is of a file that cannot be opened.
func ReadFiles(ctx context.Context, names []string) ([]*debug.BuildInfo, error) {
	infos := make([]*debug.BuildInfo, len(names))
	err := parallel.DoAll(ctx, len(names), runtime.NumCPU(), func(_ context.Context, i int) error {
		info, err := ReadFile(names[i])
		if perr := (*fs.PathError)(nil); errors.As(err, &perr) {
			return err
		}
		if err == nil {
			infos[i] = info
		}
		return nil
	})
	return infos, err
}
