package linuxpkg

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2/files"
)

// contents returns all that is installed.
func (b *builder) contents() (files.Contents, error) {
	docs, err := b.docs()
	if err != nil {
		return nil, err
	}
	empty, err := b.generate(nil)
	if err != nil {
		return nil, err
	}
	var all files.Contents
	at := map[string]bool{}
	for _, f := range append(docs, b.Files...) {
		if at[f.Path] {
			return nil, fmt.Errorf("path %q is that of a generated file", f.Path)
		}
		at[f.Path] = true
		c, err := b.content(f)
		if err != nil {
			return nil, fmt.Errorf("adding %q: %w", f.Path, err)
		}
		if b.Format != ArchLinux && c.Type != files.TypeDir && f.Symlink == "" {
			b.sources[c.Destination], c.Source = c.Source, empty
		}
		all = append(all, c)
	}
	return all, nil
}

// content returns what nfpm reads for a file.
func (b *builder) content(f File) (*files.Content, error) {
	c := &files.Content{Destination: f.Path, FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: 0o644, MTime: b.time}}
	if f.Mode == "0755" {
		c.FileInfo.Mode = 0o755
	}
	switch {
	case f.Symlink != "":
		return c, b.link(c, f.Symlink)
	case f.Source == "":
		c.Type, c.FileInfo.Mode = files.TypeDir, 0o755
		return c, nil
	}
	info, err := os.Stat(f.Source)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q is not a regular file", f.Source)
	}
	if c.Source = f.Source; b.Format == ArchLinux {
		// In Bazel's sandbox the sources are symbolic links, which nfpm would pack as such.
		if c.Source, err = filepath.EvalSymlinks(f.Source); err != nil {
			return nil, err
		}
		if c.Source, err = filepath.Abs(c.Source); err != nil {
			return nil, err
		}
	}
	switch {
	case f.Kind == "config":
		c.Type = files.TypeConfigNoReplace
	case f.Kind == "doc" && b.Format == RPM:
		c.Type = files.TypeRPMDoc
	case f.Kind == "license" && b.Format == RPM:
		c.Type = files.TypeRPMLicense
	case f.Kind == "man":
		c.Type = files.TypeFile
		if b.Format == RPM {
			c.Type = files.TypeRPMDoc
		}
		return c, b.compress(c, info)
	default:
		c.Type = files.TypeFile
	}
	return c, nil
}

// link makes c a symbolic link.
func (b *builder) link(c *files.Content, target string) (err error) {
	if b.Format != RPM {
		c.Type, c.Source, c.FileInfo.Mode = files.TypeSymlink, target, 0o777
		return nil
	}
	// nfpm gives symbolic links in an rpm the mode 0, which rpm -V reports as a change.
	// To rpmpack, a file with the mode of a link is one whose content is the target.
	c.Type = files.TypeFile
	c.FileInfo.Mode = fs.FileMode(0o120777)
	c.Source, err = b.generate([]byte(target))
	return err
}

// compress replaces the file of c with its compressed form.
func (b *builder) compress(c *files.Content, info fs.FileInfo) error {
	if strings.HasSuffix(c.Destination, ".gz") {
		return nil
	}
	data, err := os.ReadFile(c.Source)
	if err != nil {
		return err
	}
	if int64(len(data)) != info.Size() {
		return fmt.Errorf("%q changed while it was read", c.Source)
	}
	c.Destination += ".gz"
	c.Source, err = b.generate(compressBest(data))
	return err
}

// compressBest does what gzip -9n does, which lintian asks for.
func compressBest(data []byte) []byte {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // errs on a bad level only
	z.Write(data)                                           // a buffer returns no errors
	z.Close()
	return out.Bytes()
}

// owned returns the directory of documents that belongs to this package alone.
func (b *builder) owned(parts ...string) string {
	return path.Join(append([]string{"/usr/share"}, append(parts, b.Name)...)...)
}
