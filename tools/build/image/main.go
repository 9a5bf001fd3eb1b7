// Command image builds container images for Bazel actions. It follows the OCI image
// specification, version 1.1.
//
//	image layer --entries ENTRIES.json --mtime SECONDS --out LAYER.tar.gz --descriptor LAYER.json
//	image index --spec SPEC.json --out DIR
//	image docker-archive --layout DIR --platform OS/ARCH --repository NAME --mtime SECONDS --out IMAGE.tar.gz --sha256 IMAGE.tar.gz.sha256
//	image ca-bundle --der BUNDLE.der --out CA-CERTIFICATES.crt
//
// The same input gives the same bytes. The order of entries and platforms, the clock,
// the time zone, the umask, the user, the current directory and the number of CPUs have
// no effect. Nothing uses the network.
//
// # image layer
//
// Writes files as one gzip layer, sorted by path. Parent directories are added. All entries
// have the owner 0:0 and the modification time SECONDS after 1970. ENTRIES.json is an array:
//
//	[
//	  {"path": "usr/bin/crane", "source": "bazel-out/crane", "mode": "0755"},
//	  {"path": "etc/passwd", "content": "root:x:0:0::/:/sbin/nologin\n"},
//	  {"path": "bin/crane", "symlink": "../usr/bin/crane"},
//	  {"path": "tmp/"}
//	]
//
// If a source is a directory, all files below it are added. The mode is 0644, the default,
// or 0755. LAYER.json describes the layer:
//
//	{
//	  "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
//	  "digest": "sha256:…",   of LAYER.tar.gz
//	  "size": 1234,           of LAYER.tar.gz, in bytes
//	  "diffID": "sha256:…"    of the tar in it
//	}
//
// # image index
//
// Writes an OCI image layout. Its index.json points to one image index of images for one
// or more platforms. SPEC.json:
//
//	{
//	  "created": "2026-01-31T12:00:00Z",
//	  "ref": "v1.2.3",                    optional: the name in the layout
//	  "annotations": {"KEY": "VALUE"},    optional: of the index and the manifests
//	  "platforms": [
//	    {
//	      "os": "linux",
//	      "architecture": "arm64",
//	      "variant": "v8",                optional
//	      "base": {                       optional: the image below the layers
//	        "layout": "DIR",              a layout
//	        "digest": "sha256:…"          of the manifest in it for this platform
//	      },
//	      "layers": [                     the lowest first
//	        {"tar": "LAYER.tar.gz", "descriptor": "LAYER.json"}
//	      ],
//	      "config": {                     all optional
//	        "entrypoint": ["/usr/bin/crane"],
//	        "cmd": ["version"],
//	        "env": ["NAME=value"],
//	        "user": "65532:65532",
//	        "workdir": "/",
//	        "labels": {"KEY": "VALUE"},
//	        "ports": ["8080", "53/udp"]
//	      }
//	    }
//	  ]
//	}
//
// File names are relative to the current directory. The images are sorted by platform.
// arm64 without a variant becomes arm64/v8, and arm becomes arm/v7, as every reader
// assumes. Layers are copied and compared with their descriptors. DIR must be empty or
// not exist, and is empty after an error. "crane push DIR REFERENCE" and
// "skopeo copy --all oci:DIR:REF DESTINATION" push the index.
//
// A base's layers are kept byte for byte; Docker's media types become OCI's. The config
// inherits from the base: env, labels and ports are merged, and other fields that are not
// set are the base's. An entrypoint removes the base's cmd. The manifest's annotation
// org.opencontainers.image.base.digest has the base's digest.
//
// # image docker-archive
//
// Writes the image of one platform, out of a layout, as "docker load" and "podman load" read
// it. The image's tag is NAME and the name of the index in the layout, with _ for +. The
// archive is also an OCI image layout of this image. Its manifest, config and layers are
// those of DIR, so that they have the same digests in a registry. Layers are not compressed
// again. The second file has the archive's SHA-256 and base name, for sha256sum -c.
//
// # image ca-bundle
//
// Converts root certificates to the PEM file that TLS libraries read. BUNDLE.der is a
// concatenation of certificates in DER. The output is sorted by SHA-256, and has a
// comment with the subject above each certificate.
//
// Exit status: 0 done, 1 an error, 2 the command line is wrong.
package main

import (
	"context"
	"io"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, _, stderr io.Writer) int {
	mtime := cli.Required("mtime", "modification time of all entries, in `seconds` since 1970", cli.CheckSeconds)
	return cli.RunVerb(ctx, "image", map[string]cli.Verb{
		"layer": {Flags: []cli.Flag{
			cli.Required("entries", "JSON `file` with the layer's entries", nil),
			mtime,
			cli.Required("out", "layer `file` to write", nil),
			cli.Required("descriptor", "JSON `file` to write, with the layer's descriptor", nil),
		}, Run: layer},
		"index": {Flags: []cli.Flag{
			cli.Required("spec", "JSON `file` that describes the images", nil),
			cli.Required("out", "`directory` of the layout to write", nil),
		}, Run: index},
		"docker-archive": {Flags: []cli.Flag{
			cli.Required("layout", "`directory` of the layout with the image", nil),
			cli.Required("platform", "`os/architecture` of the image, such as linux/arm64", checkPlatform),
			cli.Required("repository", "`name` of the image, without a tag", nil),
			mtime,
			cli.Required("out", "archive `file` to write", nil),
			cli.Required("sha256", "checksum `file` to write", nil),
		}, Run: dockerArchive},
		"ca-bundle": {Flags: []cli.Flag{
			cli.Required("der", "`file` with certificates in DER", nil),
			cli.Required("out", "PEM `file` to write", nil),
		}, Run: caBundle},
	}, args, stderr)
}
