package main

import (
	"context"
	"fmt"

	"github.com/jasonwzm/release-builder/tools/internal/cli"
	"github.com/jasonwzm/release-builder/tools/internal/digest"
	"github.com/jasonwzm/release-builder/tools/internal/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/lock"
	"github.com/jasonwzm/release-builder/tools/internal/manifest"
)

// writeManifest writes the manifest that the release carries.
func writeManifest(_ context.Context, o *options) error {
	data, err := jsonfile.ReadLimited(o.manifest, manifest.MaxSize)
	if err != nil {
		return err
	}
	m, err := manifest.Parse(o.manifest, data)
	if err != nil {
		return err
	}
	l, err := lock.Read(o.lock)
	if err != nil {
		return err
	}
	if got := digest.FromBytes(data); got != l.Manifest {
		err := fmt.Errorf("%s is stale: it was made from a manifest with digest %s, %s has %s", o.lock, l.Manifest, o.manifest, got)
		return cli.WithHint(err, "tools/bazel run //tools/resolve")
	}
	if err := resolved(m, l); err != nil {
		return err
	}
	return jsonfile.WriteFile(o.out, manifest.Format(m), 0o644)
}

// resolved replaces in m what a person left open by what the lock says.
func resolved(m *manifest.Manifest, l *lock.Lock) error {
	m.Product = l.Product
	for i := range m.Dependencies {
		d := &m.Dependencies[i]
		pin, ok := l.Find(d.Name)
		if !ok {
			return fmt.Errorf("the lock has no dependency %q", d.Name)
		}
		if pin.Module != nil {
			d.Module, d.Version, d.Auto = pin.Module.Path, pin.Module.Version, ""
		}
	}
	return nil
}
