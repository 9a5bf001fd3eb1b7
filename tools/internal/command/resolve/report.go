package resolve

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
)

// report is the result of a resolve, as --json prints it.
type report struct {
	Lock    string   `json:"lock"`
	Stale   bool     `json:"stale"`
	Changes []string `json:"changes"`
	// Uses says that MODULE.bazel did not have the names of the locks' repositories.
	Uses bool `json:"uses,omitempty"`
	// Behind are the locked branches and tags that have moved, with --check.
	Behind []string `json:"behind,omitempty"`
}

// report prints the changes.
func (o *options) report(stdout io.Writer, r *report) error {
	if o.json {
		r.Changes = append([]string{}, r.Changes...) // never null
		data, err := jsonfile.Marshal(r)
		if err == nil {
			_, err = stdout.Write(data)
		}
		return err
	}
	state := "is up to date"
	switch {
	case r.Stale && o.check:
		state = "is stale"
	case r.Stale:
		state = "written"
	}
	lines := append([]string{}, r.Changes...)
	for _, b := range r.Behind {
		lines = append(lines, "behind: "+b)
	}
	lines = append(lines, r.Lock+" "+state)
	if r.Uses && o.check {
		lines = append(lines, "MODULE.bazel does not have the repositories of all locks: run tools/bazel run //release:resolve")
	} else if r.Uses {
		lines = append(lines, "MODULE.bazel written")
	}
	_, err := fmt.Fprintln(stdout, strings.Join(lines, "\n"))
	return err
}

// names are the dependencies to re-resolve.
type names []string

func (n *names) String() string { return strings.Join(*n, ",") }

func (n *names) Set(s string) error {
	*n = append(*n, strings.Split(s, ",")...)
	return nil
}

// has reports whether the named dependency, image or file is among n.
func (n names) has(name string) bool { return slices.Contains(n, name) || slices.Contains(n, "all") }

// check refuses a name that is not in the manifest.
func (n names) check(m *manifest.Manifest) error {
	var known []string
	for _, d := range m.Dependencies {
		known = append(known, d.Name)
	}
	for _, i := range m.Images {
		known = append(known, i.Name)
	}
	for _, f := range m.Files {
		known = append(known, f.Name)
	}
	for _, name := range n {
		if name != "all" && !slices.Contains(known, name) {
			return fmt.Errorf("--update: got %q, want all or some of %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}
