package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	pathpkg "path"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/helmchart"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// The media types of a chart (https://helm.sh/docs/topics/registries/).
const (
	chartConfig  types.MediaType = "application/vnd.cncf.helm.config.v1+json"
	chartContent types.MediaType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

// NewCharts returns the destination for the release's charts: HUB/CHART:VERSION, in the
// format of helm push, and aliases. helm/samples/CHART.tgz becomes HUB/samples/CHART. The versions are the charts' own and may differ from the
// release's. The tree may be nil if only Verify is called.
func NewCharts(ctx context.Context, c Config, tree *release.Tree) (publish.Destination, error) {
	c.Name = cmp.Or(c.Name, "charts")
	d, err := newDestination(c, tree)
	if err != nil || tree == nil {
		return d, err
	}
	leaves, err := leaving(ctx, c.Yank)
	if err != nil {
		return nil, err
	}
	for _, path := range tree.Charts() {
		e, err := chart(ctx, tree, path)
		if err != nil {
			return nil, fmt.Errorf("chart %q: %w", path, err)
		}
		for _, tag := range d.tags() {
			if c.Yank != nil {
				tag.Leaves = cmp.Or(leaves[e.name], tag.Leaves)
			}
			if tag.Name != e.immutable {
				e.tags = append(e.tags, tag)
			}
		}
		d.entries = append(d.entries, e)
	}
	return d, checkNames(d.entries)
}

// leaving returns the versions of the charts of the release that is yanked, by name.
func leaving(ctx context.Context, y *publish.Yank) (map[string]string, error) {
	if y == nil {
		return nil, nil
	}
	versions := map[string]string{}
	for _, path := range y.Tree.Charts() {
		e, err := chart(ctx, y.Tree, path)
		if err != nil {
			return nil, fmt.Errorf("chart %q: %w", path, err)
		}
		versions[e.name] = e.release.Version
	}
	return versions, nil
}

func chart(ctx context.Context, tree *release.Tree, path string) (*entry, error) {
	r, err := tree.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	c, err := helmchart.Read(r)
	if _, altered := io.Copy(io.Discard, r); altered != nil {
		return nil, altered // what was read may be wrong
	}
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(c.Metadata)
	if err != nil {
		return nil, err
	}
	f, _ := tree.Find(path)
	configDigest := digest.FromBytes(config)
	m := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		Config:        v1.Descriptor{MediaType: chartConfig, Size: int64(len(config)), Digest: layout.Hash(configDigest)},
		Layers:        []v1.Descriptor{{MediaType: chartContent, Size: f.Size, Digest: layout.Hash(f.Digest)}},
		Annotations:   chartAnnotations(c, tree.Lock.Time),
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	n, _, err := parseNode(raw, m.MediaType)
	if err != nil {
		return nil, err
	}
	n.blobs = []blob{
		{digest: configDigest, size: int64(len(config)), config: true, data: config},
		{digest: f.Digest, size: f.Size, path: path},
	}
	tag := layout.TagOf(c.Version)
	return &entry{
		kind: "chart", name: pathpkg.Join(strings.TrimPrefix(pathpkg.Dir(path)+"/", release.ChartsDir), c.Name), path: path, root: n, release: publish.Candidate{Version: c.Version, Time: tree.Lock.Time},
		tags: []publish.Alias{{Name: tag}}, immutable: tag,
	}, nil
}

// chartAnnotations returns the annotations of Chart.yaml, and those that helm push makes from
// its other fields.
func chartAnnotations(c *helmchart.Chart, created time.Time) map[string]string {
	get := func(value any) string {
		s, _ := value.(string)
		return s
	}
	first := func(value any) any {
		if list, ok := value.([]any); ok && len(list) > 0 {
			return list[0]
		}
		return nil
	}
	var authors []string
	maintainers, _ := c.Metadata["maintainers"].([]any)
	for _, m := range maintainers {
		m, _ := m.(map[string]any)
		author := get(m["name"])
		if email := get(m["email"]); email != "" {
			author += " (" + email + ")"
		}
		if author != "" {
			authors = append(authors, author)
		}
	}
	all := map[string]string{
		"org.opencontainers.image.description": get(c.Metadata["description"]),
		"org.opencontainers.image.url":         get(c.Metadata["home"]),
		"org.opencontainers.image.source":      get(first(c.Metadata["sources"])),
		"org.opencontainers.image.authors":     strings.Join(authors, ", "),
		createdKey:                             created.UTC().Format(time.RFC3339),
	}
	own, _ := c.Metadata["annotations"].(map[string]any)
	for k, v := range own {
		if s := get(v); s != "" {
			all[k] = s
		}
	}
	all["org.opencontainers.image.title"] = c.Name
	all[versionKey] = c.Version
	maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
	return all
}
