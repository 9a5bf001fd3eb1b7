package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/ociimage"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// command is one of the verbs.
type command struct {
	flags []flagSpec // all required
	run   func(ctx context.Context, value func(flag string) string) error
}

type flagSpec struct {
	name, usage string
	check       func(value string) error // nil accepts any value
}

func commands() map[string]command {
	return map[string]command{
		"layer": {
			flags: []flagSpec{
				{"entries", "JSON `file` with the layer's entries", nil},
				{"mtime", "modification time of all entries, in `seconds` since 1970", checkSeconds},
				{"out", "layer `file` to write", nil},
				{"descriptor", "JSON `file` to write, with the layer's descriptor", nil},
			},
			run: layer,
		},
		"index": {
			flags: []flagSpec{
				{"spec", "JSON `file` that describes the images", nil},
				{"out", "`directory` of the layout to write", nil},
			},
			run: index,
		},
		"ca-bundle": {
			flags: []flagSpec{
				{"der", "`file` with certificates in DER", nil},
				{"out", "PEM `file` to write", nil},
			},
			run: caBundle,
		},
	}
}

func checkSeconds(s string) error {
	_, err := parseSeconds(s)
	return err
}

func parseSeconds(s string) (time.Time, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, fmt.Errorf("parsing time %q: want whole seconds since 1970", s)
	}
	return time.Unix(n, 0).UTC(), nil
}

func layer(ctx context.Context, value func(string) string) error {
	modTime, err := parseSeconds(value("mtime"))
	if err != nil {
		return err
	}
	entries, err := archive.ReadEntries(value("entries"))
	if err != nil {
		return err
	}
	var desc ociimage.LayerDescriptor
	err = fileio.Replace(value("out"), fileio.Options{Mode: 0o644}, func(f *os.File) error {
		desc, err = ociimage.WriteLayer(fileio.Writer(ctx, f), entries, modTime)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing layer %q: %w", value("out"), err)
	}
	if err := jsonfile.Write(value("descriptor"), desc); err != nil {
		return errors.Join(err, os.Remove(value("out")))
	}
	return nil
}

func index(ctx context.Context, value func(string) string) error {
	spec, err := ociimage.ReadSpec(value("spec"))
	if err != nil {
		return err
	}
	idx, err := ociimage.Index(spec)
	if err != nil {
		return err
	}
	return layout.Write(ctx, layout.WriteArgs{Dir: value("out"), Index: idx, Ref: spec.Ref})
}

func caBundle(_ context.Context, value func(string) string) error {
	der, err := fileio.ReadLimited(value("der"), ociimage.MaxCABundleSize)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := ociimage.WriteCABundle(&b, der); err != nil {
		return fmt.Errorf("%q: %w", value("der"), err)
	}
	return fileio.WriteFile(value("out"), b.Bytes(), 0o644)
}
