//go:build linux

package hostile

import (
	"archive/tar"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/jasonwzm/release-builder/tools/internal/source/baseimage"
)

// pin pins a base image.
func pin(c *cell) error {
	a, err := pinArgs(c)
	if err != nil {
		return err
	}
	_, err = baseimage.Pin(c.ctx, a)
	return err
}

func pinArgs(c *cell) (baseimage.Args, error) {
	s, err := c.store()
	return baseimage.Args{
		Name: "app", Base: c.vars["image"], Dir: c.in(""), Platforms: []string{"linux/amd64"}, Store: s,
		Idle: 3 * time.Second, Pause: time.Millisecond, Keychain: secretKeychain{},
	}, err
}

// secretKeychain has a login for every registry.
type secretKeychain struct{}

func (secretKeychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(authn.AuthConfig{Username: "me", Password: "hunter2"}), nil
}

// layouts are image layouts with false data.
func layouts() []hazard {
	var all []hazard
	add := func(name, want string, feed func(*cell) error, prepare func(p *prep, l *layout)) {
		all = append(all, hazard{name: "layout: " + name, want: want, feed: feed, prepare: func(p *prep) {
			p.set("image", "oci-layout:layout")
			prepare(p, p.layout())
		}})
	}
	const pinned = `image "app": base "oci-layout:layout": `
	layer := func(p *prep) []byte { return tarOf(p, func(w *tarWriter) { w.file("a", "a") }) }
	altered := func(p *prep, d descriptor) {
		p.file("layout/blobs/sha256/"+d.Digest[7:], []byte(strings.Repeat("x", int(d.Size))))
	}
	add("altered manifest", pinned+`reading blob "{base}/in/layout/blobs/sha256/{manifest}": digest: got sha256:`, pin, func(p *prep, l *layout) {
		d := l.plain(layer(p))
		altered(p, d)
		p.set("manifest", d.Digest[7:])
		l.index(d)
	})
	add("altered layer", `digest: got sha256:`, pin, func(p *prep, l *layout) {
		d := l.blob(layerType, layer(p))
		l.index(l.image([]descriptor{d}, []string{d.Digest}))
		altered(p, d)
	})
	add("altered layer, built on", `digest: got sha256:`, buildOn, func(p *prep, l *layout) {
		d := l.blob(layerType, layer(p))
		l.index(l.image([]descriptor{d}, []string{d.Digest}))
		data := layer(p)
		data[block] = 'b' // in the content of the file
		p.file("layout/blobs/sha256/"+d.Digest[7:], data)
	})
	add("size of a layer", `size: got `, pin, func(p *prep, l *layout) {
		d := l.blob(layerType, layer(p))
		d.Size++
		l.index(l.image([]descriptor{d}, []string{d.Digest}))
	})
	add("layer of 8 EiB", `size is 9223372036854775807 bytes, want 1 to 17179869184`, pin, func(p *prep, l *layout) {
		d := l.blob(layerType, layer(p))
		d.Size = 1<<63 - 1
		l.index(l.image([]descriptor{d}, []string{d.Digest}))
	})
	add("negative size", `size is -1 bytes, want 1 to `, pin, func(p *prep, l *layout) {
		d := l.blob(layerType, layer(p))
		d.Size = -1
		l.index(l.image([]descriptor{d}, []string{d.Digest}))
	})
	add("missing layer", `no such file or directory`, pin, func(p *prep, l *layout) {
		l.index(l.image([]descriptor{describeBlob(layerType, layer(p))}, []string{someDigest}))
	})
	add("digest that is a path", `parsing index.json: found non-hex character in hash`, pin, func(p *prep, l *layout) {
		l.index(descriptor{manifestType, "sha256:../../../../x", 9})
	})
	add("digest of another algorithm", `parsing index.json: unsupported hash: "md5"`, pin, func(p *prep, l *layout) {
		l.index(descriptor{manifestType, "md5:" + strings.Repeat("0", 64), 9})
	})
	add("index and image in one", `document is both an index and an image`, pin, func(p *prep, l *layout) {
		l.index(l.json("", map[string]any{"schemaVersion": 2, "manifests": []any{}, "layers": []any{}, "config": l.blob(configType, nil)}))
	})
	add("another media type inside", `mediaType is "`+manifestType+`", want "`+indexType+`" as in its descriptor or Content-Type`, pin, func(p *prep, l *layout) {
		d := l.plain(layer(p))
		d.MediaType = indexType
		l.index(d)
	})
	add("100,000 layers", `size is `, pin, func(p *prep, l *layout) {
		l.index(l.image(many(describeBlob(layerType, layer(p)), 100_000), nil))
	})
	add("20,000 layers", `array has more than 1000 elements`, pin, func(p *prep, l *layout) {
		l.index(l.image(many(describeBlob(layerType, layer(p)), 20_000), nil))
	})
	add("20,000 layers, built on", `array has more than 1000 elements`, buildOn, func(p *prep, l *layout) {
		l.index(l.image(many(describeBlob(layerType, layer(p)), 20_000), nil))
	})
	add("many manifests", `array has more than 1000 elements`, pin, func(p *prep, l *layout) { l.index(many(l.plain(layer(p)), 5000)...) })
	add("index.json of 10 MiB", `file has more than 4194304 bytes`, pin, func(p *prep, _ *layout) {
		p.file("layout/index.json", []byte(strings.Repeat(" ", 10<<20)))
	})
	add("blob that is a named pipe", `want a regular file`, pin, func(p *prep, l *layout) {
		d := describeBlob(manifestType, []byte("x"))
		p.file("layout/blobs/sha256/.x", nil)
		if err := syscall.Mkfifo(p.in("layout/blobs/sha256/"+d.Digest[7:]), 0o600); err != nil {
			p.Fatal(err)
		}
		l.index(d)
	})
	add("blob that is a link to what does not end", `want a regular file`, pin, func(p *prep, l *layout) {
		d := describeBlob(manifestType, []byte("x"))
		p.file("layout/blobs/sha256/.x", nil)
		if err := os.Symlink("/dev/zero", p.in("layout/blobs/sha256/"+d.Digest[7:])); err != nil {
			p.Fatal(err)
		}
		l.index(d)
	})
	add("blob that is a link to a secret", `digest: got sha256:`, pin, func(p *prep, l *layout) {
		d := describeBlob(manifestType, []byte("x"))
		p.file("layout/blobs/sha256/.x", nil)
		if err := os.Symlink(p.outside+"/x", p.in("layout/blobs/sha256/"+d.Digest[7:])); err != nil {
			p.Fatal(err)
		}
		l.index(d)
	})
	return all
}

