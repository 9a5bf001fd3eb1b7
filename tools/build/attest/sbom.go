package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/license"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/sbom"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/spdx"
)

// A document is one that is written.
type document struct {
	Of     string `json:"of"`     // release, image or source
	Name   string `json:"name"`   // the image's path in the release, or the dependency's name
	Path   string `json:"path"`   // in the release
	Format string `json:"format"` // spdx or cyclonedx
	Out    string `json:"out"`
}

// writeSBOMs writes bills of materials.
func writeSBOMs(ctx context.Context, v cli.Values) error {
	entries, err := release.ReadEntries(v.Get("artifacts"))
	if err != nil {
		return err
	}
	args := sbom.Args{Artifacts: entries}
	var documents []document
	if err := jsonfile.Read(v.Get("documents"), &documents); err != nil {
		return err
	}
	l, err := lock.Read(v.Get("lock"))
	if err != nil {
		return err
	}
	args.Lock = l
	if document := v.Get("document"); document != "" {
		if args.Licenses, err = licensesOf(document); err != nil {
			return err
		}
	}
	inv, err := sbom.Collect(ctx, args)
	if err != nil {
		return err
	}
	var paths []string
	for _, d := range documents {
		paths = append(paths, d.Path)
	}
	return parallel.DoAll(ctx, len(documents), runtime.NumCPU(), func(_ context.Context, i int) error {
		data, err := documents[i].content(inv, paths)
		if err != nil {
			return fmt.Errorf("describing %s %q: %w", documents[i].Of, documents[i].Name, err)
		}
		return fileio.WriteFile(documents[i].Out, data, 0o644)
	})
}

// licensesOf returns the licences of Go modules that attest licenses found. A licence that is
// not on the SPDX list has no place in a document without its text, which NOTICES has.
func licensesOf(file string) (map[string]string, error) {
	d, err := license.Read(file)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, c := range d.Components {
		if c.Type == license.Module && c.License != spdx.NoAssertion && !strings.Contains(c.License, "LicenseRef-") {
			found[c.Name+"@"+c.Version] = c.License
		}
	}
	return found, nil
}

func (d document) content(inv *sbom.Inventory, paths []string) (data []byte, err error) {
	var g *sbom.Graph
	switch d.Of {
	case "release":
		g = inv.Release(paths)
	case "image":
		g, err = inv.Image(d.Name)
	case "source":
		g, err = inv.Source(d.Name)
	default:
		err = fmt.Errorf("got %q, want release, image or source", d.Of)
	}
	if err != nil {
		return nil, err
	}
	switch d.Format {
	case "spdx":
		return g.SPDX()
	case "cyclonedx":
		return g.CycloneDX()
	}
	return nil, fmt.Errorf("got format %q, want spdx or cyclonedx", d.Format)
}
