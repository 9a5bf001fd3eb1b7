package compare

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

// The bounds for one image layout.
const (
	maxDocuments  = 2000 // indexes and manifests
	maxIndexDepth = 4    // levels of indexes
)

// imageDir is one side of an image of a release: images/NAME, an OCI image layout.
type imageDir struct {
	e      *explainer
	dir    string
	source release.Source
	files  map[string]*Side

	entries   []entry
	documents int
	raw       []content         // raw documents, by the index of their entry
	roles     map[string]string // the role of each blob, by path
}

// explainImages explains the images that differ, each at its index.json. The results of their
// blobs refer to that.
func explainImages(ctx context.Context, r *Report, oldSource, newSource release.Source) error {
	olds, news, changed := map[string]*Side{}, map[string]*Side{}, map[string]bool{}
	for _, f := range r.Files {
		olds[f.Path], news[f.Path] = f.Old, f.New
		if dir, ok := imageOf(f.Path); ok && f.State != lockdiff.Same {
			changed[dir] = true
		}
	}
	for i := range r.Files {
		f := &r.Files[i]
		dir, ok := imageOf(f.Path)
		if !ok || f.Path != dir+"/"+layout.IndexFile || !changed[dir] {
			continue
		}
		e := new(explainer)
		a := &imageDir{e: e, dir: dir, source: oldSource, files: olds, roles: map[string]string{}}
		b := &imageDir{e: e, dir: dir, source: newSource, files: news, roles: map[string]string{}}
		err := e.image(ctx, a, b)
		e.release(0)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			e.out.add(Difference{What: "format", New: printable(err.Error())})
		}
		if f.State == lockdiff.Changed {
			f.Differences = e.out.differences()
		}
		for j := range r.Files {
			g := &r.Files[j]
			role := cmp.Or(a.roles[g.Path], b.roles[g.Path])
			if role != "" && (g.State == lockdiff.Removed || g.State == lockdiff.Added) {
				g.Differences = []Difference{{What: role, Cause: "explained at " + f.Path}}
			}
		}
	}
	return nil
}

// imageOf returns the directory of the image that contains a path.
func imageOf(p string) (string, bool) {
	parts := strings.SplitN(p, "/", 3)
	if len(parts) < 3 || parts[0] != "images" {
		return "", false
	}
	return parts[0] + "/" + parts[1], true
}

// image compares two layouts as lists of documents, configs and layers.
func (e *explainer) image(ctx context.Context, old, new *imageDir) error {
	if err := old.index(ctx, "", path.Join(old.dir, layout.IndexFile), 0); err != nil {
		return fmt.Errorf("reading the old image: %w", err)
	}
	if err := new.index(ctx, "", path.Join(new.dir, layout.IndexFile), 0); err != nil {
		return fmt.Errorf("reading the new image: %w", err)
	}
	if err := e.entries(ctx, pair{}, old.entries, new.entries); err != nil || e.out.count > 0 {
		return err
	}
	// Documents may differ only in their form, or only in fields that hide removes.
	w := &walk{old: old.entries, new: new.entries}
	w.match()
	for _, x := range w.pairs {
		a, b := old.raw[x[0]], new.raw[x[1]]
		if a.at == nil || b.at == nil {
			continue
		}
		if x, errX := a.bytes(); errX == nil {
			if y, errY := b.bytes(); errY == nil && bytes.Equal(x, y) {
				continue
			}
		}
		if err := e.explain(ctx, pair{member: w.member(old.entries[x[0]]), old: a, new: b}); err != nil {
			return err
		}
	}
	return nil
}

