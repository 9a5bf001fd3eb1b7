// Package ociimage builds container images. It follows the OCI image specification,
// version 1.1.
//
//	WriteLayer    files            → a gzip layer and its LayerDescriptor
//	Index         a Spec           → v1.ImageIndex, which package layout writes
//	WriteCABundle DER certificates → the PEM file that programs in an image read
//
// Images are v1.Image, and v1.ImageIndex for several platforms, of
// github.com/google/go-containerregistry, so that whatever that library can do with an
// image (push it, validate it, compare it) works on what this package builds.
//
// The bytes of what is built depend on the arguments alone. A base image is not
// trusted: sizes are limited, and digests are compared.
package ociimage
