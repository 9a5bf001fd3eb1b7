package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
		"docker-archive": {
			flags: []flagSpec{
				{"layout", "`directory` of the layout with the image", nil},
				{"platform", "`os/architecture` of the image, such as linux/arm64", checkPlatform},
				{"repository", "`name` of the image, without a tag", nil},
				{"mtime", "modification time of all entries, in `seconds` since 1970", checkSeconds},
				{"out", "archive `file` to write", nil},
				{"sha256", "checksum `file` to write", nil},
			},
			run: dockerArchive,
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

func checkPlatform(s string) error {
	_, err := ociimage.ParsePlatform(s)
	return err
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

func dockerArchive(ctx context.Context, value func(string) string) error {
	platform, err := ociimage.ParsePlatform(value("platform"))
	if err != nil {
		return err
	}
	modTime, err := parseSeconds(value("mtime"))
	if err != nil {
		return err
	}
	hash := sha256.New()
	err = fileio.Replace(value("out"), fileio.Options{Mode: 0o644}, func(f *os.File) error {
		return ociimage.WriteDockerArchive(ctx, fileio.Writer(ctx, io.MultiWriter(f, hash)), ociimage.DockerArchiveArgs{
			Layout: layout.Path(value("layout")), Platform: platform, Repository: value("repository"), ModTime: modTime,
		})
	})
	if err != nil {
		return fmt.Errorf("writing Docker archive %q: %w", value("out"), err)
	}
	line := fmt.Sprintf("%x  %s\n", hash.Sum(nil), filepath.Base(value("out")))
	if err := fileio.WriteFile(value("sha256"), []byte(line), 0o644); err != nil {
		return errors.Join(err, os.Remove(value("out")))
	}
	return nil
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
