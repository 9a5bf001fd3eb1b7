// Package grafana publishes a release's dashboards to grafana.com: each is a new revision of
// the dashboard whose id the manifest has.
package grafana

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/dashboard"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/web"
)

// Home is the URL of the service.
const Home = "https://grafana.com"

const (
	itemKind = "dashboard"
	// jobs is the number of dashboards that are compared at a time.
	jobs = 4
)

// Config is the configuration of New.
type Config struct {
	Name string
	// URL is Home, or that of a service with the same API.
	URL string
	// Token may publish. It may be empty for what only reads.
	Token string
	// Transport sends all requests.
	Transport http.RoundTripper
	// Log prints a line for people.
	Log func(format string, args ...any)
}

// destination is the dashboards of a release.
type destination struct {
	Config
	http    *http.Client
	tree    *release.Tree
	entries []entry
}

// An entry is a dashboard of the release.
type entry struct {
	name string
	id   int
	path string // in the release
}

// Published returns the dashboards of a release that have an id at grafana.com, by name.
// Those with the id 0 are not there yet.
func Published(tree *release.Tree) map[string]int {
	ids := map[string]int{}
	if outputs := tree.Lock.Outputs; len(outputs) > 0 && !slices.Contains(outputs, "grafana") {
		return ids
	}
	for name, id := range tree.Lock.Dashboards {
		if id > 0 {
			ids[name] = id
		}
	}
	return ids
}

// New returns the destination for a release's dashboards. An item is a revision of a
// dashboard: equal if there is a revision with the same content, a conflict if there is one
// of the same version with other content. Everybody finds a revision as soon as it is there,
// so all items are of the reveal phase. The tree may be nil if only Verify is called.
func New(c Config, tree *release.Tree) (publish.Destination, error) {
	c.URL = strings.TrimSuffix(c.URL, "/")
	if u, err := url.Parse(c.URL); err != nil || u.Scheme != "https" && (u.Scheme != "http" || !web.IsLoopback(u.Hostname())) {
		return nil, fmt.Errorf("URL of Grafana: got %.200q, want an https URL", c.URL)
	}
	d := &destination{Config: c, http: web.Client(c.Transport), tree: tree}
	if tree == nil {
		return d, nil
	}
	ids := Published(tree)
	for name, id := range tree.Lock.Dashboards {
		if id == 0 && c.Log != nil {
			c.Log("dashboard %q has the id 0 in the manifest: it is not published", name)
		}
	}
	names := map[int]string{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		e := entry{name, ids[name], path.Join("grafana", name+".json")}
		if other := names[e.id]; other != "" {
			errs = append(errs, fmt.Errorf("dashboards %q and %q have the same id %d", other, name, e.id))
		}
		if _, ok := tree.Find(e.path); !ok {
			errs = append(errs, fmt.Errorf("dashboard %q: the release has no %s", name, e.path))
		}
		names[e.id] = name
		d.entries = append(d.entries, e)
	}
	return d, errors.Join(errs...)
}

// Name implements [publish.Destination].
func (d *destination) Name() string { return d.Config.Name }

// Plan implements [publish.Destination].
func (d *destination) Plan(ctx context.Context) ([]publish.Item, error) {
	if d.tree == nil {
		return nil, errors.New("planning: no release")
	}
	items := make([]publish.Item, len(d.entries))
	err := parallel.DoAll(ctx, len(items), jobs, func(ctx context.Context, i int) (err error) {
		items[i], _, err = d.plan(ctx, d.entries[i])
		return err
	})
	return items, err
}

