package bucket

import (
	"path"
	"strings"
)

// The Cache-Control of content, which never changes, and of pointers.
const (
	immutable = "public, max-age=31536000, immutable"
	noCache   = "no-cache, max-age=0"
)

const (
	plainText = "text/plain; charset=utf-8"
	octets    = "application/octet-stream"
)

var contentTypes = map[string]string{
	".gz": "application/gzip", ".tgz": "application/gzip", ".zip": "application/zip",
	".tar": "application/x-tar", ".zst": "application/zstd", ".xz": "application/x-xz",
	".json": "application/json", ".jsonl": "application/jsonl", ".yaml": "application/yaml", ".yml": "application/yaml",
	".sha256": plainText, ".txt": plainText, ".md": "text/markdown; charset=utf-8", ".html": "text/html; charset=utf-8",
	".sig": octets, ".pem": "application/x-pem-file", ".asc": "application/pgp-signature",
	".deb": "application/vnd.debian.binary-package", ".rpm": "application/x-rpm", ".exe": "application/vnd.microsoft.portable-executable",
}

// contentType returns the media type of a release's file by its path. Blobs of an OCI layout
// are bytes, whatever they contain. Compressed files have no content encoding, because
// clients would decompress them.
func contentType(p string) string {
	base := path.Base(p)
	switch {
	case strings.Contains(p, "/blobs/sha256/"):
		return octets
	case base == "SHA256SUMS" || base == "LICENSE" || base == "NOTICE":
		return plainText
	case base == "index.yaml": // of charts
		return "text/yaml"
	case base == "oci-layout":
		return "application/json"
	}
	if t, ok := contentTypes[strings.ToLower(path.Ext(base))]; ok {
		return t
	}
	return octets
}
