// Pull writes a pinned base image as a Bazel repository. It reads the image from the
// store, and fetches it into the store if it is missing there. Repository rules run it
// before Bazel can build anything.
//
//	pull --store DIR --entry FILE --base DIR --out DIR [--airgap]
//
// FILE is an element of a lock's images, as JSON. --base is the manifest's directory:
// paths in the entry are relative to it. Pull writes
//
//	OUT/layout        an OCI image layout, whose index.json points to the pinned image
//	OUT/BUILD.bazel   the target :base, which provides BaseImageInfo
//
// Every byte is compared with the digests of the entry. Images are requested by digest,
// so a tag that moved does not matter. Credentials are those of docker login. With
// --airgap no socket is opened, and anything that is missing from the store is an error.
//
// Exit status: 0 done, 1 an error, 2 the command line is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/source/baseimage"
	"github.com/jasonwzm/release-builder/tools/internal/source/store"
)

func main() { cli.Main(run) }

const command = "pull"

func run(ctx context.Context, args []string, _, stderr io.Writer) int {
	fs := flag.NewFlagSet(command, flag.ContinueOnError)
	storeDir := fs.String("store", "", "the store's `directory` (required)")
	entry := fs.String("entry", "", "the `file` with a lock's image (required)")
	base := fs.String("base", "", "the `directory` that paths in the entry are relative to (required)")
	out := fs.String("out", "", "the `directory` to fill (required)")
	airgap := fs.Bool("airgap", false, "use no network")
	if status, ok := cli.ParseFlags(fs, args, stderr); !ok {
		return status
	}
	if fs.NArg() > 0 {
		return cli.UsageError(stderr, command, "unexpected argument %q", fs.Arg(0))
	}
	for _, f := range []string{"store", "entry", "base", "out"} {
		if fs.Lookup(f).Value.String() == "" {
			return cli.UsageError(stderr, command, "flag -%s is missing", f)
		}
	}
	s, err := store.Open(*storeDir)
	if err == nil {
		progress := cli.Log(stderr, command)
		err = pull(ctx, baseimage.Args{Dir: *base, Store: s, Keychain: authn.DefaultKeychain, Progress: progress}, *entry, *out, *airgap)
	}
	if err != nil {
		return cli.Fail(stderr, command, err)
	}
	return cli.OK
}

func pull(ctx context.Context, a baseimage.Args, entry, out string, airgap bool) error {
	var img lock.Image
	if err := jsonfile.Read(entry, &img); err != nil {
		return fmt.Errorf("reading lock entry: %w", err)
	}
	if err := img.CheckSeal(); err != nil {
		return err
	}
	err := baseimage.Check(a.Store, &img)
	switch {
	case errors.Is(err, store.ErrMissing) && airgap:
		return hint.With(err, "run the build once without --config=airgap, or unpack a bundle into the store")
	case errors.Is(err, store.ErrMissing):
		err = baseimage.Bring(ctx, a, &img)
	}
	if err != nil {
		return err
	}
	if err := baseimage.Layout(ctx, a.Store, &img, filepath.Join(out, "layout")); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "BUILD.bazel"), buildFile(&img), 0o644)
}

// buildFile returns the BUILD file of the layout's repository.
func buildFile(img *lock.Image) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `load("@release_builder//release/sources:defs.bzl", "base_image_layout")

base_image_layout(
    name = "base",
    digest = %q,
    entry = %q,
    files = glob(["layout/**"]),
    platforms = {
`, img.Digest, img.Name)
	for _, p := range img.Platforms {
		fmt.Fprintf(&b, "        %q: %q,\n", p.Platform, p.Digest)
	}
	b.WriteString("    },\n    visibility = [\"//visibility:public\"],\n)\n")
	return []byte(b.String())
}
