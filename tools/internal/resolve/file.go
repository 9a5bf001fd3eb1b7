package resolve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// filesAtOnce is the number of files that are fetched at a time.
const filesAtOnce = 4

// Files pins files from the web by their content.
type Files struct {
	Store *store.Store
	// Kept says which files are pinned again although their URL has not changed. A digest in
	// the manifest still has to match.
	Kept *Kept
	// Get returns the whole content of a URL. The stream ends with an error if it is cut off.
	Get func(ctx context.Context, url string) (io.ReadCloser, error)
}

// Resolve pins every file of m, for each of its platforms, and fetches them into the store.
// A file that is locked with the same URL and is in the store is not requested again. The
// dependencies are those of the new lock: proxyOverride needs the commit of "proxy". The
// error joins one for each file that cannot be pinned.
func (r *Files) Resolve(ctx context.Context, m *manifest.Manifest, deps []lock.Dependency) ([]lock.File, error) {
	wanted := wantedFiles(m)
	proxy, err := proxyFiles(m, deps)
	if err != nil {
		return nil, err
	}
	wanted = append(wanted, proxy...)
	slices.SortFunc(wanted, func(a, b wantedFile) int {
		return slices.Compare([]string{a.Name, a.Platform}, []string{b.Name, b.Platform})
	})
	var pinned []lock.File
	errs := parallel.Do(len(wanted), filesAtOnce, func(i int) error { return r.pin(ctx, &wanted[i]) })
	for i, w := range wanted {
		pinned = append(pinned, w.File)
		errs[i] = w.in(errs[i])
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return pinned, nil
}

// wantedFile is a file to pin. Its Digest is the one in the manifest, or empty.
type wantedFile struct{ lock.File }

// in adds to err which file it is about.
func (w *wantedFile) in(err error) error {
	switch {
	case err == nil:
		return nil
	case w.Platform != "":
		return fmt.Errorf("file %q for %s: %w", w.Name, w.Platform, err)
	}
	return fmt.Errorf("file %q: %w", w.Name, err)
}

// wantedFiles returns the files of the manifest's key files.
func wantedFiles(m *manifest.Manifest) []wantedFile {
	var all []wantedFile
	add := func(name, platform, url, sha256 string) {
		f := lock.File{Name: name, Platform: platform, URL: url, Why: "url in manifest"}
		if sha256 != "" {
			f.Digest = digest.Digest("sha256:" + sha256)
		}
		all = append(all, wantedFile{f})
	}
	for _, f := range m.Files {
		if f.URL != "" {
			add(f.Name, "", f.URL, f.SHA256)
		}
		for _, platform := range slices.Sorted(maps.Keys(f.URLs)) {
			add(f.Name, platform, f.URLs[platform], f.SHA256s[platform])
		}
	}
	return all
}

// proxyFiles returns the files of proxyOverride: the proxy's binary for each architecture,
// with the names that Istio gives to its builds. For amd64 the name has no suffix
// (https://github.com/istio/istio/blob/master/bin/init.sh).
func proxyFiles(m *manifest.Manifest, deps []lock.Dependency) ([]wantedFile, error) {
	if m.ProxyOverride == "" {
		return nil, nil
	}
	commit, err := proxyCommit(deps)
	if err != nil {
		return nil, fmt.Errorf("proxyOverride: %w", err)
	}
	var all []wantedFile
	for _, architecture := range m.Architectures {
		suffix := ""
		switch architecture {
		case "linux/amd64":
		case "linux/arm64":
			suffix = "-arm64"
		default:
			err := fmt.Errorf("proxyOverride: got architecture %q, want linux/amd64 or linux/arm64", architecture)
			return nil, hint.With(err, "there is no proxy for it: remove the architecture or proxyOverride from the manifest")
		}
		all = append(all, wantedFile{lock.File{
			Name:     manifest.ProxyFile,
			Platform: strings.ReplaceAll(architecture, "/", "-"),
			URL:      strings.TrimRight(m.ProxyOverride, "/") + "/envoy-alpha-" + commit + suffix + ".tar.gz",
			Why:      "proxyOverride in manifest, proxy@" + commit[:12],
		}})
	}
	return all, nil
}

// proxyCommit returns the commit that the dependency "proxy" is pinned to.
func proxyCommit(deps []lock.Dependency) (string, error) {
	const advice = "the proxy's binary is named by the commit of its source: add a dependency such as proxy: {git: URL, auto: deps}"
	i := slices.IndexFunc(deps, func(d lock.Dependency) bool { return d.Name == "proxy" })
	if i < 0 {
		return "", hint.With(errors.New(`no dependency "proxy"`), advice)
	}
	switch d := deps[i]; {
	case d.Git != nil && lock.IsCommit(d.Git.Commit):
		return d.Git.Commit, nil
	case d.Local != nil && d.Local.Dirty:
		return "", hint.With(fmt.Errorf(`dependency "proxy": directory %q differs from its commit`, d.Local.Path), "commit the changes")
	case d.Local != nil && lock.IsCommit(d.Local.Commit):
		return d.Local.Commit, nil
	}
	return "", hint.With(errors.New(`dependency "proxy" has no commit`), advice)
}

// pin sets w's digest and size, and fetches it into the store.
func (r *Files) pin(ctx context.Context, w *wantedFile) error {
	get := func(ctx context.Context) (io.ReadCloser, error) { return r.Get(ctx, w.URL) }
	want, from, advice := w.Digest, "in manifest", "correct sha256 only if you know which file is right"
	if old := r.previous(w); want == "" && old != nil && !r.Kept.update(w.Name) {
		want, from, advice = old.Digest, "in lock.json", "the file changed after it was pinned: if that is right, pin it again with --update "+w.Name
	}
	if want == "" {
		content, err := get(ctx)
		if err != nil {
			return err
		}
		w.Digest, w.Size, err = r.Store.PutBlob(content)
		return errors.Join(err, content.Close())
	}
	err := r.Store.Bring(ctx, want, store.FetchFunc(get))
	if wrong := (*store.MismatchError)(nil); errors.As(err, &wrong) {
		err := fmt.Errorf("digest of %q: got %s, want %s as %s", w.URL, wrong.Got, wrong.Want, from)
		return hint.With(err, "%s", advice)
	}
	if err != nil {
		return err
	}
	info, err := os.Stat(r.Store.BlobPath(want))
	if err != nil {
		return err
	}
	w.Digest, w.Size = want, info.Size()
	return nil
}

// previous returns the file with the same URL in the old lock.
func (r *Files) previous(w *wantedFile) *lock.File {
	if r.Kept.Lock == nil {
		return nil
	}
	for i, f := range r.Kept.Lock.Files {
		if f.Name == w.Name && f.Platform == w.Platform && f.URL == w.URL {
			return &r.Kept.Lock.Files[i]
		}
	}
	return nil
}
