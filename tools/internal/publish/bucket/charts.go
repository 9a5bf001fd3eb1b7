package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// ChartsConfig says where charts are published to: PREFIX/FILE.tgz, and their index
// PREFIX/index.yaml. The fields are as those of [Config].
type ChartsConfig struct {
	Name, URL, Endpoint string
	Jobs                int
	Transport           http.RoundTripper
}

const (
	chartKind = "chart"
	indexKind = "chart index"
	indexFile = "index.yaml"
	// maxRaces is how often the index is merged anew because somebody else wrote it.
	maxRaces = 10
)

// charts is a Helm repository.
type charts struct{ *place }

// NewCharts makes the destination of a release's Helm charts. An item of kind chart
// is an archive; one of kind chart index is an entry of the index, for a chart's
// name and version, and its digest is that of the archive. Entries that others add
// meanwhile are no conflict: the index is merged again. The tree may be nil if only
// Verify is called.
func NewCharts(ctx context.Context, c ChartsConfig, tree *release.Tree) (publish.Destination, error) {
	p, err := newPlace(ctx, Config{Name: c.Name, URL: c.URL, Endpoint: c.Endpoint, Jobs: c.Jobs, Transport: c.Transport}, tree)
	if err != nil {
		return nil, err
	}
	return &charts{p}, nil
}

