// Package chartrepo publishes a release's charts to a Helm repository in a bucket:
// PREFIX/FILE.tgz, and the index PREFIX/index.yaml. Charts in a directory below helm/ have an
// index of their own: helm/samples/FILE.tgz becomes PREFIX/samples/FILE.tgz.
package chartrepo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/bucket"
)

const (
	chartKind = "chart"
	indexKind = "chart index"
	indexFile = "index.yaml"
	// defaultJobs is the number of charts that are read or compared at a time.
	defaultJobs = 8
)

// charts is a Helm repository.
type charts struct {
	*bucket.Place
	tree *release.Tree // nil if there is only something to verify
	yank *publish.Yank // nil to publish
	jobs int
}

// A dir is the charts of a directory, which have an index.
type dir struct {
	charts []chart
	// key, index and url locate the index.
	key, index, url string
}

// dirs returns the directories of charts, sorted.
func (c *charts) dirs(all []chart) []dir {
	byPath := map[string]*dir{}
	for _, ch := range all {
		at := ch.dir()
		if byPath[at] == nil {
			byPath[at] = &dir{}
			byPath[at].key, byPath[at].index, byPath[at].url = c.Object(path.Join(at, indexFile))
		}
		byPath[at].charts = append(byPath[at].charts, ch)
	}
	var dirs []dir
	for _, at := range slices.Sorted(maps.Keys(byPath)) {
		dirs = append(dirs, *byPath[at])
	}
	return dirs
}

// New returns the destination for a release's Helm charts. An item of kind chart is an
// archive. An item of kind chart index is an entry of the index for a chart's name and
// version; its digest is the archive's. A yank removes the entries of its release. If others add entries during the run, the index is
// merged again: that is not a conflict. The configuration has no aliases. The tree may be nil
// if only Verify is called.
func New(ctx context.Context, c bucket.Config, tree *release.Tree) (publish.Destination, error) {
	p, err := bucket.Open(ctx, c, tree)
	if err != nil {
		return nil, err
	}
	r := &charts{Place: p, tree: tree, yank: c.Yank, jobs: c.Jobs}
	if r.jobs <= 0 {
		r.jobs = defaultJobs
	}
	return r, nil
}

