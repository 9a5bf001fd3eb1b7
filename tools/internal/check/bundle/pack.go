package bundle

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/needs"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
	"github.com/jasonwzm/release-builder/tools/internal/source/workspacefile"
)

// Args says what Pack packs.
type Args struct {
	Out   string // the file to write
	Store *store.Store
	// Lines are packed together; at least one.
	Lines []needs.Line
	// Tools are the modules that the project's own tools are built from; see ToolModules.
	Tools []lock.GoModule
	// Archives are what WORKSPACE and MODULE.bazel pin.
	Archives []workspacefile.Archive
	// Platforms are those to build on, such as linux_amd64; at least one.
	Platforms []string
	// Root is the directory of the launcher's root; empty for none.
	Root string
	// SinceLock leaves out what this lock needs; may be nil.
	SinceLock *needs.Line
	// SinceBundle leaves out what this bundle has; may be nil.
	SinceBundle *Index
}

// Result describes a bundle that was packed.
type Result struct {
	Index *Index
	Size  int64 // of the file, in bytes
}

// Pack writes a bundle. It streams: memory use grows with the number of entries, not with
// their size. Each entry is compared with its digest or, for a module, its h1 sum. An
// error leaves no new file behind, and an existing file unchanged.
func Pack(ctx context.Context, a Args) (*Result, error) {
	sources, index, err := plan(a)
	if err == nil {
		err = checkModules(ctx, sources)
	}
	if err != nil {
		return nil, err
	}
	var size int64
	err = fileio.Replace(a.Out, fileio.Options{Mode: 0o644, Sync: true}, func(f *os.File) error {
		if err := index.hash(ctx, sources); err != nil {
			return err
		}
		if err := write(ctx, f, index, sources); err != nil {
			return err
		}
		size, err = f.Seek(0, io.SeekEnd)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("packing bundle %q: %w", a.Out, err)
	}
	return &Result{index, size}, fileio.SyncDir(filepath.Dir(a.Out))
}

// plan returns the bundle's entries and its index, in which digests may be missing.
func plan(a Args) ([]*source, *Index, error) {
	index := &Index{Schema: Schema, Digest: noDigest, Platforms: slices.Clone(a.Platforms)}
	slices.Sort(index.Platforms)
	index.Platforms = slices.Compact(index.Platforms)
	for _, l := range a.Lines {
		index.Lines = append(index.Lines, Line{l.Name, l.Lock.Version, l.Digest})
	}
	slices.SortFunc(index.Lines, func(x, y Line) int { return strings.Compare(x.Name, y.Name) })
	var known map[string]string
	switch {
	case a.SinceBundle != nil:
		index.Since = &Since{Bundle: a.SinceBundle.Digest}
		known = map[string]string{}
		for _, e := range a.SinceBundle.Entries {
			known[e.Path] = string(e.Digest)
			if e.Sum != "" {
				known[e.Path] = e.Sum
			}
		}
		if name := filepath.Base(a.Root); a.Root != "" && a.SinceBundle.Root == name {
			a.Root = ""
		}
	case a.SinceLock != nil:
		index.Since = &Since{Lock: a.SinceLock.Digest, Tools: sameToolchain(a.SinceLock, a.Lines)}
		known = pins(needs.Args{Store: a.Store, Lines: []needs.Line{*a.SinceLock}, Platforms: index.Platforms})
		if index.Since.Tools {
			a.Tools, a.Root = nil, ""
		}
	}
	sources, err := collect(needs.Args{Store: a.Store, Lines: a.Lines, Tools: a.Tools, Archives: a.Archives, Platforms: index.Platforms})
	if err != nil {
		return nil, nil, err
	}
	sources = slices.DeleteFunc(sources, func(src *source) bool { return src.data == nil && known[src.Path] == src.pin() })
	if a.Root != "" {
		if sources, err = addRoot(sources, a.Root); err != nil {
			return nil, nil, err
		}
		index.Root = filepath.Base(a.Root)
	}
	index.Entries = []Entry{} // not null in JSON, should there be none
	for _, src := range sources {
		index.Entries = append(index.Entries, src.Entry)
		index.Entries[len(index.Entries)-1].Digest = noDigest
	}
	return sources, index, nil
}

// sameToolchain reports whether the lines are built with the old lock's toolchain.
func sameToolchain(old *needs.Line, lines []needs.Line) bool {
	for _, l := range lines {
		t, o := l.Lock.Toolchain, old.Lock.Toolchain
		if t.Bazel != o.Bazel || t.Go.Version != o.Go.Version || t.RulesGo != o.RulesGo || t.Gazelle != o.Gazelle {
			return false
		}
	}
	return true
}

// addRoot adds the launcher's root, its digest for sha256sum, and the list of its packages.
func addRoot(sources []*source, dir string) ([]*source, error) {
	name, err := rootName(dir)
	if err != nil {
		return nil, err
	}
	list, err := os.ReadFile(filepath.Join(dir, PackagesName))
	if err != nil {
		return nil, hint.With(fmt.Errorf("reading root: %w", err), "delete %s, and tools/bazel installs it again", dir)
	}
	use := []needs.Use{{Kind: KindRoot, Name: name}}
	sum := &source{Entry: Entry{Path: "root/" + name + ".tar.sha256", For: use}, data: sumFile(noDigest, name)}
	for _, src := range []*source{
		{Entry: Entry{Path: "root/" + name + ".packages.json", Size: int64(len(list)), For: use}, data: list},
		{Entry: Entry{Path: "root/" + name + ".tar", For: use}, root: dir, sumFile: sum},
		sum,
	} {
		src.Size = max(src.Size, int64(len(src.data)))
		sources = append(sources, src)
	}
	return sources, nil
}

func sumFile(d digest.Digest, name string) []byte {
	return fmt.Appendf(nil, "%s  %s.tar\n", d.Hex(), name)
}

// hash sets the digests of the entries, and compares them with what pins them.
func (x *Index) hash(ctx context.Context, sources []*source) error {
	err := parallel.DoAll(ctx, len(sources), runtime.GOMAXPROCS(0), func(ctx context.Context, i int) error {
		src, h, size := sources[i], sha256.New(), counter(0)
		err := src.copyTo(ctx, io.MultiWriter(h, &size))
		got := digest.FromSum(h.Sum(nil))
		if err == nil && src.want != "" && got != src.want {
			err = hint.With(fmt.Errorf("sha256: got %s, want %s", got, src.want), "the file was changed after it was stored: delete it, and a build fetches it again")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", &x.Entries[i], err)
		}
		src.Size = int64(size) // which was not known of a root's tar
		x.Entries[i].Digest, x.Entries[i].Size = got, src.Size
		return nil
	})
	for i, src := range sources {
		if err == nil && src.sumFile != nil { // of the root's tar, whose digest is known by now
			src.sumFile.data = sumFile(x.Entries[i].Digest, strings.TrimSuffix(strings.TrimPrefix(src.Path, "root/"), ".tar"))
			x.Entries[slices.Index(sources, src.sumFile)].Digest = digest.FromBytes(src.sumFile.data)
		}
	}
	return err
}

// write writes the index and everything in it. A file that changed after it was hashed is
// an error.
func write(ctx context.Context, out io.Writer, x *Index, sources []*source) error {
	if err := x.check(); err != nil {
		return err
	}
	data, err := x.seal()
	if err != nil {
		return err
	}
	w := tar.NewWriter(out)
	if err := w.WriteHeader(fileHeader(IndexName, int64(len(data)))); err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	for i, src := range sources {
		h := sha256.New()
		err := w.WriteHeader(fileHeader(src.Path, src.Size))
		if err == nil {
			err = src.copyTo(ctx, io.MultiWriter(w, h))
		}
		if got := digest.FromSum(h.Sum(nil)); err == nil && got != x.Entries[i].Digest {
			err = fmt.Errorf("sha256: got %s, want %s: it changed during packing", got, x.Entries[i].Digest)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", &x.Entries[i], err)
		}
	}
	return w.Close()
}

// copyTo writes the content. Another size than was found before is an error.
func (src *source) copyTo(ctx context.Context, w io.Writer) error {
	w = fileio.Writer(ctx, w)
	if src.root != "" {
		return writeRoot(w, src.root)
	}
	if src.data != nil {
		_, err := w.Write(src.data)
		return err
	}
	return copyFile(w, src.file, src.Size)
}

func copyFile(w io.Writer, name string, size int64) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.CopyBuffer(w, struct{ io.Reader }{f}, make([]byte, 256<<10))
	if err == nil && n != size {
		err = fmt.Errorf("size: got %d bytes, want %d: it changed during packing", n, size)
	}
	return err
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// checkModules compares the modules among the sources with their h1 sums, one per CPU at a
// time. The error joins one for each mismatch.
func checkModules(ctx context.Context, sources []*source) error {
	sources = slices.DeleteFunc(slices.Clone(sources), func(src *source) bool { return src.Sum == "" })
	errs := parallel.Do(len(sources), runtime.GOMAXPROCS(0), func(i int) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := gomod.CheckFile(sources[i].file, sources[i].Sum); err != nil {
			return fmt.Errorf("%s: %w", &sources[i].Entry, err)
		}
		return nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(errs...)
}
