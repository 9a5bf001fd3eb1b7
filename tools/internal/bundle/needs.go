package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/baseimage"
	"github.com/jasonwzm/release-builder/tools/internal/cli"
	"github.com/jasonwzm/release-builder/tools/internal/digest"
	"github.com/jasonwzm/release-builder/tools/internal/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/lock"
	"github.com/jasonwzm/release-builder/tools/internal/store"
)

// LockedLine is a line with its lock.
type LockedLine struct {
	Name   string
	Lock   *lock.Lock
	Digest digest.Digest // of the lock's file
}

// needs collects what builds read, by path. What the store lacks, or what two locks
// say differently, goes to errs.
type needs struct {
	store *store.Store
	found map[string]*source
	errs  []error
}

// source is an entry and where its bytes are: in a file, in data, or in root.
type source struct {
	Entry
	file string
	data []byte
	// want is the digest that the store's name, or a lock, says; it may be empty.
	want digest.Digest
	// root is the tar of a root, and sumFile the source that is to have its digest.
	root    *rootTar
	sumFile *source
}

// ErrMissing is what an error of Pack wraps if the store lacks an entry.
var ErrMissing = errors.New("is not in the store")

const missingHint = "pack where there is a network, or run tools/bazel run //tools/resolve there: the store then has all that the lock needs"

// collect finds everything that builds of the lines read, on the given platforms.
func collect(s *store.Store, lines []LockedLine, tools []lock.GoModule, platforms []string) *needs {
	n := &needs{store: s, found: map[string]*source{}}
	for _, l := range lines {
		n.toolchain(l, platforms)
		for i := range l.Lock.Dependencies {
			n.dependency(l.Name, &l.Lock.Dependencies[i])
		}
		for i := range l.Lock.Files {
			f := &l.Lock.Files[i]
			n.blob(f.Digest, Use{l.Name, KindFile, f.Title()})
		}
	}
	for _, m := range tools {
		n.module(m, Use{"", KindTools, m.Path})
	}
	n.images(lines)
	return n
}

// sorted returns all that was found, or what is wrong with it.
func (n *needs) sorted() ([]*source, error) {
	if err := errors.Join(n.errs...); err != nil {
		return nil, cli.WithHint(err, missingHint)
	}
	list := slices.SortedFunc(maps.Values(n.found), func(a, b *source) int { return strings.Compare(a.Path, b.Path) })
	for _, src := range list {
		slices.SortFunc(src.For, func(a, b Use) int {
			return cmp.Or(strings.Compare(a.Line, b.Line), strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Name, b.Name))
		})
		src.For = slices.Compact(src.For)
	}
	return list, nil
}

// add notes that use needs src, whose file the store has to have.
func (n *needs) add(src source, use Use) {
	if rel, err := filepath.Rel(n.store.Dir(), src.file); src.data == nil {
		if err != nil {
			n.errs = append(n.errs, err)
			return
		}
		src.Path = filepath.ToSlash(rel)
	}
	if have := n.found[src.Path]; have != nil {
		if have.want != src.want || have.Sum != src.Sum {
			n.errs = append(n.errs, fmt.Errorf("%q: %s wants %s, %s wants %s", src.Path, have.For[0], have.pin(), use, src.pin()))
		}
		have.For = append(have.For, use)
		return
	}
	src.For = []Use{use}
	src.Size = int64(len(src.data))
	if src.data == nil {
		info, err := os.Stat(src.file)
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%q is no file", src.file)
		}
		if err != nil {
			what := src.Path
			if src.Module != "" {
				what = strings.TrimPrefix(path.Ext(src.Path), ".") + " of " + src.Module
			}
			n.errs = append(n.errs, fmt.Errorf("%s: %s, %s, %w %q", use, what, src.pin(), ErrMissing, n.store.Dir()))
			return
		}
		src.Size = info.Size()
	}
	n.found[src.Path] = &src
}

// pin is what pins the content of a source.
func (src *source) pin() string { return cmp.Or(string(src.want), src.Sum, "no digest") }

func (n *needs) blob(d digest.Digest, use Use) {
	n.add(source{file: n.store.BlobPath(d), want: d}, use)
}

func (n *needs) toolchain(l LockedLine, platforms []string) {
	sdk := l.Lock.Toolchain.Go
	for _, p := range platforms {
		use := Use{l.Name, KindToolchain, "go" + sdk.Version + " " + p}
		if archive, ok := sdk.Archives[p]; ok {
			n.blob(archive.SHA256, use)
		} else {
			n.errs = append(n.errs, fmt.Errorf("%s: the lock has none, but for %s", use, strings.Join(slices.Sorted(maps.Keys(sdk.Archives)), ", ")))
		}
	}
}

func (n *needs) dependency(line string, d *lock.Dependency) {
	use := Use{line, KindDependency, d.Name}
	if d.Module != nil {
		n.module(lock.GoModule{Path: d.Module.Path, Version: d.Module.Version, Sum: d.Digest}, use)
	} else {
		n.blob(digest.Digest(d.Digest), use)
	}
	for _, m := range d.GoModules {
		n.module(m, use)
	}
}

// module adds the files of a module that its sums name. What a proxy says of it
// besides, in its .info, nothing pins and no build reads.
func (n *needs) module(m lock.GoModule, use Use) {
	v := module.Version{Path: m.Path, Version: m.Version}
	for ext, sum := range map[string]string{".zip": m.Sum, ".mod": m.GoModSum} {
		if sum == "" {
			continue
		}
		file, err := n.store.ModuleFile(v, ext)
		if err != nil {
			n.errs = append(n.errs, fmt.Errorf("%s: %w", use, err))
			continue
		}
		n.add(source{file: file, Entry: Entry{Module: v.String(), Sum: sum}}, use)
	}
}

// images adds the blobs of all base images, and an index.json that names no others.
func (n *needs) images(lines []LockedLine) {
	roots := map[digest.Digest]store.OCIDescriptor{}
	var uses []Use
	for _, l := range lines {
		for i := range l.Lock.Images {
			img := &l.Lock.Images[i]
			use := Use{l.Name, KindImage, img.Name}
			root, blobs, err := baseimage.Contents(n.store, img)
			if err != nil {
				n.errs = append(n.errs, fmt.Errorf("line %s: %w", l.Name, err))
				continue
			}
			uses = append(uses, use)
			roots[root.Digest] = root
			for _, d := range blobs {
				n.add(source{file: n.store.OCIBlobPath(d), want: d}, use)
			}
		}
	}
	if len(uses) == 0 {
		return
	}
	index := map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
		"manifests": slices.SortedFunc(maps.Values(roots), func(a, b store.OCIDescriptor) int { return cmp.Compare(a.Digest, b.Digest) }),
	}
	for name, v := range map[string]any{"oci/index.json": index, "oci/oci-layout": map[string]string{"imageLayoutVersion": "1.0.0"}} {
		data, err := jsonfile.Marshal(v)
		if err != nil {
			n.errs = append(n.errs, err)
			continue
		}
		for _, use := range uses {
			n.add(source{Entry: Entry{Path: name}, data: data}, use)
		}
	}
}

// pins returns what the needs of a lock are, as path and pin, whether the store has
// them or not. Of a base image whose manifests the store lacks, less is known.
func pins(s *store.Store, old LockedLine, platforms []string) map[string]string {
	n := collect(s, []LockedLine{old}, nil, platforms)
	known := map[string]string{}
	for name, src := range n.found {
		if src.data == nil {
			known[name] = src.pin()
		}
	}
	return known
}
