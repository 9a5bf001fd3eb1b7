// Package ociimage builds container images. It follows the OCI image specification,
// version 1.1.
//
//	WriteLayer          files                → a gzip layer and its LayerDescriptor
//	Index               a Spec               → a v1.ImageIndex, which package layout writes
//	WriteDockerArchive  an image of a layout → the archive that "docker load" reads
//	WriteCABundle       DER certificates     → the PEM file that programs in an image read
//
// Images are v1.Image and v1.ImageIndex of github.com/google/go-containerregistry, so that
// library can push, validate and compare them.
//
// The output depends on the arguments alone. A base image is not trusted: sizes are
// limited, and digests are compared.
package ociimage
