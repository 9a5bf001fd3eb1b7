package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcearchive"
)

// extract writes files of a source, and which of them are executable.
func extract(_ context.Context, o *options) error {
	var selection sourcearchive.Selection
	if err := jsonfile.Read(o.entries, &selection); err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	executables, err := sourcearchive.Extract(selection, o.out)
	if err != nil {
		return err
	}
	return jsonfile.Write(o.out+".json", archive.Modes{Executables: append([]string{}, executables...)})
}

// writeSources writes the archive of all sources.
func writeSources(ctx context.Context, o *options) error {
	var sources []sourcearchive.Source
	if err := jsonfile.Read(o.entries, &sources); err != nil {
		return err
	}
	err := fileio.Replace(o.out, fileio.Options{Mode: 0o644}, func(f *os.File) error {
		return sourcearchive.Write(fileio.Writer(ctx, f), sources, time.Unix(o.mtime, 0).UTC())
	})
	if err != nil {
		return fmt.Errorf("writing sources %q: %w", o.out, err)
	}
	return nil
}
