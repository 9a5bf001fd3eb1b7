package gc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
	"github.com/jasonwzm/release-builder/tools/internal/source/needs"
	"github.com/jasonwzm/release-builder/tools/internal/source/toolchain"
)

// Keep says what has to stay.
type Keep struct {
	// Sources names what was read, in that order, for people.
	Sources []string
	Lines   []needs.Line
	SDKs    []lock.GoSDK
	Modules []lock.GoModule // of go.sum files and of toolchains
	// Bazel says which versions are wanted, and by what.
	Bazel map[string]Wanted

	seen map[string]bool // documents, by name and digest
}

// Wanted says what wants a version of Bazel.
type Wanted int

// A checkout, whose tools/bazel can be asked how it makes a root, or what had one that is not known.
const (
	ByCheckout Wanted = iota
	ByHistory
)

// The names of the documents that say what a build reads.
const (
	lockFile    = "lock.json"
	versionFile = ".bazelversion"
	manifests   = "manifests"
)

// AddCheckout keeps what a checkout needs, as it is on disk, and returns how many locks it
// has. A checkout without a lock is not of this project and keeps nothing.
func (k *Keep) AddCheckout(dir string) (locks int, err error) {
	files, err := filepath.Glob(filepath.Join(escape(dir), manifests, "*", lockFile))
	if err != nil || len(files) == 0 {
		return 0, err
	}
	locks = len(files)
	for _, name := range []string{toolchain.GoSum, toolchain.SDK, versionFile} {
		files = append(files, filepath.Join(dir, filepath.FromSlash(name)))
	}
	k.Sources = append(k.Sources, "checkout "+dir)
	errs := []error{k.addPins(dir)}
	for _, file := range files {
		data, err := fileio.ReadLimited(file, jsonfile.MaxSize)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = k.add(file, data, ByCheckout)
		}
		errs = append(errs, err)
	}
	return locks, keepHint(errors.Join(errs...))
}

// addPins keeps what the tools and the Go SDK of a workspace need. It is in their files, or,
// in the workspace of somebody else, in this program.
func (k *Keep) addPins(dir string) error {
	p, err := toolchain.Read(dir)
	if err != nil {
		return err
	}
	const from = "the release builder's "
	return errors.Join(k.add(from+toolchain.GoSum, p.GoSum, ByCheckout), k.add(from+toolchain.SDK, p.SDK, ByCheckout))
}

// escape quotes a path for filepath.Glob.
func escape(dir string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(dir)
}

// AddLocks keeps what the lock.json files below a directory need.
func (k *Keep) AddLocks(dir string) error {
	found := 0
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() != lockFile {
			return err
		}
		found++
		data, err := fileio.ReadLimited(name, jsonfile.MaxSize)
		if err != nil {
			return err
		}
		return k.add(name, data, ByHistory)
	})
	if err == nil && found == 0 {
		err = fmt.Errorf("reading locks: %q has no file %s", dir, lockFile)
	}
	k.Sources = append(k.Sources, count(found, "lock", "locks")+" in "+dir)
	return keepHint(err)
}

// AddGit keeps what each commit in a range of a checkout's history needs. The range is an
// argument of git rev-list.
func (k *Keep) AddGit(ctx context.Context, dir, commits string) error {
	out, err := git(ctx, dir, "rev-list", "--end-of-options", commits, "--")
	if err != nil {
		return err
	}
	list := strings.Fields(string(out))
	if len(list) == 0 {
		return fmt.Errorf("reading git range %q: it has no commits", commits)
	}
	k.Sources = append(k.Sources, count(len(list), "commit", "commits")+" of "+commits)
	blobs := map[string]string{} // a name, by object
	for _, commit := range list {
		out, err := git(ctx, dir, "ls-tree", "-r", "-z", commit, "--", manifests, toolchain.GoSum, toolchain.SDK, versionFile)
		if err != nil {
			return err
		}
		for row := range strings.SplitSeq(string(out), "\x00") {
			about, name, _ := strings.Cut(row, "\t")
			f := strings.Fields(about)
			if len(f) != 3 || f[1] != "blob" || strings.HasPrefix(name, manifests+"/") && !isLock(name) {
				continue
			}
			if _, ok := blobs[f[2]]; !ok {
				blobs[f[2]] = commit[:12] + ":" + name
			}
		}
	}
	for _, object := range slices.Sorted(maps.Keys(blobs)) {
		data, err := git(ctx, dir, "cat-file", "blob", object)
		if err == nil {
			err = k.add(blobs[object], data, ByHistory)
		}
		if err != nil {
			return keepHint(err)
		}
	}
	return nil
}

// isLock reports whether a slash-separated path in a checkout is a line's lock.
func isLock(name string) bool {
	ok, _ := path.Match(manifests+"/*/"+lockFile, name)
	return ok
}

func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	access, err := environ.GitAccess(ctx, "git") // safe.directory: which repositories of other users to trust
	if err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	cmd := environ.Command(ctx, environ.Git(access...), "git", append([]string{"-C", dir}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("running git %s in %q: %w: %s", args[0], dir, err, environ.Said(stderr.String()))
	}
	return out, nil
}

func keepHint(err error) error {
	return hint.With(err, "nothing was removed: repair or delete the file first")
}

// add reads a document. Its name says what it is.
func (k *Keep) add(name string, data []byte, by Wanted) error {
	sum := digest.FromBytes(data)
	if k.seen == nil {
		k.seen, k.Bazel = map[string]bool{}, map[string]Wanted{}
	}
	base := path.Base(filepath.ToSlash(name))
	id := fmt.Sprint(base, " ", sum, " ", by)
	if k.seen[id] {
		return nil
	}
	k.seen[id] = true
	switch base {
	case lockFile:
		l, err := lock.Parse(name, data)
		if err != nil {
			return err
		}
		k.Lines = append(k.Lines, needs.Line{Name: path.Base(path.Dir(filepath.ToSlash(name))), Lock: l, Digest: sum})
		for _, m := range []lock.GoModule{l.Toolchain.RulesGo, l.Toolchain.Gazelle} {
			if m.Path != "" {
				k.Modules = append(k.Modules, m)
			}
		}
		k.want(l.Toolchain.Bazel, by)
	case toolchain.GoSum:
		for _, m := range gomod.ParseSums(data) {
			k.Modules = append(k.Modules, m)
		}
	case path.Base(toolchain.SDK):
		var sdk lock.GoSDK
		if err := jsonfile.Unmarshal(data, &sdk); err != nil {
			return fmt.Errorf("reading the Go SDK's pins: %s:%w", name, err)
		}
		k.SDKs = append(k.SDKs, sdk)
	case versionFile:
		k.want(strings.TrimSpace(string(data)), by)
	}
	return nil
}

func (k *Keep) want(version string, by Wanted) {
	if have, ok := k.Bazel[version]; version != "" && (!ok || by > have) {
		k.Bazel[version] = by
	}
}
