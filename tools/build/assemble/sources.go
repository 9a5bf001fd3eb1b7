package main

import (
	"context"
	"fmt"
	"os"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcearchive"
)

// extract writes files of a source, and which of them are executable.
func extract(_ context.Context, v cli.Values) error {
	var selection sourcearchive.Selection
	if err := jsonfile.Read(v.Get("entries"), &selection); err != nil {
		return err
	}
	if err := os.MkdirAll(v.Get("out"), 0o755); err != nil {
		return err
	}
	executables, err := sourcearchive.Extract(selection, v.Get("out"))
	if err != nil {
		return err
	}
	return jsonfile.Write(v.Get("out")+".json", archive.Modes{Executables: append([]string{}, executables...)})
}

// writeSources writes the archive of all sources.
func writeSources(ctx context.Context, v cli.Values) error {
	var sources []sourcearchive.Source
	if err := jsonfile.Read(v.Get("entries"), &sources); err != nil {
		return err
	}
	err := fileio.Replace(v.Get("out"), fileio.Options{Mode: 0o644}, func(f *os.File) error {
		return sourcearchive.Write(fileio.Writer(ctx, f), sources, v.Seconds("mtime"))
	})
	if err != nil {
		return fmt.Errorf("writing sources %q: %w", v.Get("out"), err)
	}
	return nil
}