// read returns the release's charts, sorted by path.
func (c *charts) read(ctx context.Context) ([]chart, error) {
	if c.tree == nil {
		return nil, errors.New("publishing charts: there is no release")
	}
	paths := c.tree.Charts()
	all := make([]chart, len(paths))
	err := parallel.DoAll(ctx, len(paths), c.jobs, func(ctx context.Context, i int) (err error) {
		f, _ := c.tree.Find(paths[i])
		all[i], err = readChart(ctx, c.tree, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	seen := map[string]string{}
	for _, ch := range all {
		id := ch.name + " " + ch.version
		if other, ok := seen[id]; ok {
			return nil, fmt.Errorf("charts %q and %q: both are %s", other, ch.file.Path, id)
		}
		seen[id] = ch.file.Path
	}
	return all, nil
}

// Plan is that of [publish.Destination].
func (c *charts) Plan(ctx context.Context) ([]publish.Item, error) {
	all, err := c.read(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	items := make([]publish.Item, len(all))
	var entries []publish.Item
	err = parallel.DoAll(ctx, len(all)+1, c.jobs, func(ctx context.Context, i int) (err error) {
		if i == len(all) {
			entries, err = c.planIndex(ctx, all)
			return err
		}
		key := c.prefix + path.Base(all[i].file.Path)
		var found *object
		o, err := c.store.stat(ctx, key)
		switch {
		case err == nil:
			found = &o
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		items[i], err = c.item(ctx, chartKind, key, all[i].file, found)
		return err
	})
	if err != nil {
		return nil, err
	}
	return append(items, entries...), nil
}

func (c *charts) planIndex(ctx context.Context, all []chart) ([]publish.Item, error) {
	var x *index
	data, o, err := readPointer(ctx, c.store, c.prefix+indexFile, maxIndex)
	if err == nil {
		x, err = parseIndex(data)
	} else if !errors.Is(err, errTooLarge) {
		return nil, err
	}
	var items []publish.Item
	for _, ch := range all {
		i := publish.Item{
			Phase: publish.Reveal, Kind: indexKind, Name: c.entry(ch), Path: ch.file.Path, Digest: string(ch.file.Digest),
			State: publish.Absent, URL: c.store.url(c.prefix + indexFile),
		}
		if err != nil {
			i.State, i.Found = publish.Conflict, strings.ReplaceAll(fmt.Sprintf("no chart index: %v", err), "\n", " ")
		} else if found, ok := x.digest(ch.name, ch.version, ch.file.Digest.Hex()); ok && found == ch.file.Digest.Hex() {
			i.State, i.Version = publish.Equal, o.version
		} else if ok {
			i.State, i.Found = publish.Conflict, "digest "+found
		}
		items = append(items, i)
	}
	return items, nil
}

// entry returns the name of a chart's entry in the index.
func (c *charts) entry(ch chart) string {
	return c.store.name(c.prefix+indexFile) + " entry " + ch.name + " " + ch.version
}

// Apply is that of [publish.Destination]. All entries are one write of the index.
func (c *charts) Apply(ctx context.Context, phase publish.Phase, items []publish.Item, report publish.Report) error {
	if report == nil {
		report = func(publish.Progress) {}
	}
	if c.tree == nil {
		return errors.New("publishing charts: there is no release")
	}
	if phase == publish.Upload || len(items) == 0 {
		return c.upload(ctx, items, report)
	}
	all, err := c.read(ctx)
	if err != nil {
		return err
	}
	named := map[string]chart{}
	for _, ch := range all {
		named[c.entry(ch)] = ch
	}
	var add []chart
	for _, i := range items {
		ch, ok := named[i.Name]
		if !ok || string(ch.file.Digest) != i.Digest {
			return fmt.Errorf("chart index entry %q: the release has no such chart with %s", i.Name, i.Digest)
		}
		add = append(add, ch)
	}
	if err := c.merge(ctx, add); err != nil {
		return err
	}
	for n := range items {
		report(publish.Progress{Done: &items[n]})
	}
	return nil
}

// merge adds entries to the index as it is now, and again if somebody else was
// faster.
func (c *charts) merge(ctx context.Context, add []chart) error {
	key := c.prefix + indexFile
	for n := 1; ; n++ {
		data, o, err := readPointer(ctx, c.store, key, maxIndex)
		if err != nil {
			return err
		}
		merged, err := c.merged(data, add)
		if err != nil || merged == nil {
			return err
		}
		if err = c.store.put(ctx, pointer(key, o.version, merged, contentType(key))); !errors.Is(err, errTaken) {
			return err
		}
		if n == maxRaces {
			return fmt.Errorf("merging chart index %q %d times: others keep writing it: %w", c.store.name(key), n, publish.ErrChanged)
		}
		if err := wait(ctx, n/2); err != nil {
			return err
		}
	}
}

// merged returns the index with the entries, or nothing if it has them.
func (c *charts) merged(data []byte, add []chart) ([]byte, error) {
	name := c.store.name(c.prefix + indexFile)
	x, err := parseIndex(data)
	if err != nil {
		return nil, fmt.Errorf("reading chart index %q: %w; %w", name, err, publish.ErrChanged)
	}
	changed := false
	for _, ch := range add {
		want := ch.file.Digest.Hex()
		found, ok := x.digest(ch.name, ch.version, want)
		if ok && found != want {
			return nil, fmt.Errorf("adding %q: got digest %s, want %s: %w", c.entry(ch), found, want, publish.ErrChanged)
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
		err = fmt.Errorf("writing chart index %q: %w", name, err)
	}
	return out, err
}

// Verify is that of [publish.Destination]. Entries of others are nobody's business.
func (c *charts) Verify(ctx context.Context, items []publish.Item, deep bool) error {
	indexes := map[string]*index{}
	var errs []error
	var archives []publish.Item
	for _, i := range items {
		if i.Kind != indexKind {
			archives = append(archives, i)
			continue
		}
		name, entry, ok := cutLast(i.Name, " entry ")
		key, err := c.key(name)
		chartName, version, both := strings.Cut(entry, " ")
		if !ok || !both || err != nil {
			return fmt.Errorf("chart index entry %q: want INDEX entry NAME VERSION", i.Name)
		}
		if indexes[key] == nil {
			data, _, err := readPointer(ctx, c.store, key, maxIndex)
			if err == nil {
				indexes[key], err = parseIndex(data)
			}
			if err != nil {
				return fmt.Errorf("reading chart index %q: %w", name, err)
			}
		}
		want := strings.TrimPrefix(i.Digest, "sha256:")
		if found, ok := indexes[key].digest(chartName, version, want); !ok {
			errs = append(errs, fmt.Errorf("chart index entry %q: got none, want digest %s", i.Name, want))
		} else if found != want {
			errs = append(errs, fmt.Errorf("chart index entry %q: got digest %s, want %s", i.Name, found, want))
		}
	}
	errs = append(errs, parallel.Do(len(archives), c.jobs, func(n int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return c.verify(ctx, archives[n], nil, deep)
	})...)
	if err := ctx.Err(); err != nil {
		return err
	}
	return joinSorted(errs)
}
