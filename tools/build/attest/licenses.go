package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"runtime"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/license"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// licenseSources are the pinned sources with their licence files, and those of the Go SDK.
type licenseSources struct {
	SDK     map[string]string `json:"sdk"` // path → name on disk
	Sources []struct {
		license.SourceFiles
		Archive string `json:"archive"` // the archive to write; empty for none
	} `json:"sources"`
}

// writeLicenses writes NOTICES, the archives of licences, and the list of components.
func writeLicenses(ctx context.Context, v cli.Values) error {
	entries, err := release.ReadEntries(v.Get("artifacts"))
	if err != nil {
		return err
	}
	var sources licenseSources
	if err := jsonfile.Read(v.Get("sources"), &sources); err != nil {
		return fmt.Errorf("reading sources: %w", err)
	}
	l, err := lock.Read(v.Get("lock"))
	if err != nil {
		return err
	}
	components, err := license.Collect(ctx, licenseArgs(l, entries, &sources))
	if err != nil {
		return err
	}
	if err := license.Apply(components, l.Licenses); err != nil {
		return err
	}
	if err := sources.pack(ctx, l); err != nil {
		return err
	}
	title := l.Product + " " + l.Version
	return errors.Join(
		fileio.WriteFile(v.Get("out"), license.Notices(title, components), 0o644),
		jsonfile.Write(v.Get("document"), license.Document{Schema: license.DocumentSchema, Components: components}),
	)
}

func licenseArgs(l *lock.Lock, entries []release.Entry, sources *licenseSources) license.Args {
	a := license.Args{Lock: l, Artifacts: entries, SDK: sources.SDK}
	for _, s := range sources.Sources {
		a.Sources = append(a.Sources, s.SourceFiles)
	}
	return a
}

// pack writes the archives: all licence files of a source and of what it vendors.
func (s *licenseSources) pack(ctx context.Context, l *lock.Lock) error {
	return parallel.DoAll(ctx, len(s.Sources), runtime.NumCPU(), func(ctx context.Context, i int) error {
		source := s.Sources[i]
		if source.Archive == "" {
			return nil
		}
		var entries []archive.Entry
		for _, p := range slices.Sorted(maps.Keys(source.Files)) {
			entries = append(entries, archive.Entry{Path: p, Source: source.Files[p]})
		}
		if len(entries) == 0 {
			return fmt.Errorf("packing %s: source %s has no licence file", path.Base(source.Archive), source.Dependency)
		}
		_, err := archive.WriteFile(ctx, archive.WriteFileArgs{
			Name: source.Archive, Format: archive.TarGzip, Entries: entries, Options: archive.Options{ModTime: l.Time},
		})
		return err
	})
}
