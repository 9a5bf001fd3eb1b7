package helmchart

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// maxDependencies limits the dependencies in Chart.yaml.
const maxDependencies = 100

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
		err := fmt.Errorf("name in Chart.yaml: got %q, want %q", chart.Name, a.Name)
		return hint.With(err, "set the attribute chart to %q, or name in Chart.yaml to %q", chart.Name, a.Name)
	}
	all, err := nested(files, chart)
	if err != nil {
		return err
	}
	have := all.below()
	wanted, err := chart.dependencies()
	if err != nil {
		return err
	}
	var errs []error
	for _, archive := range a.Dependencies {
		t, err := readArchive(archive)
		if err != nil {
			errs = append(errs, fmt.Errorf("reading chart %q: %w", archive, err))
			continue
		}
		c := t[""]
		named := slices.ContainsFunc(wanted, func(d dependency) bool { return d.name == c.Name })
		if !named {
			err := fmt.Errorf("dependencies in Chart.yaml do not name chart %q %s", c.Name, c.Version)
			errs = append(errs, hint.With(err, "add {name: %s, version: %q, repository: \"\"} to dependencies in Chart.yaml", c.Name, c.Version))
			continue
		}
		if others := have[c.Name]; len(others) > 0 {
			err := fmt.Errorf("duplicate chart %q: %q is in charts/, and the target is in dependencies", c.Name, others[0])
			errs = append(errs, hint.With(err, "leave it out of the files, or its target out of dependencies"))
			continue
		}
		have[c.Name] = append(have[c.Name], c.Version)
		at := path.Join(chartsDir, c.Name+"-"+c.Version+".tgz")
		files[at] = archive
		all.add(at, t)
	}
	if err := all.checkCycles(); err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, d := range wanted {
		errs = append(errs, d.check(have[d.name]))
	}
	return errors.Join(errs...)
}

// check wants a version that matches.
func (d dependency) check(have []string) error {
	if len(have) == 0 {
		err := fmt.Errorf("chart %.100q in dependencies of Chart.yaml is not in charts/", d.name)
		return hint.With(err, "add it to the files, or its target to dependencies")
	}
	for _, version := range have {
		if ok, err := d.matches(version); ok || err != nil {
			return err
		}
	}
	err := fmt.Errorf("chart %q: got version %s, want %.100s as in dependencies of Chart.yaml", d.name, strings.Join(have, " and "), d.version)
	return hint.With(err, "set the version with values, such as Chart.yaml:dependencies.0.version. A range without a pre-release, such as >=1.0.0, matches no pre-release; >=1.0.0-0 does")
}

// matches reports whether a version is one that the dependency wants.
func (d dependency) matches(version string) (bool, error) {
	c, err := semver.NewConstraint(d.version)
	if err != nil {
		return false, fmt.Errorf("version of %.100q in dependencies of Chart.yaml: got %.100q: %w", d.name, d.version, err)
	}
	v, err := semver.NewVersion(version)
	if err != nil {
		return false, fmt.Errorf("version of chart %q: got %q: %w", d.name, version, err)
	}
	return c.Check(v), nil
}

// dependencies returns the entries of dependencies.
func (c *Chart) dependencies() ([]dependency, error) {
	list, _ := c.Metadata["dependencies"].([]any)
	if len(list) > maxDependencies {
		return nil, fmt.Errorf("dependencies in Chart.yaml: got %d, want at most %d", len(list), maxDependencies)
	}
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
