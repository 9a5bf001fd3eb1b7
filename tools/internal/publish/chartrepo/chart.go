package chartrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/helmchart"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

// maxChartFields limits the YAML nodes of a Chart.yaml, with aliases expanded.
const maxChartFields = 10_000

var chartName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,249}$`)

// A chart is one of the release's Helm charts.
type chart struct {
	file          release.File
	name, version string
	// metadata is the mapping in Chart.yaml with the fields that Helm knows, sorted, without
	// anchors and comments.
	metadata *yaml.Node
}

// dir returns the chart's directory below helm/; empty for helm/ itself.
func (c chart) dir() string {
	return strings.Trim(strings.TrimPrefix(path.Dir(c.file.Path)+"/", release.ChartsDir), "/")
}

// readChart reads a chart's metadata and checks the whole file.
func readChart(ctx context.Context, t *release.Tree, file release.File) (chart, error) {
	c := chart{file: file}
	r, err := t.Open(ctx, file.Path)
	if err != nil {
		return c, err
	}
	defer r.Close()
	data, err := helmchart.YAML(r)
	if _, e := io.Copy(io.Discard, r); e != nil {
		err = e // the file is another than the release's: nothing in it counts
	}
	if err == nil {
		err = c.parse(data)
	}
	if err != nil {
		return c, fmt.Errorf("reading chart %q: %w", file.Path, err)
	}
	return c, nil
}

func (c *chart) parse(data []byte) error {
	root, err := strictyaml.Any("Chart.yaml", data, strictyaml.Limits{Size: len(data), Entries: 10 * maxChartFields})
	if err != nil {
		return fmt.Errorf("parsing %w", err)
	}
	if root.Kind != yaml.MappingNode {
		return errors.New("parsing Chart.yaml: want a mapping")
	}
	left := maxChartFields
	if c.metadata, err = plain(root, &left); err != nil {
		return fmt.Errorf("parsing Chart.yaml: %w", err)
	}
	if err := chartShape.fit(c.metadata); err != nil {
		return fmt.Errorf("parsing Chart.yaml: %w", err)
	}
	c.name, c.version = text(field(c.metadata, "name")), text(field(c.metadata, "version"))
	if !chartName.MatchString(c.name) {
		return fmt.Errorf("name in Chart.yaml: got %.300q, want letters, digits, dots and dashes", c.name)
	}
	if !semver.IsValid(semverOf(c.version)) {
		return fmt.Errorf("version in Chart.yaml: got %.300q, want a semantic version", c.version)
	}
	return nil
}

func semverOf(version string) string { return "v" + strings.TrimPrefix(version, "v") }

// plain returns a node with its aliases expanded, without anchors, comments and style. left
// is the number of nodes that it may have. The keys of mappings are scalars and sorted.
func plain(n *yaml.Node, left *int) (*yaml.Node, error) {
	if *left--; *left < 0 {
		return nil, fmt.Errorf("got more than %d fields", maxChartFields)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return plain(n.Alias, left)
	case yaml.ScalarNode:
		return &yaml.Node{Kind: n.Kind, Tag: n.ShortTag(), Value: n.Value}, nil
	case yaml.SequenceNode, yaml.MappingNode:
	default:
		return nil, fmt.Errorf("line %d: want a scalar, sequence or mapping", n.Line)
	}
	out := &yaml.Node{Kind: n.Kind, Tag: n.ShortTag()}
	for _, c := range n.Content {
		p, err := plain(c, left)
		if err != nil {
			return nil, err
		}
		out.Content = append(out.Content, p)
	}
	if n.Kind == yaml.SequenceNode {
		return out, nil
	}
	return out, sortFields(out)
}

func sortFields(m *yaml.Node) error {
	type pair [2]*yaml.Node
	var pairs []pair
	for k, v := range fields(m) {
		if k.Kind != yaml.ScalarNode {
			return errors.New("want scalar keys")
		}
		pairs = append(pairs, pair{k, v})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a[0].Value, b[0].Value) })
	m.Content = m.Content[:0]
	for _, p := range pairs {
		m.Content = append(m.Content, p[0], p[1])
	}
	return nil
}
