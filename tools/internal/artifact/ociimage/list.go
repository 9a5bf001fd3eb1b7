package ociimage

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// List writes a listing of all that hangs below idx to w, one line for each part,
// made to be compared with a golden file:
//
//	index DIGEST SIZE TYPE [ref=NAME]
//	manifest PLATFORM DIGEST SIZE TYPE
//	  annotation KEY VALUE
//	  config DIGEST SIZE TYPE created=TIME {how a container is started, as JSON}
//	  layer DIGEST SIZE TYPE
//	layer DIGEST diffid DIFFID
//	  -rwxr-xr-x 0:0 SIZE TIME PATH sha256:0123456789ab
//	  lrwxrwxrwx 0:0 0 TIME PATH -> TARGET
//
// Manifests below an index are indented by two more spaces. An artifact's
// manifest has "blob" for "layer". The layers follow the manifests, each once,
// with their entries as archivetest.List shows them. Sizes are in bytes, times RFC
// 3339 in UTC. A word with a space, a quote or a character that does not print is
// quoted as Go does it. All that is read is verified; the limits are those of
// Unpack.
func List(ctx context.Context, w io.Writer, idx v1.ImageIndex) error {
	l := &lister{w: w, streamLeft: DefaultMaxBytes, filesLeft: DefaultMaxBytes, seen: map[v1.Hash]bool{}}
	if err := walk(idx, l.manifest); err != nil {
		return err
	}
	for _, layer := range l.layers {
		if err := l.layer(ctx, layer); err != nil {
			return fmt.Errorf("layer %s: %w", layer.digest, err)
		}
	}
	return nil
}

type lister struct {
	w          io.Writer
	streamLeft int64 // bytes of tar that may still come
	filesLeft  int64 // bytes of files that may still come
	seen       map[v1.Hash]bool
	layers     []listedLayer
}

type listedLayer struct {
	v1.Layer
	digest, diffID v1.Hash
}

func (l *lister) line(depth int, words ...string) error {
	_, err := fmt.Fprintf(l.w, "%*s%s\n", 2*depth, "", strings.Join(words, " "))
	return err
}

func descriptorWords(d v1.Descriptor) []string {
	return []string{d.Digest.String(), strconv.FormatInt(d.Size, 10), quote(string(d.MediaType))}
}

// manifest lists an index, or an image and its parts but for its layers' entries.
func (l *lister) manifest(n node) error {
	words := descriptorWords(n.desc)
	if ref := n.desc.Annotations[refAnnotation]; ref != "" {
		words = append(words, "ref="+quote(ref))
	}
	if n.index != nil {
		im, err := n.index.IndexManifest()
		if err != nil {
			return err
		}
		return errors.Join(l.line(n.depth, append([]string{"index"}, words...)...), l.annotations(n.depth+1, im.Annotations))
	}
	if n.image == nil {
		return l.line(n.depth, append([]string{"other"}, words...)...)
	}
	p, err := imagePlatform(n.desc, n.image)
	if err != nil {
		return err
	}
	m, err := n.image.Manifest()
	if err != nil {
		return err
	}
	if err := errors.Join(
		l.line(n.depth, append([]string{"manifest", quote(p.String())}, words...)...),
		l.annotations(n.depth+1, m.Annotations),
	); err != nil {
		return err
	}
	if !m.Config.MediaType.IsConfig() {
		return l.artifact(n, m)
	}
	return l.image(n, m)
}

func (l *lister) annotations(depth int, a map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(a)) {
		if err := l.line(depth, "annotation", quote(key), quote(a[key])); err != nil {
			return err
		}
	}
	return nil
}

// artifact lists a manifest that is no image: its blobs are not file systems.
func (l *lister) artifact(n node, m *v1.Manifest) error {
	if err := l.line(n.depth+1, append([]string{"config"}, descriptorWords(m.Config)...)...); err != nil {
		return err
	}
	for _, d := range m.Layers {
		if err := l.line(n.depth+1, append([]string{"blob"}, descriptorWords(d)...)...); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) image(n node, m *v1.Manifest) error {
	cf, err := n.image.ConfigFile()
	if err != nil {
		return fmt.Errorf("reading config of image %s: %w", n.desc.Digest, err)
	}
	start, err := compactJSON(cf.Config)
	if err != nil {
		return err
	}
	words := append([]string{"config"}, descriptorWords(m.Config)...)
	words = append(words, "created="+cf.Created.UTC().Format(time.RFC3339Nano), start)
	if err := l.line(n.depth+1, words...); err != nil {
		return err
	}
	layers, diffIDs, err := imageLayers(n.image)
	if err != nil {
		return fmt.Errorf("image %s: %w", n.desc.Digest, err)
	}
	for i, d := range m.Layers {
		if err := l.line(n.depth+1, append([]string{"layer"}, descriptorWords(d)...)...); err != nil {
			return err
		}
		if !l.seen[d.Digest] {
			l.seen[d.Digest] = true
			l.layers = append(l.layers, listedLayer{layers[i], d.Digest, diffIDs[i]})
		}
	}
	return nil
}

// layer lists the entries of a layer.
func (l *lister) layer(ctx context.Context, layer listedLayer) error {
	if err := l.line(0, "layer", layer.digest.String(), "diffid", layer.diffID.String()); err != nil {
		return err
	}
	return readLayer(ctx, layer, layer.diffID, &l.streamLeft, l.entry)
}

// entry lists one entry as archivetest.List does.
func (l *lister) entry(_ string, h *tar.Header, r io.Reader) error {
	kind, ok := map[byte]string{tar.TypeReg: "-", tar.TypeDir: "d", tar.TypeSymlink: "l", tar.TypeLink: "h"}[h.Typeflag]
	if !ok {
		kind = "?"
	}
	permissions := h.FileInfo().Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	words := []string{
		kind + strings.TrimPrefix(permissions.String(), "-"),
		fmt.Sprintf("%d:%d", h.Uid, h.Gid),
		strconv.FormatInt(h.Size, 10),
		h.ModTime.UTC().Format(time.RFC3339Nano),
		quote(h.Name),
	}
	if h.Linkname != "" {
		words = append(words, "->", quote(h.Linkname))
	}
	if h.Typeflag == tar.TypeReg {
		if l.filesLeft -= h.Size; l.filesLeft < 0 {
			return errors.New("files have more bytes than the limit")
		}
		// A limit spares small files a large buffer.
		d, _, err := digest.FromReader(io.LimitReader(r, h.Size))
		if err != nil {
			return err
		}
		words = append(words, "sha256:"+d.Short())
	}
	return l.line(1, words...)
}

// quote returns s, or s quoted if it could be taken for more than one word or
// move the cursor of a terminal.
func quote(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool {
		return r == '"' || r == '\\' || r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsGraphic(r)
	}) {
		return strconv.Quote(s)
	}
	return s
}

// compactJSON returns v as one line of JSON, in which all that does not print is
// escaped.
func compactJSON(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	var out strings.Builder
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		if unicode.IsGraphic(r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String(), nil
}
