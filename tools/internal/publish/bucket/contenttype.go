package bucket

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/publish"
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

// headers are what a service sends with an object's content.
type headers struct{ contentType, cacheControl string }

// Serve records in an item the headers of the content or pointer at a key, if the store keeps
// any.
func (p *Place) Serve(i *publish.Item, key string) {
	if !p.headers {
		return
	}
	i.ContentType, i.CacheControl = contentType(key), noCache
	if i.Phase == publish.Upload {
		i.CacheControl = immutable
	}
}

// CheckServed checks that the object at a key has the headers in an item. Items of older
// receipts have none.
func (p *Place) CheckServed(ctx context.Context, i publish.Item, key string) error {
	if i.ContentType == "" {
		return nil
	}
	o, err := p.store.stat(ctx, key)
	if err == nil {
		err = p.checkServed(i, o)
	}
	return err
}

func (p *Place) checkServed(i publish.Item, o object) error {
	var errs []error
	for _, h := range []struct{ name, got, want string }{{"Content-Type", o.contentType, i.ContentType}, {"Cache-Control", o.cacheControl, i.CacheControl}} {
		if h.got != h.want && i.ContentType != "" {
			errs = append(errs, fmt.Errorf("%s %q: got %s %q, want %q", i.Kind, i.Name, h.name, h.got, h.want))
		}
	}
	return errors.Join(errs...)
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
