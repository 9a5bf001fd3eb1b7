package initialize

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/template"

	releasebuilder "github.com/jasonwzm/release-builder"
	"github.com/jasonwzm/release-builder/tools/internal/base/dirs"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/web/download"
)

//go:embed template
var templates embed.FS

// made are the files of a new workspace that come from a template, by the template's name.
var made = map[string]string{
	"release.BUILD.tmpl": "release/BUILD.bazel",
	"root.BUILD.tmpl":    "BUILD.bazel",
	"MODULE.tmpl":        "MODULE.bazel",
	"README.md":          "README.md",
	"bazelrc":            ".bazelrc",
	"github.yaml":        ".github/workflows/release.yaml",
	"gitignore":          ".gitignore",
	"gitlab.yaml":        ".gitlab-ci.yml",
	"prow.yaml":          ".prow.yaml",
}

// builder is where a new workspace gets the release builder from: an archive or a directory.
type builder struct {
	Name string // of the line
	Path string // of the directory

	URL, Integrity, Prefix string // of the archive
}

// workspace makes the directory --new a workspace without lines. It returns a function that
// removes what it made.
func (o *options) workspace(ctx context.Context) (undo func() error, err error) {
	if o.root, err = filepath.Abs(dirs.FromCaller(o.dir)); err != nil {
		return nil, err
	}
	if list, err := os.ReadDir(o.root); err == nil && len(list) > 0 {
		return nil, hint.With(fmt.Errorf("--new: %q has files already", o.root), "name a directory that does not exist")
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := o.openStore(); err != nil {
		return nil, err
	}
	b, err := o.findBuilder(ctx)
	if err != nil {
		return nil, err
	}
	_, err = os.Stat(o.root)
	existed := err == nil
	undo = func() error {
		if !existed {
			return os.RemoveAll(o.root)
		}
		list, err := os.ReadDir(o.root)
		for _, e := range list {
			err = errors.Join(err, os.RemoveAll(filepath.Join(o.root, e.Name())))
		}
		return err
	}
	if err := errors.Join(o.fromTemplates(b), o.launcher()); err != nil {
		return nil, errors.Join(err, undo())
	}
	return undo, nil
}

func (o *options) fromTemplates(b *builder) error {
	all, err := template.ParseFS(templates, "template/*")
	if err != nil {
		return err
	}
	for name, file := range made {
		var text bytes.Buffer
		if err := all.ExecuteTemplate(&text, name, b); err != nil {
			return err
		}
		if err := o.place(file, text.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// launcher copies tools/bazel and what belongs to it.
func (o *options) launcher() error {
	return fs.WalkDir(releasebuilder.Launcher, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(releasebuilder.Launcher, name)
		if err != nil {
			return err
		}
		return o.place(name, data)
	})
}

// place writes a file of the new workspace. Scripts are programs.
func (o *options) place(name string, data []byte) error {
	mode := fs.FileMode(0o644)
	if bytes.HasPrefix(data, []byte("#!")) {
		mode = 0o755
	}
	file := filepath.Join(o.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, mode)
}

// findBuilder reads what --builder names. An archive goes to the store, where Bazel finds it.
func (o *options) findBuilder(ctx context.Context) (*builder, error) {
	b := &builder{Name: o.name}
	if o.builder == "" {
		return nil, hint.With(errors.New("--builder is missing: where the new workspace gets the release builder from"),
			"pass the URL of an archive of its sources, or a directory with them")
	}
	u, err := url.Parse(o.builder)
	if err == nil && (u.Scheme == "https" || u.Scheme == "http" || u.Scheme == "file") {
		return b, o.fetchBuilder(ctx, b)
	}
	if b.Path, err = filepath.Abs(dirs.FromCaller(o.builder)); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(b.Path, "release", "sources", "extensions.bzl")); err != nil {
		return nil, hint.With(fmt.Errorf("--builder: %q is not a directory with the release builder: %w", o.builder, err),
			"pass the directory of its MODULE.bazel, or the URL of an archive")
	}
	if rel, err := filepath.Rel(o.root, b.Path); err == nil {
		b.Path = filepath.ToSlash(rel)
	}
	return b, nil
}

func (o *options) fetchBuilder(ctx context.Context, b *builder) error {
	fmt.Fprintf(o.stderr, "init: downloading %s\n", o.builder)
	r, err := download.Get(ctx, download.Args{URL: o.builder})
	if err != nil {
		return err
	}
	sum, _, err := o.store.PutBlob(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("downloading %s: %w", o.builder, err)
	}
	raw, err := hex.DecodeString(sum.Hex())
	if err != nil {
		return err
	}
	b.URL, b.Integrity = o.builder, "sha256-"+base64.StdEncoding.EncodeToString(raw)
	if b.Prefix, err = prefixOf(o.store.BlobPath(sum), b.URL); err != nil {
		return hint.With(fmt.Errorf("--builder %s: %w", o.builder, err), "want an archive of the release builder's sources, .tar.gz or .zip")
	}
	return nil
}

// prefixOf returns the directory of an archive that has the release builder.
func prefixOf(name, shown string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	const wanted = "release/sources/extensions.bzl"
	var found []string
	see := func(entry string) {
		if prefix, ok := strings.CutSuffix(path.Clean(entry), wanted); ok && (prefix == "" || strings.HasSuffix(prefix, "/")) {
			found = append(found, strings.TrimSuffix(prefix, "/"))
		}
	}
	switch {
	case strings.HasSuffix(shown, ".zip"):
		info, err := f.Stat()
		if err != nil {
			return "", err
		}
		z, err := zip.NewReader(f, info.Size())
		if err != nil {
			return "", err
		}
		for _, e := range z.File {
			see(e.Name)
		}
	case strings.HasSuffix(shown, ".tar.gz"), strings.HasSuffix(shown, ".tgz"):
		z, err := gzip.NewReader(f)
		if err != nil {
			return "", err
		}
		for t := tar.NewReader(z); ; {
			h, err := t.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return "", err
			}
			see(h.Name)
		}
	default:
		return "", errors.New("its name has none of the endings .tar.gz, .tgz and .zip")
	}
	if len(found) != 1 {
		return "", fmt.Errorf("it has %d files %s, want one", len(found), wanted)
	}
	return found[0], nil
}