func many(d descriptor, n int) []descriptor {
	all := make([]descriptor, n)
	for i := range all {
		all[i] = d
	}
	return all
}

// dockerArchives are files that pretend to be the output of `docker save`.
func dockerArchives() []hazard {
	var all []hazard
	add := func(name, want string, write func(p *prep, w *tarWriter)) {
		all = append(all, hazard{name: "docker archive: " + name, want: `image "app": base "docker-archive:tar": reading "{base}/in/tar": ` + want, feed: pin, prepare: func(p *prep) {
			p.set("image", "docker-archive:tar")
			p.file("tar", tarOf(p, func(w *tarWriter) { write(p, w) }))
		}})
	}
	manifest := func(layer string) string { return `[{"Config": "c", "Layers": ["` + layer + `"]}]` }
	config := `{"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": ["` + someDigest + `"]}}`
	add("layer elsewhere", `layer "../../x": tar has no file "../../x"`, func(_ *prep, w *tarWriter) { w.file("manifest.json", manifest("../../x")); w.file("c", config) })
	add("layer elsewhere, absolute", `layer "{outside}/x": tar has no file`, func(p *prep, w *tarWriter) { w.file("manifest.json", manifest(p.outside+"/x")); w.file("c", config) })
	add("layer that is a link out", `layer "l": tar has no file "l"`, func(p *prep, w *tarWriter) {
		w.file("manifest.json", manifest("l"))
		w.file("c", config)
		w.link("l", p.outside+"/x")
	})
	add("layer that is a circle of links", `layer "l": "l" has more than 8 links to its file`, func(_ *prep, w *tarWriter) {
		w.file("manifest.json", manifest("l"))
		w.file("c", config)
		w.link("l", "l")
	})
	add("another layer than the config's", `layer "l": digest: got sha256:`, func(_ *prep, w *tarWriter) {
		w.file("manifest.json", manifest("l"))
		w.file("c", config)
		w.file("l", "evil")
	})
	add("no manifest.json", `tar has no file "manifest.json"`, func(_ *prep, w *tarWriter) { w.file("c", config) })
	add("huge manifest.json", `size of "manifest.json": got 2097152 bytes, want at most 1048576`, func(_ *prep, w *tarWriter) { w.file("manifest.json", strings.Repeat(" ", 2<<20)) })
	add("deep manifest.json", `manifest.json: `, func(_ *prep, w *tarWriter) { w.file("manifest.json", strings.Repeat("[", 1<<20)) })
	add("many images", `manifest.json: array has more than 1000 elements`, func(_ *prep, w *tarWriter) { w.file("manifest.json", "["+strings.Repeat("{},", 300_000)+"{}]") })
	add("many layers", `manifest.json: image has 100001 layers, want at most 512`, func(_ *prep, w *tarWriter) {
		w.file("manifest.json", `[{"Config": "c", "Layers": [`+strings.Repeat(`"l",`, 100_000)+`"l"]}]`)
	})
	add("many entries", `tar has more than 10000 entries`, func(_ *prep, w *tarWriter) {
		for i := range 20_000 {
			w.file(fmt.Sprint(i), "")
		}
	})
	add("sparse", `entry "manifest.json" is sparse, want a plain file`, func(_ *prep, w *tarWriter) { w.paxSparse("manifest.json", 1<<40) })
	add("layer that is cut off", `reading tar: unexpected EOF`, func(_ *prep, w *tarWriter) {
		w.file("manifest.json", manifest("l"))
		w.file("c", config)
		w.raw(rawHeader{name: "l", flag: tar.TypeReg, size: 1 << 30})
	})
	return all
}
