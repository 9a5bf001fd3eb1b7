package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// A dirHub is a directory with an OCI layout for each repository
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md). Files are
// written atomically and synced.
type dirHub struct {
	dir  string
	base string // URL

	mu sync.Mutex // for all index.json
}

func (h *dirHub) url(name, _ string) string { return h.base + "/" + name }

func (h *dirHub) open(context.Context, []string, bool) (session, error) { return h, nil }

func (h *dirHub) layout(repo string) layout.Path {
	return layout.Path(filepath.Join(h.dir, filepath.FromSlash(repo)))
}

func (h *dirHub) blob(repo string, d digest.Digest) string {
	return h.layout(repo).Blob(d)
}

// find returns the manifest of ref and checks its digest; nil if there is none.
func (h *dirHub) find(repo, ref string) (*layout.Entry, error) {
	index, err := h.layout(repo).Index()
	if err != nil {
		return nil, err
	}
	for _, e := range index.Manifests {
		if e.Tag == ref || string(e.Digest) == ref {
			_, err := digest.Parse(string(e.Digest))
			return &e, err
		}
	}
	if !strings.HasPrefix(ref, "sha256:") {
		return nil, nil
	}
	return &layout.Entry{Digest: digest.Digest(ref)}, nil
}

func (h *dirHub) head(ctx context.Context, repo, ref string) (digest.Digest, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	e, err := h.find(repo, ref)
	if err != nil || e == nil {
		return "", err
	}
	if strings.HasPrefix(ref, "sha256:") {
		if there, err := h.hasBlob(ctx, repo, e.Digest); err != nil || !there {
			return "", err
		}
	}
	return e.Digest, nil
}

func (h *dirHub) manifest(ctx context.Context, repo, ref string) ([]byte, types.MediaType, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	e, err := h.find(repo, ref)
	if err != nil || e == nil {
		return nil, "", err
	}
	raw, err := fileio.ReadLimited(h.blob(repo, e.Digest), maxManifestSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if got := digest.FromBytes(raw); err == nil && got != e.Digest {
		err = fmt.Errorf("sha256 of %q: got %s, want %s", h.blob(repo, e.Digest), got, e.Digest)
	}
	return raw, e.MediaType, err
}

func (h *dirHub) hasBlob(ctx context.Context, repo string, d digest.Digest) (bool, error) {
	_, err := os.Stat(h.blob(repo, d))
	if errors.Is(err, fs.ErrNotExist) {
		return false, ctx.Err()
	}
	return err == nil, err
}

func (h *dirHub) openBlob(_ context.Context, repo string, d digest.Digest) (io.ReadCloser, error) {
	f, err := fileio.OpenRegular(h.blob(repo, d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %q: %w", h.blob(repo, d), errAbsent)
	}
	return f, err
}

// pushBlob links to the file of another repository, or writes the blob.
func (h *dirHub) pushBlob(ctx context.Context, p blobPush) error {
	name := h.blob(p.name, p.blob.digest)
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() && info.Size() == p.blob.size {
		return ctx.Err()
	}
	if err := h.layout(p.name).Make(); err != nil {
		return err
	}
	if p.from != "" {
		if err := os.Link(h.blob(p.from, p.blob.digest), name); err == nil {
			return fileio.SyncDir(filepath.Dir(name))
		}
	}
	r, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	return writeBlob(ctx, name, &body{ReadCloser: r, sent: p.sent})
}

// writeBlob writes a file atomically.
func writeBlob(ctx context.Context, name string, r io.Reader) error {
	err := fileio.Replace(name, fileio.Options{Mode: 0o644, Sync: true}, func(f *os.File) error {
		_, err := io.CopyBuffer(struct{ io.Writer }{f}, fileio.Reader(ctx, r), make([]byte, 64<<10))
		return err
	})
	if err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	return fileio.SyncDir(filepath.Dir(name))
}

// putManifest writes the manifest as a blob, and its tag into index.json.
func (h *dirHub) putManifest(ctx context.Context, repo, ref string, n *node) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if err := h.layout(repo).Make(); err != nil {
		return false, err
	}
	name := h.blob(repo, n.digest)
	if raw, err := fileio.ReadLimited(name, maxManifestSize); err != nil || digest.FromBytes(raw) != n.digest {
		if err := fileio.WriteFile(name, n.raw, 0o644); err != nil {
			return false, err
		}
		if err := fileio.SyncDir(filepath.Dir(name)); err != nil {
			return false, err
		}
	}
	if strings.HasPrefix(ref, "sha256:") {
		return false, nil
	}
	return false, h.putTag(repo, ref, n)
}

func (h *dirHub) putTag(repo, tag string, n *node) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	dir := h.layout(repo)
	index, err := dir.Index()
	if err != nil {
		return err
	}
	index.Manifests = slices.DeleteFunc(index.Manifests, func(e layout.Entry) bool { return e.Tag == tag })
	index.Manifests = append(index.Manifests, layout.NewEntry(v1.Descriptor{
		MediaType: n.mediaType, Digest: layout.Hash(n.digest), Size: int64(len(n.raw)), Annotations: map[string]string{layout.RefName: tag},
	}))
	slices.SortStableFunc(index.Manifests, func(a, b layout.Entry) int { return strings.Compare(a.Tag, b.Tag) })
	if err := jsonfile.Write(filepath.Join(string(dir), layout.IndexFile), index); err != nil {
		return err
	}
	return fileio.SyncDir(string(dir))
}

// readAll hashes r, and returns its digest and size.
func readAll(ctx context.Context, r io.Reader) (digest.Digest, int64, error) {
	return digest.FromReader(struct{ io.Reader }{fileio.Reader(ctx, r)})
}
