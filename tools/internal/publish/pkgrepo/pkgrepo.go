// Package pkgrepo publishes a release's Linux packages to repositories in a bucket, for apt,
// dnf and apk.
//
// A channel is what a user subscribes to, such as stable: apt calls it a suite. Its index is
// one object, the pointer, which names everything else by digest. So a reader sees the state
// before a run or the state after it, whenever the run or the reader stops. Packages are
// created in the upload phase and never replaced. The files of an index are created just
// before the pointer moves; those of earlier indexes stay for readers that are still busy.
//
// An index has all versions that were published to its channel, and the packages of others.
// The rule of a channel, as of an alias, says which releases it takes. A channel that moves
// back to a release ([publish.Alias]) drops the higher versions of the release's packages. A
// yank removes the packages of its release from all channels.
package pkgrepo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/openpgp"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/bucket"
)

const (
	packageKind = "package"
	indexKind   = "package index"
	keyKind     = "public key"
	// defaultJobs is the number of packages that are read or compared at a time.
	defaultJobs = 8
	// maxIndex limits each file of an index, in bytes.
	maxIndex = 256 << 20
)

// Config describes a repository.
type Config struct {
	bucket.Config
	// Channels are what users subscribe to.
	Channels []publish.Alias
	// Key is the key that signs the indexes. It is not used if only Verify is called.
	Key openpgp.LoadArgs
	// Base is the URL at which users read the bucket's prefix; empty for the bucket's own URL.
	Base string
	// Component is apt's, and Origin, Label and Description describe the repository to its
	// users. Origin and Label default to the product.
	Component, Origin, Label, Description string
}

// A format is the format of a repository.
type format interface {
	// kind is the kind of its packages in release.json.
	kind() string
	// read reads the metadata of a package. It need not read the whole file.
	read(r io.Reader, f release.File) (*entry, error)
	// targets returns where a channel has a package, and how its index lists it. All are the
	// packages of the release.
	targets(channel string, e *entry, all []*entry) ([]target, error)
	// parse reads the index of a pointer, and checks its signature.
	parse(ctx context.Context, pointer string, data []byte, r *reading) (*index, error)
	// write returns what an index consists of.
	write(x *index, k *openpgp.Key) (*written, error)
	// compare compares two versions.
	compare(a, b string) int
}

// An entry is a package in an index.
type entry struct {
	// list is the part of the index that it is in: COMPONENT/binary-ARCHITECTURE for apt.
	list                string
	name, version, arch string
	// digest identifies the package's file: its sha256.
	digest string
	// parts are how the files of the index list it.
	parts []string
	file  release.File // of the release; empty if it is another's
}

func (e *entry) same(o *entry) bool {
	return e.list == o.list && e.name == o.name && e.version == o.version && e.arch == o.arch
}

// A target is a package in a channel.
type target struct {
	channel publish.Alias
	pointer string // path of the index
	path    string // of the package's file
	entry   *entry
	goes    bool // it leaves the index
}

// An index is the content of an index.
type index struct {
	pointer string
	time    time.Time
	signer  string // fingerprint of its key; empty for a new index
	stale   string // why the index is written again without other entries; empty for no reason
	entries []*entry
	version string // of the pointer, for its guard
}

// A reading reads the other files of an index, by their paths below the prefix.
type reading struct {
	file func(ctx context.Context, path string) ([]byte, error)
	ring openpgp.Keyring
	// now is the time at which a key has to be valid; zero for any.
	now time.Time
}

// written is what an index consists of: content that is created first, then the pointer.
type written struct {
	files   map[string][]byte
	pointer []byte
}

// repository is the destination.
type repository struct {
	*bucket.Place
	format
	config Config
	tree   *release.Tree // nil if there is only something to verify
	key    *openpgp.Key  // nil without a tree
	now    time.Time
}

// open returns the destination for a format. A key that cannot sign is an error, unless there
// is only something to verify.
func open(ctx context.Context, c Config, tree *release.Tree, f func(c *Config) format) (*repository, error) {
	p, err := bucket.Open(ctx, c.Config, tree)
	if err != nil {
		return nil, err
	}
	if c.Jobs <= 0 {
		c.Jobs = defaultJobs
	}
	r := &repository{Place: p, tree: tree, config: c, now: cmp.Or(c.Key.Now, time.Now())}
	if tree != nil {
		r.config.Origin = cmp.Or(c.Origin, tree.Lock.Product)
		r.config.Component = cmp.Or(c.Component, "main")
		r.config.Label = cmp.Or(c.Label, r.config.Origin)
		c.Key.Now = r.now
		if r.key, err = openpgp.Load(c.Key); err != nil {
			return nil, err
		}
	}
	if c.Base == "" {
		_, _, r.config.Base = p.Object("")
	}
	r.config.Base = strings.TrimSuffix(r.config.Base, "/")
	r.format = f(&r.config)
	return r, nil
}

