package reproduce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/check/compare"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/web/download"
)

const (
	manifestFile = "manifest.yaml"
	// maxDocument is the largest SHA256SUMS, manifest or lock, in bytes.
	maxDocument = 64 << 20
)

// Published is a published release, which is built again.
type Published struct {
	// Where is the path or URL that it was opened by, without secrets.
	Where string
	// Files are the files in its SHA256SUMS, and that file.
	Files []release.File
	// Lock is parsed. SHA256SUMS has verified it and the manifest.
	Lock      *lock.Lock
	manifest  []byte
	lock      []byte
	directory string   // of a release on this machine; or
	base      *url.URL // the URL of one elsewhere, with a slash at its end
}

// OpenPublished opens a release by its directory, by its SHA256SUMS (beside manifest.yaml and
// lock.json), or by the http, https or file URL of either.
func OpenPublished(ctx context.Context, where string) (*Published, error) {
	p, err := locate(where)
	if err != nil {
		return nil, err
	}
	sums, err := p.document(ctx, release.Checksums)
	if err != nil {
		return nil, hint.With(err, "pass a release's directory, its %s, or the URL of either", release.Checksums)
	}
	if p.Files, err = release.ParseChecksums(sums); err != nil {
		return nil, fmt.Errorf("reading %s of %q: %w", release.Checksums, p.Where, err)
	}
	p.Files = append(p.Files, release.File{Path: release.Checksums, Digest: digest.FromBytes(sums), Size: int64(len(sums))})
	slices.SortFunc(p.Files, func(a, b release.File) int { return strings.Compare(a.Path, b.Path) })
	if p.manifest, err = p.checked(ctx, manifestFile); err != nil {
		return nil, err
	}
	if p.lock, err = p.checked(ctx, release.LockFile); err != nil {
		return nil, err
	}
	if _, err := manifest.Parse(p.Where+"/"+manifestFile, p.manifest); err != nil {
		return nil, err
	}
	p.Lock, err = lock.Parse(p.Where+"/"+release.LockFile, p.lock)
	return p, err
}

// locate finds out whether where is a directory, a file or a URL.
func locate(where string) (*Published, error) {
	if u, err := url.Parse(where); err == nil && (u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "file") {
		base := *u
		base.RawQuery, base.Fragment, base.RawFragment = "", "", ""
		base.Path = strings.TrimSuffix(base.Path, "/"+release.Checksums)
		base.RawPath = ""
		base.Path = strings.TrimSuffix(base.Path, "/") + "/"
		shown := base
		shown.User = nil
		if u.Scheme == "file" {
			if u.Host != "" && u.Host != "localhost" {
				return nil, fmt.Errorf("opening release %q: want a file URL on this machine", shown.String())
			}
			return &Published{Where: shown.String(), directory: filepath.FromSlash(base.Path)}, nil
		}
		return &Published{Where: shown.String(), base: &base}, nil
	}
	info, err := os.Stat(where)
	switch {
	case err != nil:
		return nil, fmt.Errorf("opening release: %w", err)
	case info.IsDir():
		return &Published{Where: where, directory: where}, nil
	case filepath.Base(where) != release.Checksums:
		return nil, fmt.Errorf("opening release %q: got a file, want a directory or a %s", where, release.Checksums)
	}
	return &Published{Where: where, directory: filepath.Dir(where)}, nil
}

// Open opens a file of the release, without checking its content. If the release is on this
// machine, the error for a missing file wraps fs.ErrNotExist.
func (p *Published) Open(ctx context.Context, name string, limit int64) (io.ReadCloser, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("path %q is not below the release", name)
	}
	if p.directory != "" {
		return release.Dir(p.directory).Open(ctx, name)
	}
	u := *p.base
	u.Path = path.Join(u.Path, name)
	return download.Get(ctx, download.Args{URL: u.String(), MaxSize: limit})
}

