package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/provenance"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// writeProvenance writes the provenance of the artifacts.
func writeProvenance(ctx context.Context, v cli.Values) error {
	entries, err := release.ReadEntries(v.Get("artifacts"))
	if err != nil {
		return err
	}
	data, err := fileio.ReadLimited(v.Get("lock"), jsonfile.MaxSize)
	if err != nil {
		return err
	}
	l, err := lock.Parse(v.Get("lock"), data)
	if err != nil {
		return err
	}
	subjects, err := subjectsOf(ctx, entries)
	if err != nil {
		return err
	}
	s, err := provenance.New(provenance.Args{Line: v.Get("line"), Lock: l, LockSum: digest.FromBytes(data), Subjects: subjects})
	if err != nil {
		return err
	}
	if data, err = s.Marshal(); err != nil {
		return err
	}
	return fileio.WriteFile(v.Get("out"), data, 0o644)
}

// subjectsOf returns all files of the artifacts, and the index and the manifests of each image.
func subjectsOf(ctx context.Context, entries []release.Entry) ([]provenance.Subject, error) {
	var all []provenance.Subject
	var names []string // of the files on disk
	for _, e := range entries {
		if e.Kind == release.ImageKind {
			images, err := imageSubjects(e)
			if err != nil {
				return nil, fmt.Errorf("image %q: %w", e.Path, err)
			}
			all = append(all, images...)
			names = append(names, make([]string, len(images))...)
		}
		err := e.Walk(func(f release.Entry) {
			if f.Path != e.Path {
				f.MediaType = "" // it is that of the directory
			}
			all = append(all, provenance.Subject{Name: f.Path, MediaType: f.MediaType})
			names = append(names, f.Source)
		})
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", e.Source, err)
		}
	}
	err := parallel.DoAll(ctx, len(all), runtime.NumCPU(), func(ctx context.Context, i int) (err error) {
		if err := ctx.Err(); err != nil || names[i] == "" {
			return err
		}
		all[i].Digest, _, err = digest.FromFile(names[i])
		return err
	})
	return all, err
}

// imageSubjects returns the index and the manifests of an image.
func imageSubjects(e release.Entry) ([]provenance.Subject, error) {
	desc, index, err := e.Index()
	if err != nil {
		return nil, err
	}
	all := []provenance.Subject{{Name: e.Path, Digest: layout.DigestOf(desc), MediaType: e.MediaType}}
	for _, m := range index.Manifests {
		if m.Platform != nil {
			all = append(all, provenance.Subject{Name: e.Path + " " + m.Platform.String(), Digest: layout.DigestOf(m), MediaType: string(m.MediaType)})
		}
	}
	return all, nil
}