// packages returns the packages of the format in the release, or in the one that is yanked,
// sorted by path.
func (r *repository) packages(ctx context.Context) ([]*entry, error) {
	if r.config.Yank != nil {
		yanked := *r
		yanked.tree, yanked.config.Yank = r.config.Yank.Tree, nil
		all, err := yanked.packages(ctx)
		return slices.DeleteFunc(all, func(e *entry) bool { return !r.config.Yank.Own(r.tree, e.file.Digest) }), err
	}
	if r.tree == nil {
		return nil, errors.New("publishing packages: no release")
	}
	doc, err := r.tree.Document(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // releases without the document had no packages
	} else if err != nil {
		return nil, err
	}
	var files []release.File
	for _, a := range doc.Artifacts {
		if f, ok := r.tree.Find(a.Path); ok && a.Kind == r.kind() {
			files = append(files, f)
		}
	}
	all := make([]*entry, len(files))
	err = parallel.DoAll(ctx, len(files), r.config.Jobs, func(ctx context.Context, i int) (err error) {
		all[i], err = r.readPackage(ctx, files[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	seen := map[string]string{}
	for _, e := range all {
		id := strings.Join([]string{e.name, e.version, e.arch}, " ")
		if other, ok := seen[id]; ok {
			return nil, fmt.Errorf("packages %q and %q: both are %s", other, e.file.Path, id)
		}
		seen[id] = e.file.Path
	}
	return all, nil
}

// readPackage reads a package's metadata and checks the whole file.
func (r *repository) readPackage(ctx context.Context, f release.File) (*entry, error) {
	file, err := r.tree.Open(ctx, f.Path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	e, err := r.read(file, f)
	if _, again := io.Copy(io.Discard, file); again != nil {
		err = again // the file is another than the release's: nothing in it counts
	}
	if err != nil {
		return nil, fmt.Errorf("reading package %q: %w", f.Path, err)
	}
	e.file = f
	e.digest = cmp.Or(e.digest, string(f.Digest))
	return e, nil
}

// targets returns the targets of all packages, sorted by pointer.
func (r *repository) all(ctx context.Context) ([]target, error) {
	packages, err := r.packages(ctx)
	if err != nil {
		return nil, err
	}
	var all []target
	for _, e := range packages {
		for _, channel := range r.config.Channels {
			some, err := r.targets(channel.Name, e, packages)
			if err != nil {
				return nil, fmt.Errorf("package %q: %w", e.file.Path, err)
			}
			for _, t := range some {
				t.channel, t.goes = channel, r.config.Yank != nil
				all = append(all, t)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b target) int { return strings.Compare(a.pointer, b.pointer) })
	return all, nil
}

// read returns the index of a pointer, and the error if nothing can be added to it.
func (r *repository) load(ctx context.Context, pointer string, how *reading) (x *index, err error) {
	key, _, _ := r.Object(pointer)
	data, version, err := r.Read(ctx, key, maxIndex)
	if err != nil {
		return nil, err
	}
	return r.parsed(ctx, pointer, data, version, how)
}

func (r *repository) parsed(ctx context.Context, pointer string, data []byte, version string, how *reading) (*index, error) {
	if len(data) == 0 {
		return &index{pointer: pointer, version: version}, nil
	}
	var failed error
	own := *how
	own.file = func(ctx context.Context, path string) ([]byte, error) {
		data, err := how.file(ctx, path)
		var broken *indexError
		if err != nil && !errors.As(err, &broken) {
			failed = err
		}
		return data, err
	}
	x, err := r.parse(ctx, pointer, data, &own)
	switch {
	case failed != nil: // it says nothing about the index
		return nil, failed
	case err != nil:
		return nil, &indexError{err}
	}
	if r.key != nil && x.signer != r.key.Fingerprint() {
		x.stale = "an index signed by " + x.signer
	}
	x.pointer, x.version = pointer, version
	return x, nil
}

// An indexError means that an index is not one that this package can add to.
type indexError struct{ error }

func (e *indexError) Unwrap() error { return e.error }

// reading returns what reads an index for a change. Its key may have expired since.
func (r *repository) reading() *reading {
	how := &reading{file: r.file}
	if r.key != nil {
		how.ring = r.key.Ring
	}
	return how
}

// file reads a file of an index.
func (r *repository) file(ctx context.Context, path string) ([]byte, error) {
	key, name, _ := r.Object(path)
	data, version, err := r.Read(ctx, key, maxIndex)
	if err == nil && version == "" {
		err = &indexError{fmt.Errorf("its file %q is missing", name)}
	}
	return data, err
}