func (p *Published) document(ctx context.Context, name string) ([]byte, error) {
	r, err := p.Open(ctx, name, maxDocument)
	if err != nil {
		return nil, fmt.Errorf("opening %s of %q: %w", name, p.Where, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err == nil && len(data) > maxDocument {
		err = fmt.Errorf("size: got more than %d bytes", maxDocument)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s of %q: %w", name, p.Where, err)
	}
	return data, nil
}

// checked reads a document and compares it with SHA256SUMS.
func (p *Published) checked(ctx context.Context, name string) ([]byte, error) {
	want, ok := p.find(name)
	if !ok {
		return nil, fmt.Errorf("%s of %q lists no %s", release.Checksums, p.Where, name)
	}
	data, err := p.document(ctx, name)
	if err == nil && digest.FromBytes(data) != want {
		err = fmt.Errorf("sha256 of %s of %q: got %s, want %s of %s", name, p.Where, digest.FromBytes(data), want, release.Checksums)
	}
	return data, err
}

func (p *Published) find(name string) (digest.Digest, bool) {
	i := slices.IndexFunc(p.Files, func(f release.File) bool { return f.Path == name })
	if i < 0 {
		return "", false
	}
	return p.Files[i].Digest, true
}

// Install writes the published manifest and lock as a line of a workspace.
func (p *Published) Install(workspace, line string) error {
	dir := filepath.Join(workspace, "manifests", line)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	build := filepath.Join(dir, "BUILD.bazel")
	var err error
	if _, statErr := os.Stat(build); errors.Is(statErr, fs.ErrNotExist) {
		err = os.WriteFile(build, []byte("exports_files(\n    glob([\"*\"]),\n    visibility = [\"//visibility:public\"],\n)\n"), 0o644)
	}
	return errors.Join(err, os.WriteFile(filepath.Join(dir, manifestFile), p.manifest, 0o644),
		os.WriteFile(filepath.Join(dir, release.LockFile), p.lock, 0o644))
}

// Check compares the files of a release on this machine with SHA256SUMS. The error joins
// one for each that differs. A missing file is not an error.
func (p *Published) Check(ctx context.Context) error {
	if p.directory == "" {
		return nil
	}
	errs := parallel.Do(len(p.Files), runtime.GOMAXPROCS(0), func(i int) error {
		f := p.Files[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		got, _, err := digest.FromFile(filepath.Join(p.directory, filepath.FromSlash(f.Path)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err == nil && got != f.Digest:
			return p.altered(f.Path, got, f.Digest)
		}
		return err
	})
	return errors.Join(errs...)
}

var errAltered = errors.New("the published file was changed")

func (p *Published) altered(name string, got, want digest.Digest) error {
	return fmt.Errorf("sha256 of %q of %q: got %s, want %s of %s: %w", name, p.Where, got, want, release.Checksums, errAltered)
}

// Compare compares the published release with a build. It reads published files that
// differ into a directory below temp, to explain the difference; the notes name those that
// it could not read. A published file that does not match the published SHA256SUMS is an
// error.
func (p *Published) Compare(ctx context.Context, built, temp string) (*compare.Report, []string, error) {
	report, err := compare.Digests(ctx, p.Files, release.Dir(built))
	if err != nil {
		return nil, nil, err
	}
	olds, news := filepath.Join(temp, "published"), filepath.Join(temp, "rebuilt")
	defer os.RemoveAll(olds)
	defer os.RemoveAll(news)
	var notes []string
	for i := range report.Files {
		f := &report.Files[i]
		if f.State != lockdiff.Changed {
			continue
		}
		if err := p.fetch(ctx, f, filepath.Join(olds, filepath.FromSlash(f.Path))); err != nil {
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			if errors.Is(err, errAltered) {
				return nil, nil, err
			}
			notes = append(notes, fmt.Sprintf("%s is compared by its digest alone: %v", f.Path, err))
			continue
		}
		if err := linkInto(filepath.Join(built, filepath.FromSlash(f.Path)), filepath.Join(news, filepath.FromSlash(f.Path))); err != nil {
			return nil, nil, err
		}
	}
	if _, err := os.Stat(olds); err != nil {
		return report, notes, nil
	}
	deep, err := compare.Trees(ctx, release.Dir(olds), release.Dir(news))
	if err != nil {
		return nil, nil, err
	}
	for i := range report.Files {
		for _, d := range deep.Files {
			if d.Path == report.Files[i].Path && d.State == lockdiff.Changed {
				report.Files[i] = d
			}
		}
	}
	return report, notes, nil
}

// fetch fetches a published file and compares it with SHA256SUMS.
func (p *Published) fetch(ctx context.Context, f *compare.FileResult, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	r, err := p.Open(ctx, f.Path, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	got, size, err := digest.FromReader(io.TeeReader(r, out))
	if err = errors.Join(err, out.Close()); err == nil && got != f.Old.Digest {
		err = p.altered(f.Path, got, f.Old.Digest)
	}
	if err != nil {
		return errors.Join(err, os.Remove(to))
	}
	f.Old.Size = size
	return nil
}

func linkInto(from, to string) error {
	from, err := filepath.Abs(from)
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.Symlink(from, to))
}