// index adds the index or manifest at a path, and all that it points to.
func (l *imageDir) index(ctx context.Context, member, name string, depth int) error {
	if l.documents++; l.documents > maxDocuments || depth > maxIndexDepth {
		return fmt.Errorf("%w: more than %d indexes and manifests, or %d levels of them", errBound, maxDocuments, maxIndexDepth)
	}
	raw, doc, err := l.read(ctx, name)
	if err != nil {
		return err
	}
	d, err := layout.Parse(raw)
	if err != nil {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	what := "manifest"
	if len(d.Manifests) > 0 || d.Config == nil {
		what = "index"
	}
	hide(doc, "manifests", "config", "layers")
	l.document(join(member, what), raw, doc)
	for i, key := range keys(d.Manifests) {
		at := l.path(d.Manifests[i])
		l.role(at, join(join(member, key), "manifest"))
		if err := l.index(ctx, join(member, key), at, depth+1); err != nil {
			return err
		}
	}
	for i, layer := range d.Layers {
		if err := l.layer(join(member, fmt.Sprintf("layer %d", i+1)), layer); err != nil {
			return err
		}
	}
	if d.Config == nil {
		return nil
	}
	at := l.path(*d.Config)
	l.role(at, join(member, "config"))
	if raw, doc, err = l.read(ctx, at); err != nil {
		return err
	}
	if config, ok := doc.(map[string]any); ok {
		if rootfs, ok := config["rootfs"].(map[string]any); ok {
			delete(rootfs, "diff_ids")
		}
	}
	l.document(join(member, "config"), raw, doc)
	return nil
}

// hide removes digest and size from descriptors: they follow from the content.
func hide(doc any, fields ...string) {
	m, _ := doc.(map[string]any)
	for _, f := range fields {
		list, ok := m[f].([]any)
		if !ok {
			list = []any{m[f]}
		}
		for _, d := range list {
			if d, ok := d.(map[string]any); ok {
				delete(d, "digest")
				delete(d, "size")
			}
		}
	}
}

// keys names the manifests of an index by platform, or by their reference. A single manifest
// without either has no name.
func keys(manifests []v1.Descriptor) []string {
	names, seen := make([]string, len(manifests)), map[string]int{}
	for i, m := range manifests {
		switch p := m.Platform; {
		case p != nil:
			names[i] = path.Join(p.OS, p.Architecture, p.Variant)
		case m.Annotations[layout.RefName] != "" && len(manifests) > 1:
			names[i] = m.Annotations[layout.RefName]
		case len(manifests) > 1:
			names[i] = "manifest"
		}
		names[i] = printable(names[i])
		if seen[names[i]]++; seen[names[i]] > 1 {
			names[i] = fmt.Sprintf("%s %d", names[i], seen[names[i]])
		}
	}
	return names
}

// path returns the path in the release of a descriptor's content.
func (l *imageDir) path(d v1.Descriptor) string {
	return path.Join(l.dir, layout.Blob(layout.DigestOf(d)))
}

func (l *imageDir) role(at, what string) {
	if l.roles[at] == "" {
		l.roles[at] = what
	}
}

// open opens a blob. Its size is its actual size, not the descriptor's.
func (l *imageDir) open(ctx context.Context, name string) (content, error) {
	f := l.files[name]
	if f == nil {
		return content{}, fmt.Errorf("the layout has no %q", limited(name, 200))
	}
	return l.e.open(ctx, l.source, name, f.Size)
}

// read reads a JSON document.
func (l *imageDir) read(ctx context.Context, name string) (raw []byte, doc any, err error) {
	c, err := l.open(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	if c.size > maxText {
		return nil, nil, fmt.Errorf("%w: %q has more than %d bytes", errBound, name, maxText)
	}
	if raw, err = c.bytes(); err == nil {
		doc, err = decodeJSON(raw)
	}
	if err != nil {
		err = fmt.Errorf("reading %q: %w", name, err)
	}
	return raw, doc, err
}

// document adds a document; raw is its content in the layout.
func (l *imageDir) document(member string, raw []byte, doc any) {
	data := []byte(compact(doc))
	c := content{bytes.NewReader(data), int64(len(data))}
	l.entries = append(l.entries, entry{
		name: member, size: c.size, sum: sha256.Sum256(data), open: func(context.Context) (content, error) { return c, nil },
	})
	l.raw = append(l.raw, content{bytes.NewReader(raw), int64(len(raw))})
}

func (l *imageDir) layer(member string, d v1.Descriptor) error {
	at := l.path(d)
	l.role(at, member)
	f := l.files[at]
	if f == nil {
		return fmt.Errorf("the layout has no %q", limited(at, 200))
	}
	l.entries = append(l.entries, entry{
		name: member, size: f.Size, sum: sha256.Sum256([]byte(f.Digest)),
		open: func(ctx context.Context) (content, error) { return l.open(ctx, at) },
	})
	l.raw = append(l.raw, content{})
	return nil
}
