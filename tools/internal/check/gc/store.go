package gc

import (
	"context"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/source/needs"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

// lookAtStore decides about a store. Package store describes its layout.
func lookAtStore(ctx context.Context, a *Args, l *looker) error {
	s, err := store.Open(a.Store)
	if err != nil {
		return err
	}
	set := needs.Collect(needs.Args{Store: s, Lines: a.Keep.Lines, Tools: a.Keep.Modules})
	wanted := map[string]bool{}
	for _, n := range set.Needs {
		wanted[n.Path] = true
	}
	for _, sdk := range a.Keep.SDKs {
		for _, archive := range sdk.Archives {
			wanted[relative(s, s.BlobPath(archive.SHA256))] = true
		}
	}
	l.hold = s.Hold
	for _, e := range l.list(".") {
		switch name := e.Name(); name {
		case "content_addressable":
			err = l.walk(ctx, name, l.blob(wanted))
		case "goproxy":
			err = l.walk(ctx, name, l.module(wanted))
		case "oci":
			err = l.images(ctx, s, set, wanted)
		case "root":
			err = l.walk(ctx, name, l.storedRoot(a))
		case trash:
		default:
			err = l.walk(ctx, name, func(e entry) { l.stays(e, "is not of the store") })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func relative(s *store.Store, file string) string {
	return strings.TrimPrefix(strings.TrimPrefix(file, s.Dir()), string(os.PathSeparator))
}

// unfinished reports whether a file is a temporary file of a writer of the store.
func unfinished(name string) bool { return temporary.MatchString(path.Base(name)) }

// temporary matches the names that package store and package fileio give to temporary files.
var temporary = regexp.MustCompile(`^\.(.+\.)?tmp-[0-9]+$`)

// blob decides about a file of Bazel's repository cache. A file that Bazel, or another
// project's rule, fetched by URL has a second file there, id-…; no lock says who needs it.
func (l *looker) blob(wanted map[string]bool) func(entry) {
	return func(e entry) {
		switch {
		case wanted[e.path]:
			l.stays(e, needed)
		case unfinished(e.path):
			l.goes(e, stale)
		case path.Base(e.path) != "file" || strings.Count(e.path, "/") != 3 || !strings.HasPrefix(e.path, "content_addressable/sha256/"):
			l.stays(e, "is Bazel's own")
		case l.hasID(path.Dir(e.path)):
			l.stays(e, "Bazel fetched it for itself, or for other rules")
		default:
			l.goes(e, unneeded)
		}
	}
}

func (l *looker) hasID(dir string) bool {
	names, err := fs.ReadDir(l.root.FS(), dir)
	if err != nil {
		return true
	}
	for _, n := range names {
		if strings.HasPrefix(n.Name(), "id-") {
			return true
		}
	}
	return false
}

// module decides about a file of the module proxy. If any file of a version is needed, its
// .info and .mod stay too: they are small, and resolve reads them.
func (l *looker) module(wanted map[string]bool) func(entry) {
	return func(e entry) {
		version, ext := strings.TrimSuffix(e.path, path.Ext(e.path)), path.Ext(e.path)
		switch {
		case wanted[e.path], ext != ".zip" && !unfinished(e.path) && (wanted[version+".mod"] || wanted[version+".zip"]):
			l.stays(e, needed)
		case unfinished(e.path):
			l.goes(e, stale)
		case path.Base(path.Dir(e.path)) != "@v" || ext != ".info" && ext != ".mod" && ext != ".zip":
			l.stays(e, "is not of the store")
		default:
			l.goes(e, unneeded)
		}
	}
}

// images decides about the layout of base images. If it is not known which blobs a kept
// lock needs, all stay.
func (l *looker) images(ctx context.Context, s *store.Store, set *needs.Set, wanted map[string]bool) error {
	for _, err := range set.ImageErrs {
		l.note("oci: all base images stay: which blobs are needed is not known: %v", err)
	}
	gone := map[digest.Digest]bool{}
	err := l.walk(ctx, "oci", func(e entry) {
		switch {
		case wanted[e.path]:
			l.stays(e, needed)
		case unfinished(e.path):
			l.goes(e, stale)
		case path.Dir(e.path) != "oci/blobs/sha256":
			l.stays(e, "is the layout's own")
		case len(set.ImageErrs) > 0:
			l.stays(e, "may be needed by a base image of a kept lock")
		default:
			gone[blobDigest(e.path)] = true
			l.goes(e, unneeded)
		}
	})
	l.before = func(*os.Root) error {
		for i := range l.entries { // sum keeps what is younger than MinAge
			if e := &l.entries[i]; !e.goes {
				delete(gone, blobDigest(e.path))
			}
		}
		if len(gone) == 0 {
			return nil
		}
		return layout.Path(s.OCIDir()).Drop(gone)
	}
	return err
}

func blobDigest(name string) digest.Digest { return digest.Digest("sha256:" + path.Base(name)) }
