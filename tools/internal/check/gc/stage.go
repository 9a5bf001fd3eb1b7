package gc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/publish/bucket"
	"github.com/jasonwzm/release-builder/tools/internal/publish/chartrepo"
)

// Releases are the releases to remove from the embedded stage of a line.
type Releases struct {
	Line     string
	Versions []string
}

// check returns an error if there can be no such releases.
func (r *Releases) check(state string) error {
	if len(r.Versions) == 0 {
		return nil
	}
	if !fs.ValidPath(r.Line) || r.Line == "." || strings.Contains(r.Line, "/") {
		return fmt.Errorf("removing releases: %q is not a line", r.Line)
	}
	if _, err := os.Stat(filepath.Join(state, r.Line, stageProfile)); err != nil {
		return fmt.Errorf("removing releases: the stage of line %q: %w", r.Line, err)
	}
	return nil
}

// stageProfile is the name of the profile with the embedded stage.
const stageProfile = "stage"

// checksums is the file that makes a directory of a bucket a release.
const checksums = "SHA256SUMS"

// stage is a line's embedded stage, whose places are recognised by their content.
type stage struct {
	l        *looker
	dir      string
	buckets  []string
	charts   []string
	channels []string // of package repositories
	layouts  []string
	repos    []string
	releases map[string]string // the version of a GitHub release, by its file
	gone     map[string]bool   // what is removed already
	pointers map[string]string // the content of files with only one word, which may be aliases
}

// find looks for places in a directory and below it.
func (s *stage) find(dir string) {
	names := map[string]fs.DirEntry{}
	for _, d := range s.l.list(dir) {
		names[d.Name()] = d
	}
	has := func(name string, isDir bool) bool { return names[name] != nil && names[name].IsDir() == isDir }
	switch {
	case has("oci-layout", false):
		s.layouts = append(s.layouts, dir)
		return
	case has("HEAD", false) && has("objects", true) && has("refs", true):
		s.repos = append(s.repos, dir)
		return
	case has("index.yaml", false):
		s.charts = append(s.charts, dir)
	case isChannel(has):
		s.channels = append(s.channels, dir)
		return
	}
	isBucket := false
	for _, name := range slices.Sorted(maps.Keys(names)) {
		file := path.Join(dir, name)
		switch d := names[name]; {
		case d.IsDir() && s.isFile(path.Join(file, checksums)):
			isBucket = true
		case d.IsDir():
			s.find(file)
		case d.Type().IsRegular():
			s.readFile(file)
		}
	}
	if isBucket {
		s.buckets = append(s.buckets, dir)
	}
}

