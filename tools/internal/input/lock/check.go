package lock

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// dashboardName is what package rules allows, which programs that only import the standard
// library cannot use.
var dashboardName = regexp.MustCompile(`^\.*[A-Za-z0-9_-][A-Za-z0-9._-]*$`)

// Check reports everything in l that is not valid in a lock.
func (l *Lock) Check() error {
	if l.Schema != Schema {
		return fmt.Errorf("schema: got %q, want %q", l.Schema, Schema)
	}
	var errs []error
	if _, err := digest.Parse(string(l.Manifest)); err != nil {
		errs = append(errs, fmt.Errorf("manifest: %w", err))
	}
	for _, name := range slices.Sorted(maps.Keys(l.Dashboards)) {
		if id := l.Dashboards[name]; !dashboardName.MatchString(name) || id < 0 {
			errs = append(errs, fmt.Errorf("dashboard %q: %d: want a file name of letters, digits, \".\", \"_\", \"-\", and an id that is not negative", name, id))
		}
	}
	return errors.Join(errors.Join(errs...), l.checkDependencies(), l.checkImages(), l.checkFiles())
}

func (l *Lock) checkDependencies() error {
	var errs []error
	if !slices.IsSortedFunc(l.Dependencies, func(a, b Dependency) int { return strings.Compare(a.Name, b.Name) }) {
		errs = append(errs, errors.New("dependencies: not sorted by name"))
	}
	primaries := 0
	for i, d := range l.Dependencies {
		if d.Primary {
			primaries++
		}
		if i > 0 && d.Name == l.Dependencies[i-1].Name {
			errs = append(errs, fmt.Errorf("duplicate dependency %q", d.Name))
		}
		if err := d.Check(); err != nil {
			errs = append(errs, fmt.Errorf("dependency %q: %w", d.Name, err))
		}
	}
	if primaries != 1 {
		errs = append(errs, fmt.Errorf("dependencies: %d are primary, want 1", primaries))
	}
	return errors.Join(errs...)
}

// Check reports the first thing in d that is not valid in a lock.
func (d *Dependency) Check() error {
	sources := 0
	for _, set := range []bool{d.Module != nil, d.Git != nil, d.Local != nil} {
		if set {
			sources++
		}
	}
	switch {
	case sources != 1:
		return errors.New("want exactly one of module, git and local")
	case d.Digest == "":
		return errors.New("no digest")
	}
	if d.Module == nil {
		if _, err := digest.Parse(d.Digest); err != nil {
			return err
		}
	}
	if d.Git != nil && !IsCommit(d.Git.Commit) {
		return fmt.Errorf("commit: got %q, want 40 or 64 lower-case hexadecimal digits", d.Git.Commit)
	}
	if d.Local != nil && d.Local.Commit != "" && !IsCommit(d.Local.Commit) {
		return fmt.Errorf("commit: got %q, want 40 or 64 lower-case hexadecimal digits", d.Local.Commit)
	}
	return nil
}

// IsCommit reports whether s is a full object name of git, in SHA-1 or SHA-256.
func IsCommit(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

func (l *Lock) checkImages() error {
	var errs []error
	for i, img := range l.Images {
		if i > 0 && img.Name <= l.Images[i-1].Name {
			errs = append(errs, fmt.Errorf("image %q: images are not sorted by name, each once", img.Name))
		}
		if err := img.Check(); err != nil {
			errs = append(errs, fmt.Errorf("image %q: %w", img.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Check reports the first thing in i that is not valid in a lock.
func (i *Image) Check() error {
	if _, err := digest.Parse(string(i.Digest)); err != nil {
		return err
	}
	if len(i.Platforms) == 0 {
		return errors.New("no platforms")
	}
	for _, p := range i.Platforms {
		if _, err := digest.Parse(string(p.Digest)); err != nil {
			return fmt.Errorf("platform %q: %w", p.Platform, err)
		}
	}
	return nil
}

func (l *Lock) checkFiles() error {
	var errs []error
	for i, f := range l.Files {
		if i > 0 && slices.Compare([]string{f.Name, f.Platform}, []string{l.Files[i-1].Name, l.Files[i-1].Platform}) <= 0 {
			errs = append(errs, fmt.Errorf("file %q: files are not sorted by name and platform, each once", f.Name))
		}
		if _, err := digest.Parse(string(f.Digest)); err != nil {
			errs = append(errs, fmt.Errorf("file %q: %w", f.Name, err))
		}
	}
	return errors.Join(errs...)
}
