package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/source/sourcearchive"
)

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
