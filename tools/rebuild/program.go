package main

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/universal"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
)

// key identifies a program of a release.
type key struct {
	file, pkg string
	platform  platform.Platform
}

func keyOf(p goinfo.Program) key {
	k := key{p.Name, p.Package, p.Platform()}
	if p.GOOS == "windows" {
		k.file += ".exe"
	}
	return k
}

// found is one of the release's versions of a program. Usually there is one.
type found struct {
	digest digest.Digest
	info   *debug.BuildInfo
	file   string   // a copy
	where  []string // the files of the release that have it
}

// maxProgram is the largest program, in bytes.
const maxProgram = 4 << 30

// finder looks for programs in archives, and keeps copies of them in dir.
type finder struct {
	dir      string
	names    map[string]bool // of the files to look at
	programs []goinfo.Program
	all      map[key][]*found
}

// find returns the release's contents of each program.
func find(ctx context.Context, tree *release.Tree, programs []goinfo.Program, dir string) (map[key][]*found, error) {
	f := &finder{dir: dir, names: map[string]bool{}, programs: programs, all: map[key][]*found{}}
	for _, p := range programs {
		f.names[keyOf(p).file] = true
	}
	for _, file := range tree.Files {
		if err := f.open(ctx, tree, file); err != nil {
			return nil, fmt.Errorf("reading %q: %w", file.Path, err)
		}
	}
	return f.all, nil
}

// open reads a file of the release to its end, and so verifies it.
func (f *finder) open(ctx context.Context, tree *release.Tree, file release.File) error {
	r, err := tree.Open(ctx, file.Path)
	if err != nil {
		return err
	}
	defer r.Close()
	b := bufio.NewReader(r)
	magic, err := b.Peek(4)
	if err != nil { // too small for an archive
		_, err = io.Copy(io.Discard, b)
		return err
	}
	content, err := archive.Decompress(b)
	switch {
	case err != nil:
	case content != nil:
		err = errors.Join(f.tar(file.Path, content), content.Close())
	case string(magic) == "PK\x03\x04":
		err = f.zip(file.Path, b)
	case slices.ContainsFunc(executables, func(m string) bool { return strings.HasPrefix(string(magic), m) }):
		err = f.bare(file.Path, b)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_, err = io.Copy(io.Discard, b)
	return err
}

// executables are the first bytes of programs: ELF, PE, Mach-O, fat Mach-O, WebAssembly, XCOFF,
// Plan 9.
var executables = []string{
	"\x7fELF", "MZ", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe", "\x00asm", "\x01\xf7",
	"\x00\x00\x01\xeb", "\x00\x00\x06\x47", "\x00\x00\x8a\x97",
}

// tar reads an uncompressed tar. Another file has no programs.
func (f *finder) tar(where string, r io.Reader) error {
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, tar.ErrHeader) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeReg {
			if err := f.entry(where, h.Name, tr); err != nil {
				return err
			}
		}
	}
}

func (f *finder) zip(where string, r io.Reader) error {
	name, _, err := f.keep(r)
	if err != nil {
		return err
	}
	defer os.Remove(name)
	zr, err := zip.OpenReader(name)
	if err != nil {
		return err
	}
	defer zr.Close()
	for _, file := range zr.File {
		r, err := file.Open()
		if err != nil {
			return err
		}
		err = errors.Join(f.entry(where, file.Name, r), r.Close())
		if err != nil {
			return fmt.Errorf("entry %q: %w", file.Name, err)
		}
	}
	return nil
}

// entry records an archive's entry if it is a program of the release, or has some.
func (f *finder) entry(where, name string, r io.Reader) error {
	if base := path.Base(name); f.names[base] {
		return f.record(where, base, r)
	}
	return nil
}

// bare records a file of the release that is a program itself. Its name is the archive's.
func (f *finder) bare(where string, r io.Reader) error { return f.record(where, "", r) }

// record records a program, or those in a universal binary. Without a base name, it is the
// program of that package.
func (f *finder) record(where, base string, r io.Reader) error {
	whole, _, err := f.keep(r)
	if err != nil {
		return err
	}
	defer os.Remove(whole)
	w, err := os.Open(whole)
	if err != nil {
		return err
	}
	defer w.Close()
	info, err := w.Stat()
	if err != nil {
		return err
	}
	programs, err := universal.Programs(w, info.Size())
	if err != nil {
		return err
	}
	for _, p := range programs {
		if err := f.one(where, base, p); err != nil {
			return err
		}
	}
	return nil
}

// one records a program.
func (f *finder) one(where, base string, r io.Reader) error {
	file, d, err := f.keep(r)
	if err != nil {
		return err
	}
	info, err := goinfo.ReadFile(file)
	if err != nil {
		return os.Remove(file) // a directory with that name, a completion, a program in another language
	}
	k := key{base, info.Path, platform.FromBuildInfo(info)}
	if base == "" {
		i := slices.IndexFunc(f.programs, func(p goinfo.Program) bool { return p.Package == k.pkg && p.Platform() == k.platform })
		if i < 0 {
			return os.Remove(file)
		}
		k = keyOf(f.programs[i])
	}
	for _, old := range f.all[k] {
		if old.digest == d {
			old.where = append(old.where, where)
			return os.Remove(file)
		}
	}
	f.all[k] = append(f.all[k], &found{digest: d, info: info, file: file, where: []string{where}})
	return nil
}

// keep copies r to a file.
func (f *finder) keep(r io.Reader) (string, digest.Digest, error) {
	to, err := os.CreateTemp(f.dir, "copy-*")
	if err != nil {
		return "", "", err
	}
	d, n, err := digest.FromReader(io.TeeReader(io.LimitReader(r, maxProgram+1), to))
	if n > maxProgram {
		err = fmt.Errorf("it has more than %d bytes", int64(maxProgram))
	}
	return to.Name(), d, errors.Join(err, to.Close())
}

// setting returns a setting of the build information, such as GOOS.
func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// difference returns in one line how two programs differ, the most telling difference first.
func difference(got, want string) (string, error) {
	var info [2][]string
	var data [2][]byte
	for i, name := range []string{got, want} {
		b, err := goinfo.ReadFile(name)
		if err != nil {
			return "", err
		}
		info[i] = strings.Split(strings.TrimSpace(b.String()), "\n")
		if data[i], err = os.ReadFile(name); err != nil {
			return "", err
		}
	}
	if a, b := without(info[0], info[1]), without(info[1], info[0]); len(a)+len(b) > 0 {
		return fmt.Sprintf("build information: got %q, want %q", a, b), nil
	}
	at := 0
	for at < len(data[0]) && at < len(data[1]) && data[0][at] == data[1][at] {
		at++
	}
	return fmt.Sprintf("content: got %d bytes, want %d, first different at %#x", len(data[0]), len(data[1]), at), nil
}

// without returns the lines of a that are not in b.
func without(a, b []string) []string {
	has := map[string]bool{}
	for _, line := range b {
		has[line] = true
	}
	var only []string
	for _, line := range a {
		if !has[line] {
			only = append(only, strings.ReplaceAll(line, "\t", " "))
		}
	}
	return only
}
