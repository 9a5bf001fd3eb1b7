package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/yamledit"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcearchive"
)

// extract writes files of a source, and which of them are executable.
func extract(_ context.Context, v cli.Values) error {
	var selection struct {
		sourcearchive.Selection
		Values map[string]string `json:"values"` // FILE:PATH → value
	}
	if err := jsonfile.Read(v.Get("entries"), &selection); err != nil {
		return err
	}
	if err := os.MkdirAll(v.Get("out"), 0o755); err != nil {
		return err
	}
	executables, err := sourcearchive.Extract(selection.Selection, v.Get("out"))
	if err != nil {
		return err
	}
	if err := setValues(v.Get("out"), selection.Values); err != nil {
		return err
	}
	return jsonfile.Write(v.Get("out")+".json", archive.Modes{Executables: append([]string{}, executables...)})
}

// setValues sets values of YAML files below a directory, FILE:PATH → value.
func setValues(dir string, values map[string]string) error {
	edits, err := yamledit.ByFile(values)
	if err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(edits)) {
		name := filepath.Join(dir, filepath.FromSlash(file))
		data, err := fileio.ReadLimited(name, yamledit.MaxSize)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("values of %q: the selection has no such file", file)
		}
		if err == nil {
			data, err = yamledit.Apply(file, data, edits[file])
		}
		if err == nil {
			err = os.WriteFile(name, data, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
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
