package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/dashboard"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/helmchart"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/yamledit"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

type packageSpec struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	AppVersion string `json:"appVersion"`
	Files      []struct {
		Path   string `json:"path"`
		Source string `json:"source"`
	} `json:"files"`
	Values       map[string]string `json:"values"`
	Dependencies []string          `json:"dependencies"`
}

func runPackage(ctx context.Context, v cli.Values) error {
	var spec packageSpec
	if err := jsonfile.Read(v.Get("spec"), &spec); err != nil {
		return fmt.Errorf("reading spec: %w", err)
	}
	a := helmchart.PackArgs{
		Name: spec.Name, Version: spec.Version, AppVersion: spec.AppVersion, Dependencies: spec.Dependencies,
		Files: map[string]string{}, ModTime: v.Seconds("mtime"), Out: v.Get("out"),
	}
	for _, f := range spec.Files {
		if other := a.Files[f.Path]; other != "" {
			return fmt.Errorf("packing chart %q: duplicate file %q: %q and %q", spec.Name, f.Path, other, f.Source)
		}
		a.Files[f.Path] = f.Source
	}
	var err error
	if a.Values, err = yamledit.ByFile(spec.Values); err != nil {
		return fmt.Errorf("packing chart %q: %w", spec.Name, err)
	}
	return helmchart.Pack(ctx, a)
}

func runYAML(_ context.Context, v cli.Values) error {
	var values map[string]string
	if err := jsonfile.Read(v.Get("values"), &values); err != nil {
		return fmt.Errorf("reading values: %w", err)
	}
	data, err := fileio.ReadLimited(v.Get("file"), yamledit.MaxSize)
	if err != nil {
		return err
	}
	var edits []yamledit.Edit
	for _, path := range slices.Sorted(maps.Keys(values)) {
		edits = append(edits, yamledit.Edit{Path: path, Value: values[path]})
	}
	if data, err = yamledit.Apply(v.Get("file"), data, edits); err != nil {
		return err
	}
	return fileio.WriteFile(v.Get("out"), data, 0o644)
}

type dashboardSpec struct {
	Name        string            `json:"name"`
	Version     string            `json:"version"`
	Sources     []string          `json:"sources"`
	Datasources map[string]string `json:"datasources"`
}

func runDashboard(_ context.Context, v cli.Values) error {
	var spec dashboardSpec
	if err := jsonfile.Read(v.Get("spec"), &spec); err != nil {
		return fmt.Errorf("reading spec: %w", err)
	}
	file, err := spec.find()
	if err != nil {
		return fmt.Errorf("dashboard %q: %w", spec.Name, err)
	}
	data, err := fileio.ReadLimited(file, dashboard.MaxSize)
	if err == nil {
		data, err = dashboard.Externalize(data, dashboard.Args{Version: spec.Version, Datasources: spec.Datasources})
	}
	if err != nil {
		return fmt.Errorf("dashboard %q: %s: %w", spec.Name, file, err)
	}
	return fileio.WriteFile(v.Get("out"), data, 0o644)
}

// find returns the file with the dashboard: NAME.json, or NAME.gen.json, which Jsonnet wrote.
func (s *dashboardSpec) find() (string, error) {
	var found, all []string
	add := func(file string) {
		base := filepath.Base(file)
		if base == s.Name+".json" || base == s.Name+".gen.json" {
			found = append(found, file)
		} else if strings.HasSuffix(base, ".json") {
			all = append(all, strings.TrimSuffix(strings.TrimSuffix(base, ".json"), ".gen"))
		}
	}
	for _, source := range s.Sources {
		info, err := os.Stat(source)
		if err != nil {
			return "", err
		}
		if !info.IsDir() {
			add(source)
			continue
		}
		list, err := os.ReadDir(source)
		if err != nil {
			return "", err
		}
		for _, d := range list {
			add(filepath.Join(source, d.Name()))
		}
	}
	switch {
	case len(found) > 1:
		return "", fmt.Errorf("got %s, want one file", strings.Join(found, " and "))
	case len(found) == 1:
		return found[0], nil
	}
	err := fmt.Errorf("no file %s.json or %s.gen.json", s.Name, s.Name)
	if len(all) == 0 {
		return "", fmt.Errorf("%w: there are no dashboards", err)
	}
	slices.Sort(all)
	return "", hint.With(err, "write one of these in the manifest's dashboards: %s", strings.Join(all, ", "))
}
