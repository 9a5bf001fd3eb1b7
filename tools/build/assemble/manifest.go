package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
)

// writeManifest writes the manifest that the release carries.
func writeManifest(_ context.Context, v cli.Values) error {
	data, err := fileio.ReadLimited(v.Get("manifest"), manifest.MaxSize)
	if err != nil {
		return err
	}
	m, err := manifest.Parse(v.Get("manifest"), data)
	if err != nil {
		return err
	}
	l, err := lock.Read(v.Get("lock"))
	if err != nil {
		return err
	}
	switch got := digest.FromBytes(data); {
	case got == l.Manifest:
		err = sameTags(m, l)
	case !published(m, l, data):
		err = fmt.Errorf("it was resolved from a manifest with digest %s, %s has %s", l.Manifest, v.Get("manifest"), got)
	}
	if err != nil {
		return hint.With(fmt.Errorf("%s is stale: %w", v.Get("lock"), err), "tools/bazel run //release:resolve")
	}
	if err := resolved(m, l); err != nil {
		return err
	}
	return fileio.WriteFile(v.Get("out"), manifest.Format(m), 0o644)
}

// sameTags checks that the lock and the manifest agree on goversionenabled. Publishing reads
// it from the lock, and older versions of resolve did not write it.
func sameTags(m *manifest.Manifest, l *lock.Lock) error {
	for _, d := range m.Dependencies {
		if pin, ok := l.Find(d.Name); ok && pin.GoVersionEnabled != d.GoVersionEnabled {
			return fmt.Errorf("goversionenabled of dependency %q: the lock has %t, the manifest has %t", d.Name, pin.GoVersionEnabled, d.GoVersionEnabled)
		}
	}
	return nil
}

// resolved replaces the dependencies in m by what the lock pins.
func resolved(m *manifest.Manifest, l *lock.Lock) error {
	m.Product = l.Product
	for i := range m.Dependencies {
		d := &m.Dependencies[i]
		pin, ok := l.Find(d.Name)
		if !ok {
			return fmt.Errorf("the lock has no dependency %q", d.Name)
		}
		switch {
		case pin.Module != nil:
			d.Module, d.Version, d.Auto, d.From = pin.Module.Path, pin.Module.Version, "", ""
		case pin.Git != nil:
			d.SHA, d.Branch, d.Tag, d.Auto, d.From = pin.Git.Commit, "", "", "", ""
		}
	}
	return resolvedInputs(m, l)
}

// resolvedInputs does the same for base images and files.
func resolvedInputs(m *manifest.Manifest, l *lock.Lock) error {
	for i := range m.Images {
		img := &m.Images[i]
		at := slices.IndexFunc(l.Images, func(pin lock.Image) bool { return pin.Name == img.Name })
		if at < 0 {
			return fmt.Errorf("the lock has no image %q", img.Name)
		}
		img.Base = withDigest(img.Base, l.Images[at].Digest)
	}
	for i := range m.Files {
		f := &m.Files[i]
		found := false
		for _, pin := range l.Files {
			if pin.Name != f.Name {
				continue
			}
			found = true
			if pin.Platform == "" {
				f.SHA256 = pin.Digest.Hex()
				continue
			}
			if f.SHA256s == nil {
				f.SHA256s = map[string]string{}
			}
			f.SHA256s[pin.Platform] = pin.Digest.Hex()
		}
		if !found {
			return fmt.Errorf("the lock has no file %q", f.Name)
		}
	}
	return nil
}

// withDigest returns the reference of a base image with the pinned digest. The path of
// an archive cannot carry one.
func withDigest(base string, d digest.Digest) string {
	if strings.HasPrefix(base, "docker-archive:") {
		return base
	}
	base, _, _ = strings.Cut(base, "@")
	return base + "@" + string(d)
}
