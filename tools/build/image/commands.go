package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/ociimage"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

func checkPlatform(s string) error {
	_, err := ociimage.ParsePlatform(s)
	return err
}

func layer(ctx context.Context, v cli.Values) error {
	entries, err := archive.ReadEntries(v.Get("entries"))
	if err != nil {
		return err
	}
	var desc ociimage.LayerDescriptor
	err = fileio.Replace(v.Get("out"), fileio.Options{Mode: 0o644}, func(f *os.File) error {
		desc, err = ociimage.WriteLayer(fileio.Writer(ctx, f), entries, v.Seconds("mtime"))
		return err
	})
	if err != nil {
		return fmt.Errorf("writing layer %q: %w", v.Get("out"), err)
	}
	if err := jsonfile.Write(v.Get("descriptor"), desc); err != nil {
		return errors.Join(err, os.Remove(v.Get("out")))
	}
	return nil
}

func index(ctx context.Context, v cli.Values) error {
	spec, err := ociimage.ReadSpec(v.Get("spec"))
	if err != nil {
		return err
	}
	idx, err := ociimage.Index(spec)
	if err != nil {
		return err
	}
	return layout.Write(ctx, layout.WriteArgs{Dir: v.Get("out"), Index: idx, Ref: spec.Ref})
}

func dockerArchive(ctx context.Context, v cli.Values) error {
	platform, err := ociimage.ParsePlatform(v.Get("platform"))
	if err != nil {
		return err
	}
	err = fileio.ReplaceWithSum(ctx, v.Get("out"), v.Get("sha256"), func(w io.Writer) error {
		return ociimage.WriteDockerArchive(ctx, w, ociimage.DockerArchiveArgs{
			Layout: layout.Path(v.Get("layout")), Platform: platform, Repository: v.Get("repository"), ModTime: v.Seconds("mtime"),
		})
	})
	if err != nil {
		return fmt.Errorf("writing Docker archive %q: %w", v.Get("out"), err)
	}
	return nil
}

func caBundle(_ context.Context, v cli.Values) error {
	der, err := fileio.ReadLimited(v.Get("der"), ociimage.MaxCABundleSize)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := ociimage.WriteCABundle(&b, der); err != nil {
		return fmt.Errorf("%q: %w", v.Get("der"), err)
	}
	return fileio.WriteFile(v.Get("out"), b.Bytes(), 0o644)
}