// plan returns the item of a dashboard, and the file to send.
func (d *destination) plan(ctx context.Context, e entry) (publish.Item, []byte, error) {
	data, err := d.tree.ReadFile(ctx, e.path)
	if err != nil {
		return publish.Item{}, nil, err
	}
	sum, err := canonicalSum(data)
	if err != nil {
		return publish.Item{}, nil, fmt.Errorf("%s: %w", e.path, err)
	}
	i := publish.Item{
		Phase: publish.Reveal, Kind: itemKind, Name: d.itemName(e), Path: e.path, Digest: string(sum), Size: int64(len(data)),
		State: publish.Absent, URL: fmt.Sprintf("%s/grafana/dashboards/%d", d.URL, e.id),
	}
	found, err := d.find(ctx, e.id, d.tree.Version, sum)
	switch {
	case err != nil:
		return i, nil, fmt.Errorf("dashboard %q: %w", e.name, err)
	case found.equal > 0:
		i.State, i.Version, i.URL = publish.Equal, strconv.Itoa(found.equal), d.download(e.id, found.equal)
	case found.other > 0:
		i.State, i.Found = publish.Conflict, fmt.Sprintf("revision %d with other content", found.other)
	}
	return i, data, nil
}

func canonicalSum(data []byte) (digest.Digest, error) {
	canonical, err := dashboard.Canonical(data)
	return digest.FromBytes(canonical), err
}

// itemName returns the name that namePattern matches.
func (d *destination) itemName(e entry) string {
	return fmt.Sprintf("%s dashboard %d %s %s", d.URL, e.id, e.name, d.tree.Version)
}

var namePattern = regexp.MustCompile(`^(\S+) dashboard ([1-9][0-9]{0,9}) (\S+) (\S+)$`)

// Apply implements [publish.Destination].
func (d *destination) Apply(ctx context.Context, _ publish.Phase, items []publish.Item, report publish.Report) error {
	if report == nil {
		report = func(publish.Progress) {}
	}
	if d.tree == nil {
		return errors.New("publishing: no release")
	}
	for _, i := range items {
		at := slices.IndexFunc(d.entries, func(e entry) bool { return d.itemName(e) == i.Name })
		if at < 0 {
			return fmt.Errorf("dashboard %q: the release has no such dashboard", i.Name)
		}
		if err := d.publish(ctx, d.entries[at], i, report); err != nil {
			return err
		}
		report(publish.Progress{Done: &i})
	}
	return nil
}

// publish sends a revision, unless it is there. Nothing tells whether a request without an
// answer has made one, so each attempt begins with a look.
func (d *destination) publish(ctx context.Context, e entry, i publish.Item, report publish.Report) error {
	return web.Retry{Log: d.Log}.Do(ctx, func(int) error {
		now, data, err := d.plan(ctx, e)
		switch {
		case err != nil:
			return err
		case now.State == publish.Equal:
			return nil
		case now.State == publish.Conflict, now.Digest != i.Digest:
			return fmt.Errorf("dashboard %s: found %s: %w", i.Name, now.Found, publish.ErrChanged)
		}
		if err := d.post(ctx, e, data); err != nil {
			return fmt.Errorf("publishing dashboard %q: %w", e.name, err)
		}
		report(publish.Progress{Bytes: int64(len(data))})
		return nil
	})
}

// Verify implements [publish.Destination]. It always reads the content: grafana.com has no
// checksums.
func (d *destination) Verify(ctx context.Context, items []publish.Item, _ bool) error {
	return publish.JoinSorted(parallel.Do(len(items), jobs, func(n int) error {
		i := items[n]
		m := namePattern.FindStringSubmatch(i.Name)
		if m == nil || m[1] != d.URL {
			return fmt.Errorf("dashboard %q: want URL dashboard ID NAME VERSION, with %s", i.Name, d.URL)
		}
		id, err := strconv.Atoi(m[2])
		if err != nil {
			return err
		}
		found, err := d.find(ctx, id, m[4], digest.Digest(i.Digest))
		switch {
		case err != nil:
			return fmt.Errorf("dashboard %q: %w", m[3], err)
		case found.equal == 0 && found.other > 0:
			return fmt.Errorf("dashboard %s: got revision %d with other content, want %s", i.Name, found.other, i.Digest)
		case found.equal == 0:
			return fmt.Errorf("dashboard %s: got no revision, want %s", i.Name, i.Digest)
		}
		return nil
	}))
}
