package helmchart

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// A dependency is an entry of dependencies in Chart.yaml.
type dependency struct{ name, version string }

// addDependencies adds the archives of other charts to charts/, and checks that they and the
// vendored ones are what Chart.yaml names.
func (a *PackArgs) addDependencies(files map[string]string, metadata []byte) error {
	chart, err := Parse(metadata)
	if err != nil {
		return err
	}
	if chart.Name != a.Name {
		return fmt.Errorf("name in Chart.yaml: got %q, want %q", chart.Name, a.Name)
	}
	have, err := vendored(files)
	if err != nil {
		return err
	}
	wanted, err := chart.dependencies()
	if err != nil {
		return err
	}
	var errs []error
	for _, archive := range a.Dependencies {
		c, err := readFile(archive)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		named := slices.ContainsFunc(wanted, func(d dependency) bool { return d.name == c.Name })
		if !named {
			err := fmt.Errorf("dependencies in Chart.yaml do not name chart %q %s", c.Name, c.Version)
			errs = append(errs, hint.With(err, "add {name: %s, version: %q, repository: \"\"} to dependencies in Chart.yaml", c.Name, c.Version))
			continue
		}
		if others := have[c.Name]; len(others) > 0 {
			errs = append(errs, fmt.Errorf("duplicate chart %q: %q is in charts/, and the target is in dependencies", c.Name, others[0]))
			continue
		}
		have[c.Name] = append(have[c.Name], c.Version)
		files[path.Join("charts", c.Name+"-"+c.Version+".tgz")] = archive
	}
	for _, d := range wanted {
		errs = append(errs, d.check(have[d.name]))
	}
	return errors.Join(errs...)
}

// check wants a version that matches.
func (d dependency) check(have []string) error {
	if len(have) == 0 {
		err := fmt.Errorf("chart %q in dependencies of Chart.yaml is not in charts/", d.name)
		return hint.With(err, "add it to the files, or its target to dependencies")
	}
	c, err := semver.NewConstraint(d.version)
	if err != nil {
		return fmt.Errorf("version of %q in dependencies of Chart.yaml: %w", d.name, err)
	}
	for _, version := range have {
		v, err := semver.NewVersion(version)
		if err != nil {
			return fmt.Errorf("version of chart %q: got %q: %w", d.name, version, err)
		}
		if c.Check(v) {
			return nil
		}
	}
	err = fmt.Errorf("chart %q: got version %s, want %s as in dependencies of Chart.yaml", d.name, strings.Join(have, " and "), d.version)
	return hint.With(err, "set the version with values, such as Chart.yaml:dependencies.0.version. A range without a pre-release, such as >=1.0.0, matches no pre-release; >=1.0.0-0 does")
}

// dependencies returns the entries of dependencies.
func (c *Chart) dependencies() ([]dependency, error) {
	list, _ := c.Metadata["dependencies"].([]any)
	var all []dependency
	for i, item := range list {
		m, _ := item.(map[string]any)
		d := dependency{text(m, "name"), text(m, "version")}
		if d.name == "" {
			return nil, fmt.Errorf("dependencies in Chart.yaml: number %d has no name", i+1)
		}
		all = append(all, d)
	}
	return all, nil
}

// vendored returns the versions of the charts in charts/ by name: charts/*.tgz and
// charts/*/Chart.yaml. As in Helm, names that begin with _ or . are not charts.
func vendored(files map[string]string) (map[string][]string, error) {
	have := map[string][]string{}
	for at, name := range files {
		rest, ok := strings.CutPrefix(at, "charts/")
		if !ok || rest[0] == '_' || rest[0] == '.' {
			continue
		}
		var c *Chart
		var err error
		switch dir, base := path.Split(rest); {
		case dir == "" && path.Ext(base) == ".tgz":
			c, err = readFile(name)
		case strings.Count(dir, "/") == 1 && base == metadataFile:
			var data []byte
			if data, err = os.ReadFile(name); err == nil {
				c, err = Parse(data)
			}
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		have[c.Name] = append(have[c.Name], c.Version)
		slices.Sort(have[c.Name])
	}
	return have, nil
}

// readFile reads the metadata in the named archive.
func readFile(name string) (*Chart, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("reading chart %q: %w", name, err)
	}
	return c, nil
}
