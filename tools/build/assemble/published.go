package main

import (
	"bytes"
	"maps"
	"reflect"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
)

// published reports whether data, parsed as m, is the manifest that a release of the
// lock carries: it pins everything, agrees with the lock, and is byte for byte what
// writeManifest writes.
func published(m *manifest.Manifest, l *lock.Lock, data []byte) bool {
	return m.Version == l.Version && m.Product == l.Product && m.Docker == l.Docker &&
		sameSet(m.Platforms, l.Platforms) && sameSet(m.Architectures, l.Architectures) && sameSet(m.Outputs, l.Outputs) &&
		m.SkipGenerateBillOfMaterials == l.SkipSBOM && string(m.Names) == l.Names && reflect.DeepEqual(m.Licenses, l.Licenses) &&
		len(m.Dependencies) == len(l.Dependencies) && !slices.ContainsFunc(m.Dependencies, func(d manifest.Dependency) bool { return !samePin(d, l) }) &&
		sameInputs(m, l) && resolved(m, l) == nil && bytes.Equal(manifest.Format(m), data)
}

// samePin reports whether the lock pins the dependency as the manifest does.
func samePin(d manifest.Dependency, l *lock.Lock) bool {
	pin, ok := l.Find(d.Name)
	if !ok || d.Primary != pin.Primary || !slices.Equal(d.Exclude, pin.Exclude) ||
		!maps.EqualFunc(d.GoTags, pin.GoTags, sameSet) || len(d.GoModules) > 0 && !sameSet(d.GoModules, pin.GoRoots) ||
		d.GoModules != nil && len(d.GoModules) == 0 && !pin.Unbuilt {
		return false
	}
	switch {
	case pin.Module != nil:
		return d.Module == pin.Module.Path && d.Version == pin.Module.Version
	case pin.Git != nil:
		return d.Git == pin.Git.URL && d.SHA == pin.Git.Commit
	}
	return pin.Local != nil && d.LocalPath == pin.Local.Path
}

// sameInputs does the same for base images and files.
func sameInputs(m *manifest.Manifest, l *lock.Lock) bool {
	for _, pin := range l.Images {
		if !slices.Contains(m.Images, manifest.Image{Name: pin.Name, Base: withDigest(pin.Base, pin.Digest)}) {
			return false
		}
	}
	urls := 0
	for _, f := range m.Files {
		for platform, url := range f.URLs {
			if !hasFile(l, lock.File{Name: f.Name, Platform: platform, URL: url}, f.SHA256s[platform]) {
				return false
			}
		}
		if f.URL != "" && !hasFile(l, lock.File{Name: f.Name, URL: f.URL}, f.SHA256) {
			return false
		}
		urls += max(1, len(f.URLs))
	}
	// The lock also has the file of proxyOverride.
	if m.ProxyOverride != "" {
		urls++
	}
	return len(m.Images) == len(l.Images) && urls == len(l.Files)
}

func hasFile(l *lock.Lock, want lock.File, sha256 string) bool {
	return slices.ContainsFunc(l.Files, func(f lock.File) bool {
		return f.Name == want.Name && f.Platform == want.Platform && f.URL == want.URL && f.Digest.Hex() == sha256
	})
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