func (s *stage) isFile(name string) bool {
	info, err := s.l.root.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// readFile notes what a file is if it stands for a GitHub release, or may be an alias.
func (s *stage) readFile(name string) {
	f, err := s.l.root.Open(name)
	if err != nil {
		return
	}
	defer f.Close()
	if path.Ext(name) == ".json" {
		var r struct {
			Tag string `json:"tag_name"`
		}
		if json.NewDecoder(io.LimitReader(f, maxDocument)).Decode(&r) == nil && r.Tag != "" {
			s.releases[name] = r.Tag
		}
		return
	}
	data, err := io.ReadAll(io.LimitReader(f, maxAlias+1))
	if word := bytes.TrimSpace(data); err == nil && len(data) <= maxAlias && len(bytes.Fields(word)) == 1 {
		s.pointers[name] = string(word)
	}
}

const (
	maxAlias    = 256     // bytes
	maxDocument = 4 << 20 // bytes
)

// versions returns the versions on the stage, sorted.
func (s *stage) versions() []string {
	found := map[string]bool{}
	for _, dir := range s.buckets {
		for _, d := range s.l.list(dir) {
			if s.isFile(path.Join(dir, d.Name(), checksums)) {
				found[d.Name()] = true
			}
		}
	}
	for _, tag := range s.releases {
		found[tag] = true
	}
	for _, d := range s.l.list(path.Join(s.dir, "runs")) {
		found[d.Name()] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// removal removes everything that the stage has of a release: names and pointers first, and
// last the record of the run, by which a later gc knows that there is something to remove.
func (l *looker) removal(ctx context.Context, a *Args) error {
	if len(a.Stage.Versions) == 0 {
		return nil
	}
	s := &stage{l: l, dir: path.Join(a.Stage.Line, stageProfile), releases: map[string]string{}, gone: map[string]bool{}, pointers: map[string]string{}}
	for _, d := range l.list(s.dir) {
		if d.IsDir() && d.Name() != "runs" {
			s.find(path.Join(s.dir, d.Name()))
		} else if d.Type().IsRegular() {
			s.readFile(path.Join(s.dir, d.Name()))
		}
	}
	there := s.versions()
	for _, version := range a.Stage.Versions {
		if !slices.Contains(there, version) {
			err := fmt.Errorf("removing release %q: the stage of line %q does not have it", version, a.Stage.Line)
			return hint.With(err, "it has %s", cmp.Or(strings.Join(there, ", "), "no releases"))
		}
	}
	for _, dir := range s.channels {
		if err := s.oldIndexes(ctx, dir); err != nil {
			return err
		}
		l.note("%s: its packages stay, because its index is signed: publish another release with --allow-downgrade %s to drop higher versions", dir, path.Base(dir))
	}
	for _, version := range a.Stage.Versions {
		r := &removed{stage: s, version: version, why: "release " + version + ", which was named"}
		if err := r.plan(ctx, a, there); err != nil {
			return fmt.Errorf("removing release %q: %w", version, err)
		}
	}
	return nil
}

// removed is a release to remove from a stage.
type removed struct {
	*stage
	version, why string
}

func (r *removed) plan(ctx context.Context, a *Args, versions []string) error {
	var named []string
	for _, name := range slices.Sorted(maps.Keys(r.pointers)) {
		if r.pointers[name] == r.version {
			named = append(named, name)
		}
	}
	var layouts []*tagged
	for _, dir := range r.layouts {
		x, err := readLayout(r.l.root, dir)
		if err != nil {
			return err
		}
		layouts = append(layouts, x)
		named = append(named, x.aliases(r.version, versions)...)
	}
	if len(named) > 0 {
		err := fmt.Errorf("%s names it", strings.Join(named, ", "))
		return hint.With(err, "publish another release to the stage, so that the alias names that one, or remove the alias")
	}
	var errs []error
	for _, file := range slices.Sorted(maps.Keys(r.releases)) {
		if r.releases[file] == r.version {
			errs = append(errs, r.goes(ctx, file))
		}
	}
	for _, dir := range r.repos {
		errs = append(errs, r.gitTags(ctx, dir, a.MinAge))
	}
	for _, dir := range r.charts {
		errs = append(errs, r.chart(ctx, dir, a.Now))
	}
	for _, x := range layouts {
		errs = append(errs, r.image(ctx, x, a.Stage.Versions))
	}
	for _, dir := range r.buckets {
		errs = append(errs, r.goes(ctx, path.Join(dir, bucket.ReceiptName(r.version))))
	}
	for _, dir := range append(slices.Clone(r.buckets), path.Join(r.dir, "runs")) {
		errs = append(errs, r.goes(ctx, path.Join(dir, r.version)))
	}
	return errors.Join(errs...)
}

// goes removes a file or a directory if it exists, regardless of its age: a person named it.
func (r *removed) goes(ctx context.Context, name string) error {
	info, err := r.l.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || r.gone[name] {
		return nil
	}
	if err != nil {
		return err
	}
	e := entry{path: name, size: info.Size()}
	if info.IsDir() {
		if e, err = r.l.tree(ctx, name); err != nil {
			return err
		}
	}
	e.named, r.gone[name] = true, true
	r.l.goes(e, r.why)
	return nil
}

// edits adds a change to something that stays, in the order of the removals.
func (r *removed) edits(name string, do func(ctx context.Context, root *os.Root) error) {
	r.l.goes(entry{path: name, named: true, do: do}, r.why)
}

// chart removes the charts of a version, and their entries in the index.
func (r *removed) chart(ctx context.Context, dir string, now time.Time) error {
	name := path.Join(dir, "index.yaml")
	prune := func(root *os.Root) (*chartrepo.Pruned, error) {
		data, err := root.ReadFile(name)
		if err != nil {
			return nil, err
		}
		return chartrepo.PruneIndex(data, r.version, now)
	}
	p, err := prune(r.l.root)
	if err != nil {
		return err
	}
	if len(p.Goes) > 0 {
		r.edits(name, func(_ context.Context, root *os.Root) error {
			p, err := prune(root)
			if err != nil {
				return err
			}
			return rewrite(root, name, p.Data)
		})
	}
	var errs []error
	for _, d := range r.l.list(dir) {
		file := d.Name()
		// An interrupted gc may have left charts that are in no index. Helm names them NAME-VERSION.tgz.
		if (slices.Contains(p.Goes, file) || strings.HasSuffix(file, "-"+r.version+".tgz")) && !slices.Contains(p.Stays, file) {
			errs = append(errs, r.goes(ctx, path.Join(dir, file)))
		}
	}
	return errors.Join(errs...)
}

// gitTags removes the git tags of a version. Git itself removes the objects that only they need.
func (r *removed) gitTags(ctx context.Context, dir string, age time.Duration) error {
	repo := filepath.Join(r.l.Dir, filepath.FromSlash(dir))
	refs := []string{"refs/tags/" + r.version, "refs/tags/v" + r.version}
	out, err := git(ctx, repo, append([]string{"for-each-ref", "--format=%(refname)"}, refs...)...)
	if err != nil {
		return err
	}
	for _, ref := range strings.Fields(string(out)) {
		if !slices.Contains(refs, ref) {
			continue // it is below one of those removed
		}
		r.edits(dir+" "+ref, func(ctx context.Context, _ *os.Root) error {
			_, err := git(ctx, repo, "update-ref", "-d", ref)
			if err == nil {
				_, err = git(ctx, repo, "gc", "--quiet", fmt.Sprintf("--prune=%d.seconds.ago", int(age.Seconds())))
			}
			return err
		})
	}
	return nil
}

// rewrite replaces a file atomically.
func rewrite(root *os.Root, name string, data []byte) error {
	temp := path.Join(path.Dir(name), fmt.Sprintf(".%s.tmp-%d", path.Base(name), os.Getpid()))
	f, err := root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return root.Rename(temp, name)
}
