// Package helmchart reads and writes archives of Helm charts
// (https://helm.sh/docs/topics/charts/).
package helmchart

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
	"golang.org/x/mod/semver"
	"gopkg.in/yaml.v3"
)

// Limits on a chart, which is not trusted.
const (
	maxArchive  = 100 << 20 // bytes unpacked; Helm's limit
	maxFiles    = 10_000
	maxMetadata = 1 << 20 // bytes of Chart.yaml
	maxNodes    = 10_000  // keys and values of Chart.yaml, aliases followed
	maxDepth    = 50
)

// A Chart is the metadata of a chart.
type Chart struct {
	Name    string
	Version string // a semantic version
	// Metadata is Chart.yaml for JSON: maps, lists, strings and booleans. Numbers and
	// dates are strings, as they are written: no field that Helm knows is a number, and
	// the version 1.10 is not 1.1.
	Metadata map[string]any
}

// Read reads the metadata in a chart's archive, NAME-VERSION.tgz. It stops reading after
// Chart.yaml.
func Read(r io.Reader) (*Chart, error) {
	raw, err := YAML(r)
	if err != nil {
		return nil, err
	}
	return Parse(raw)
}

// Parse reads the metadata in a Chart.yaml.
func Parse(raw []byte) (*Chart, error) {
	root, err := strictyaml.Any(metadataFile, raw, strictyaml.Limits{Size: maxMetadata, Entries: 10 * maxNodes})
	if err != nil {
		return nil, fmt.Errorf("parsing %w", err)
	}
	c := &converter{}
	value, err := c.convert(root, 0, false)
	if err != nil {
		return nil, fmt.Errorf("parsing Chart.yaml: %w", err)
	}
	metadata, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("parsing Chart.yaml: want a map at the top level")
	}
	chart := &Chart{Metadata: metadata, Name: text(metadata, "name"), Version: text(metadata, "version")}
	return chart, chart.check()
}

var namePattern = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,250}$`) // what helm lint allows

func (c *Chart) check() error {
	switch {
	case !namePattern.MatchString(c.Name) || strings.Trim(c.Name, ".") == "":
		return fmt.Errorf("name in Chart.yaml is %.100q, want letters, digits, dots and dashes", c.Name)
	case !semver.IsValid("v" + strings.TrimPrefix(c.Version, "v")):
		return fmt.Errorf("version in Chart.yaml is %.100q, want a semantic version", c.Version)
	}
	return nil
}

// text returns the value of a key, or "" if it is not a string.
func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

// YAML returns the raw NAME/Chart.yaml in a chart's archive. It has at most 1 MiB, and is
// within the first 10,000 files and 100 MiB.
func YAML(r io.Reader) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("reading chart: %w", err)
	}
	limited := &io.LimitedReader{R: z, N: maxArchive}
	t := tar.NewReader(limited)
	for range maxFiles {
		h, err := t.Next()
		if err == io.EOF && limited.N > 0 {
			return nil, errors.New("chart has no file NAME/Chart.yaml")
		}
		if limited.N <= 0 {
			return nil, fmt.Errorf("chart has more than %d bytes", maxArchive)
		}
		if err != nil {
			return nil, fmt.Errorf("reading chart: %w", err)
		}
		if dir, base := path.Split(path.Clean(h.Name)); base != "Chart.yaml" || strings.Count(dir, "/") != 1 || dir == "/" || dir == "../" {
			continue
		}
		if h.Typeflag != tar.TypeReg || h.Size > maxMetadata {
			return nil, fmt.Errorf("%.100q in chart is not a file of at most %d bytes", h.Name, maxMetadata)
		}
		raw, err := io.ReadAll(io.LimitReader(t, maxMetadata))
		if err != nil {
			return nil, fmt.Errorf("reading Chart.yaml: %w", err)
		}
		return raw, nil
	}
	return nil, fmt.Errorf("chart has more than %d files before NAME/Chart.yaml", maxFiles)
}

// A converter converts YAML to JSON's types.
type converter struct{ nodes int }

// convert converts a node. In annotations, booleans become strings.
func (c *converter) convert(n *yaml.Node, depth int, annotations bool) (any, error) {
	if c.nodes++; c.nodes > maxNodes || depth > maxDepth {
		return nil, fmt.Errorf("got more than %d keys and values, or deeper than %d", maxNodes, maxDepth)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return c.convert(n.Alias, depth+1, annotations)
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			v, err := c.convert(item, depth+1, annotations)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		return c.convertMap(n, depth, annotations)
	}
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil || annotations {
			return n.Value, err
		}
		return b, nil
	case "!!str", "!!int", "!!float", "!!timestamp":
		return n.Value, nil
	}
	return nil, fmt.Errorf("line %d: got a value of type %.50q, want a string", n.Line, n.Tag)
}

func (c *converter) convertMap(n *yaml.Node, depth int, annotations bool) (any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
			return nil, fmt.Errorf("line %d: got a key that is not a string", key.Line)
		}
		if _, ok := m[key.Value]; ok {
			return nil, fmt.Errorf("line %d: duplicate key %.100q in one map", key.Line, key.Value)
		}
		v, err := c.convert(n.Content[i+1], depth+1, annotations || depth == 0 && key.Value == "annotations")
		if err != nil {
			return nil, err
		}
		m[key.Value] = v
	}
	return m, nil
}
