package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/provenance"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// writeProvenance writes the provenance of the artifacts.
func writeProvenance(ctx context.Context, v cli.Values) error {
	entries, err := readEntries(v.Get("artifacts"))
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
func subjectsOf(ctx context.Context, entries []entry) ([]provenance.Subject, error) {
	var all []provenance.Subject
	var names []string // of the files on disk
	for _, e := range entries {
		if e.Kind == imageKind {
			images, err := imageSubjects(e)
			if err != nil {
				return nil, fmt.Errorf("image %q: %w", e.Path, err)
			}
			all = append(all, images...)
			names = append(names, make([]string, len(images))...)
		}
		err := walk(e.Path, e.Source, func(name, file string) {
			mediaType := e.MediaType
			if name != e.Path {
				mediaType = "" // that of the directory
			}
			all = append(all, provenance.Subject{Name: name, MediaType: mediaType})
			names = append(names, file)
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

// walk calls add for each file of an artifact, with its path in the release and its name on
// disk. In a sandbox, sources are symbolic links.
func walk(name, file string, add func(name, file string)) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%q is not a file", file)
		}
		add(name, file)
		return nil
	}
	list, err := os.ReadDir(file)
	if err != nil {
		return err
	}
	for _, d := range list {
		if err := walk(path.Join(name, d.Name()), filepath.Join(file, d.Name()), add); err != nil {
			return err
		}
	}
	return nil
}

// imageSubjects returns the index and the manifests of an image.
func imageSubjects(e entry) (all []provenance.Subject, err error) {
	p := layout.Path(e.Source)
	descs, err := p.Manifests()
	if err != nil {
		return nil, err
	}
	for _, desc := range descs {
		if string(desc.MediaType) != e.MediaType {
			continue // a referrer
		}
		all = append(all, provenance.Subject{Name: e.Path, Digest: layout.DigestOf(desc), MediaType: e.MediaType})
		raw, err := p.ReadDescriptor(desc, layout.MaxManifestSize)
		if err != nil {
			return nil, err
		}
		index, err := layout.Parse(raw)
		if err != nil {
			return nil, err
		}
		for _, m := range index.Manifests {
			if m.Platform != nil {
				name := strings.Join([]string{e.Path, m.Platform.String()}, " ")
				all = append(all, provenance.Subject{Name: name, Digest: layout.DigestOf(m), MediaType: string(m.MediaType)})
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("its layout has no manifest of media type %q", e.MediaType)
	}
	return all, nil
}
