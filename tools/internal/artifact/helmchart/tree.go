package helmchart

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

const (
	chartsDir = "charts"
	// maxNested limits how deep charts are in each other. Helm's own charts are 3 deep.
	maxNested = 20
)

// A tree is a chart and those in its charts/, at any depth, by the path of their directory or
// archive: "" is the chart itself, and charts/b-1.0.0.tgz/charts/c is in an archive.
type tree map[string]*Chart

// add adds the charts of another tree at a path.
func (t tree) add(at string, inner tree) {
	for p, c := range inner {
		t[path.Join(at, p)] = c
	}
}

// below returns the versions of the charts in charts/ itself, by name.
func (t tree) below() map[string][]string {
	have := map[string][]string{}
	for _, at := range slices.Sorted(maps.Keys(t)) {
		if strings.Count(at, "/") == 1 {
			have[t[at].Name] = append(have[t[at].Name], t[at].Version)
		}
	}
	return have
}

// checkCycles returns an error if a chart contains itself, or depends on a chart that contains
// it. An alias is another name for the values alone, and a condition is for the user to set, so
// neither ends a cycle. A chart may wrap another version of a chart with its own name.
func (t tree) checkCycles() error {
	for _, at := range slices.Sorted(maps.Keys(t)) {
		chain := t.chain(at)
		last := chain[len(chain)-1]
		if err := cycle(chain[:len(chain)-1], dependency{last.Name, last.Version}); err != nil {
			return err
		}
		wanted, err := last.dependencies()
		if err != nil {
			return fmt.Errorf("chart %s: %w", namesOf(chain), err)
		}
		for _, d := range wanted {
			if err := cycle(chain, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// chain returns the charts that contain the one at a path, from the outermost on, and itself.
func (t tree) chain(at string) []*Chart {
	chain := []*Chart{t[at]}
	for at != "" {
		at = strings.TrimSuffix(path.Dir(path.Dir(at)), ".")
		chain = append(chain, t[at])
	}
	slices.Reverse(chain)
	return chain
}

// cycle returns an error if a dependency of the last chart of a chain is one of the chain.
func cycle(chain []*Chart, d dependency) error {
	at := slices.IndexFunc(chain, func(c *Chart) bool { return c.Name == d.name })
	if at < 0 {
		return nil
	}
	if at == len(chain)-1 { // a chart may wrap another of its name
		if same, err := d.matches(chain[at].Version); err == nil && !same {
			return nil
		}
	}
	err := fmt.Errorf("cyclic dependency of charts: %s -> %s", namesOf(chain[at:]), d.name)
	return hint.With(err, "remove %q from dependencies in the Chart.yaml of %q, and from its charts/", d.name, chain[len(chain)-1].Name)
}

func namesOf(chain []*Chart) string {
	var all []string
	for _, c := range chain {
		all = append(all, c.Name)
	}
	return strings.Join(all, " -> ")
}

// nested returns the chart and those in charts/: charts/*.tgz and charts/*/Chart.yaml, and so
// on below them. As in Helm, names that begin with _ or . are not charts.
func nested(files map[string]string, chart *Chart) (tree, error) {
	t := tree{"": chart}
	for _, at := range slices.Sorted(maps.Keys(files)) {
		kind := kindOf(at)
		if kind == noChart || at == metadataFile {
			continue
		}
		if kind == chartArchive {
			inner, err := readArchive(files[at])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", at, err)
			}
			t.add(at, inner)
			continue
		}
		data, err := fileio.ReadLimited(files[at], maxMetadata)
		if err == nil {
			t[path.Dir(at)], err = Parse(data)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
	}
	return t, t.checkParents()
}

// checkParents returns an error if a chart is in the charts/ of what is not one.
func (t tree) checkParents() error {
	for _, at := range slices.Sorted(maps.Keys(t)) {
		if parent := strings.TrimSuffix(path.Dir(path.Dir(at)), "."); at != "" && t[parent] == nil {
			return fmt.Errorf("%s has no Chart.yaml, but %s/ has charts", parent, path.Join(parent, chartsDir))
		}
	}
	return nil
}

// A kind is what a file of a chart is to the chart's dependencies.
type kind int

const (
	noChart kind = iota
	chartYAML
	chartArchive
)

func kindOf(name string) kind {
	words := strings.Split(name, "/")
	for i, word := range words[:len(words)-1] {
		if i%2 == 0 && word != chartsDir || i%2 == 1 && (word[0] == '_' || word[0] == '.') {
			return noChart
		}
	}
	last := words[len(words)-1]
	switch in := len(words)%2 == 0; { // charts/x.tgz, but charts/x/Chart.yaml
	case in && path.Ext(last) == ".tgz" && last[0] != '_' && last[0] != '.':
		return chartArchive
	case !in && last == metadataFile:
		return chartYAML
	}
	return noChart
}

// readArchive returns the charts of the named archive.
func readArchive(name string) (tree, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	left := int64(maxArchive)
	return readTree(f, &left, 0)
}

// readTree reads the charts of an archive, and of those in it. Left is the number of bytes that
// may be unpacked, of all of them.
func readTree(r io.Reader, left *int64, depth int) (tree, error) {
	if depth > maxNested {
		return nil, fmt.Errorf("charts are in each other more than %d deep", maxNested)
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("reading chart: %w", err)
	}
	t, read := tree{}, tar.NewReader(&budget{z, left})
	for {
		h, err := read.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading chart: %w", err)
		}
		_, name, _ := strings.Cut(path.Clean(h.Name), "/")
		switch kindOf(name) {
		case chartYAML:
			data, err := io.ReadAll(io.LimitReader(read, maxMetadata+1))
			if err == nil && len(data) > maxMetadata {
				err = fmt.Errorf("it has more than %d bytes", maxMetadata)
			}
			if err == nil {
				t[strings.TrimSuffix(path.Dir(name), ".")], err = Parse(data)
			}
			if err != nil {
				return nil, fmt.Errorf("%.200s: %w", name, err)
			}
		case chartArchive:
			inner, err := readTree(read, left, depth+1)
			if err != nil {
				return nil, fmt.Errorf("%.200s: %w", name, err)
			}
			t.add(name, inner)
		}
	}
	if t[""] == nil {
		return nil, errors.New("chart has no file NAME/Chart.yaml")
	}
	return t, t.checkParents()
}

// A budget reads as many bytes as are left.
type budget struct {
	r    io.Reader
	left *int64
}

func (b *budget) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if *b.left -= int64(n); *b.left < 0 {
		return n, fmt.Errorf("chart has more than %d bytes", maxArchive)
	}
	return n, err
}
