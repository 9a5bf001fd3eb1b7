package validate

import (
	"path"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
)

// artifactOf returns the artifact that a file belongs to.
func (c *checker) artifactOf(file string) (release.Artifact, bool) {
	for _, a := range c.doc.Artifacts {
		if a.Path == file || a.Kind == "image" && strings.HasPrefix(file, a.Path+"/") {
			return a, true
		}
	}
	return release.Artifact{}, false
}

// documents compares release.json with SHA256SUMS and with the lock.
func (c *checker) documents() {
	if c.doc.Version != c.tree.Version || c.doc.Product != c.tree.Lock.Product {
		c.find(Digests, release.DocumentFile, "", "got version %q of %q, want %q of %q as in %s",
			c.doc.Version, c.doc.Product, c.tree.Version, c.tree.Lock.Product, release.LockFile)
	}
	for _, f := range c.tree.Files {
		if f.Path == release.Checksums || f.Path == release.DocumentFile {
			continue
		}
		if _, ok := c.artifactOf(f.Path); !ok {
			c.find(Digests, f.Path, "", "%s does not list it", release.DocumentFile)
		}
	}
	for _, a := range c.doc.Artifacts {
		file, size := a.Path, a.Size
		if a.Kind == "image" {
			file = path.Join(a.Path, "blobs", "sha256", a.Digest.Hex())
		}
		switch f, ok := c.tree.Find(file); {
		case !ok:
			c.find(Digests, a.Path, "", "%s lists it, and the release has no file %q", release.DocumentFile, file)
		case f.Digest != a.Digest || f.Size != size:
			c.find(Digests, a.Path, "", "got %s with %d bytes in %s, want %s with %d bytes", a.Digest, size, release.DocumentFile, f.Digest, f.Size)
		}
		if _, ok := c.tree.Find(a.Subject); a.Subject != "" && !ok {
			if _, ok := c.artifactOf(a.Subject + "/index.json"); !ok {
				c.find(Digests, a.Path, "", "its subject %q is not in the release", a.Subject)
			}
		}
	}
}

// checksum checks a .sha256 file, in the format of sha256sum(1).
func (c *checker) checksum(a release.Artifact, data []byte) {
	f, ok := c.tree.Find(a.Subject)
	if want := f.Digest.Hex() + "  " + path.Base(a.Subject) + "\n"; ok && string(data) != want {
		c.find(Digests, a.Path, "", "got %.200q, want %q", data, want)
	}
}
