// Package ociimage builds container images, writes and reads them as OCI image
// layouts, and unpacks and lists them. It follows the OCI image specification,
// version 1.1.
//
// One type goes through all of it: v1.Image, and v1.ImageIndex for several
// platforms, of github.com/google/go-containerregistry, so that whatever that
// library can do with an image (push it, validate it, compare it) works on what
// this package builds and reads.
//
//	WriteLayer    files                → a gzip layer and its LayerDescriptor
//	Index         a Spec               → v1.ImageIndex
//	WriteLayout   v1.ImageIndex        → a directory: oci-layout, index.json, blobs/
//	Open          such a directory        → v1.ImageIndex, each byte verified as it is read
//	Find          an index, a platform → v1.Image
//	Unpack        v1.Image             → the files of its root file system
//	List          v1.ImageIndex        → a listing, one line for each part
//	WriteCABundle DER certificates     → the PEM file that programs in an image read
//
// The bytes of what is built depend on the arguments alone. What is read is not
// trusted: sizes are limited, digests are compared, and paths cannot leave the
// directory that they belong to.
package ociimage