// readCharts returns the charts of the release, or of the one that is yanked, sorted by path.
func (c *charts) readCharts(ctx context.Context) ([]chart, error) {
	tree := c.tree
	if c.yank != nil {
		tree = c.yank.Tree
	}
	if tree == nil {
		return nil, errors.New("publishing charts: no release")
	}
	paths := tree.Charts()
	all := make([]chart, len(paths))
	err := parallel.DoAll(ctx, len(paths), c.jobs, func(ctx context.Context, i int) (err error) {
		f, _ := tree.Find(paths[i])
		all[i], err = readChart(ctx, tree, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	if c.yank != nil {
		all = slices.DeleteFunc(all, func(ch chart) bool { return !c.yank.Own(c.tree, ch.file.Digest) })
	}
	seen := map[string]string{}
	for _, ch := range all {
		id := path.Join(ch.dir(), ch.name) + " " + ch.version
		if other, ok := seen[id]; ok {
			return nil, fmt.Errorf("charts %q and %q: both are %s", other, ch.file.Path, id)
		}
		seen[id] = ch.file.Path
	}
	return all, nil
}

// Plan implements [publish.Destination].
func (c *charts) Plan(ctx context.Context) ([]publish.Item, error) {
	all, err := c.readCharts(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	if c.yank != nil {
		return c.planYank(ctx, all)
	}
	items := make([]publish.Item, len(all))
	dirs := c.dirs(all)
	entries := make([][]publish.Item, len(dirs))
	err = parallel.DoAll(ctx, len(all)+len(dirs), c.jobs, func(ctx context.Context, i int) (err error) {
		if n := i - len(all); n >= 0 {
			entries[n], err = c.planIndex(ctx, dirs[n])
			return err
		}
		key, _, _ := c.Object(strings.TrimPrefix(all[i].file.Path, release.ChartsDir))
		items[i], err = c.PlanFile(ctx, chartKind, key, all[i].file)
		return err
	})
	if err != nil {
		return nil, err
	}
	return slices.Concat(append([][]publish.Item{items}, entries...)...), nil
}

func (c *charts) planIndex(ctx context.Context, d dir) ([]publish.Item, error) {
	var x *index
	data, stored, err := c.Read(ctx, d.key, maxIndex)
	if err == nil {
		x, err = parseIndex(data)
	} else if !errors.Is(err, bucket.ErrTooLarge) {
		return nil, err
	}
	var items []publish.Item
	for _, ch := range d.charts {
		i := publish.Item{
			Phase: publish.Reveal, Kind: indexKind, Name: d.entry(ch), Path: ch.file.Path, Digest: string(ch.file.Digest),
			State: publish.Absent, URL: d.url,
		}
		c.Serve(&i, d.key)
		if err != nil {
			i.State, i.Found = publish.Conflict, strings.ReplaceAll(fmt.Sprintf("not a chart index: %v", err), "\n", " ")
		} else if found, ok := x.digest(ch.name, ch.version, ch.file.Digest.Hex()); ok && found == ch.file.Digest.Hex() {
			i.State, i.Version = publish.Equal, stored
		} else if ok {
			i.State, i.Found = publish.Conflict, digestPrefix+found
		}
		items = append(items, i)
	}
	return items, nil
}

// digestPrefix begins what is found where an entry is of another archive.
const digestPrefix = "digest "

// entryName matches what entry returns: the index, the chart's name and its version.
var entryName = regexp.MustCompile(`^(.+) entry (\S+) (\S+)$`)

// entry returns the name of a chart's entry in the index.
func (d *dir) entry(ch chart) string {
	return d.index + " entry " + ch.name + " " + ch.version
}

// Apply implements [publish.Destination]. All entries of an index are one write.
func (c *charts) Apply(ctx context.Context, phase publish.Phase, items []publish.Item, report publish.Report) error {
	if report == nil {
		report = func(publish.Progress) {}
	}
	if c.tree == nil {
		return errors.New("publishing charts: no release")
	}
	if phase == publish.Upload || len(items) == 0 {
		return c.Upload(ctx, items, report)
	}
	all, err := c.readCharts(ctx)
	if err != nil {
		return err
	}
	named := map[string]publish.Item{}
	for _, i := range items {
		named[i.Name] = i
	}
	dirs := c.dirs(all)
	found := 0
	for n := range dirs {
		d := &dirs[n]
		d.charts = slices.DeleteFunc(d.charts, func(ch chart) bool { return named[d.entry(ch)].Digest != c.wanted(ch) })
		found += len(d.charts)
	}
	if found != len(items) {
		return fmt.Errorf("publishing %d entries of chart indexes: the release has %d of these charts", len(items), found)
	}
	for _, d := range dirs {
		if len(d.charts) == 0 {
			continue
		}
		change := c.merged
		if c.yank != nil {
			change = c.without
		}
		if err := c.Update(ctx, d.key, maxIndex, func(data []byte) ([]byte, error) { return change(data, d) }); err != nil {
			return err
		}
		for _, ch := range d.charts {
			i := named[d.entry(ch)]
			report(publish.Progress{Done: &i})
		}
	}
	return nil
}

// wanted returns the digest of the item of a chart's entry.
func (c *charts) wanted(ch chart) string {
	if c.yank != nil {
		return removed
	}
	return string(ch.file.Digest)
}

// merged returns the index with the entries added, or nil if it already has them.
func (c *charts) merged(data []byte, d dir) ([]byte, error) {
	x, err := parseIndex(data)
	if err != nil {
		return nil, fmt.Errorf("reading chart index %q: %w; %w", d.index, err, publish.ErrChanged)
	}
	changed := false
	for _, ch := range d.charts {
		want := ch.file.Digest.Hex()
		found, ok := x.digest(ch.name, ch.version, want)
		if ok && found != want {
			return nil, fmt.Errorf("adding %q: got digest %s, want %s: %w", d.entry(ch), found, want, publish.ErrChanged)
		}
		if !ok {
			x.add(ch, c.tree.Lock.Time)
			changed = true
		}
	}
	if !changed {
		return nil, nil
	}
	out, err := x.marshal(c.tree.Lock.Time)
	if err != nil {
		err = fmt.Errorf("writing chart index %q: %w", d.index, err)
	}
	return out, err
}

// Verify implements [publish.Destination]. It ignores entries of other charts.
func (c *charts) Verify(ctx context.Context, items []publish.Item, deep bool) error {
	indexes := map[string]*index{}
	var errs []error
	var archives []publish.Item
	for _, i := range items {
		if i.Kind != indexKind {
			archives = append(archives, i)
			continue
		}
		m := entryName.FindStringSubmatch(i.Name)
		if m == nil {
			return fmt.Errorf("chart index entry %q: want INDEX entry NAME VERSION", i.Name)
		}
		name, chartName, version := m[1], m[2], m[3]
		key, err := c.Key(name)
		if err != nil {
			return fmt.Errorf("chart index entry %q: %w", i.Name, err)
		}
		if indexes[key] == nil {
			data, _, err := c.Read(ctx, key, maxIndex)
			if err == nil {
				indexes[key], err = parseIndex(data)
			}
			if err != nil {
				return fmt.Errorf("reading chart index %q: %w", name, err)
			}
			errs = append(errs, c.CheckServed(ctx, i, key))
		}
		want := strings.TrimPrefix(i.Digest, "sha256:")
		if found, ok := indexes[key].digest(chartName, version, want); !ok {
			errs = append(errs, fmt.Errorf("chart index entry %q: got none, want digest %s", i.Name, want))
		} else if found != want {
			errs = append(errs, fmt.Errorf("chart index entry %q: got digest %s, want %s", i.Name, found, want))
		} else {
			for _, url := range indexes[key].urls(chartName, version) {
				if file := path.Base(i.Path); url != file {
					errs = append(errs, fmt.Errorf("chart index entry %q: got URL %.200q, want %q", i.Name, url, file))
				}
			}
		}
	}
	errs = append(errs, parallel.Do(len(archives), c.jobs, func(n int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return c.VerifyObject(ctx, archives[n], deep)
	})...)
	if err := ctx.Err(); err != nil {
		return err
	}
	return publish.JoinSorted(errs)
}
