package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/sbom"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
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
func writeSBOMs(ctx context.Context, o *options) error {
	var args sbom.Args
	var documents []document
	if err := jsonfile.Read(o.artifacts, &args.Artifacts); err != nil {
		return err
	}
	if err := jsonfile.Read(o.documents, &documents); err != nil {
		return err
	}
	l, err := lock.Read(o.lock)
	if err != nil {
		return err
	}
	args.Lock = l
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
