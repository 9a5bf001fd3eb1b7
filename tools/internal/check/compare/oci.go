package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
)

// The bounds on one image layout.
const (
	maxDocuments   = 2000 // indexes and manifests
	maxDescriptors = 1000 // of one index or manifest
	maxIndexDepth  = 4    // indexes in indexes
)

// descriptor points to a blob
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md).
type descriptor struct {
	Digest   digest.Digest `json:"digest"`
	Size     int64         `json:"size"`
	Platform *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
	} `json:"platform"`
	Annotations map[string]string `json:"annotations"`
}

// document is an index or a manifest, whichever it has the fields of.
type document struct {
	Manifests []descriptor `json:"manifests"`
	Config    *descriptor  `json:"config"`
	Layers    []descriptor `json:"layers"`
}

// layout is an image of a release: images/NAME, an OCI layout
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md).
type layout struct {
	dir    string
	source release.Source
	read   int
}

func (l *layout) path(d digest.Digest) string {
	algorithm, sum, _ := strings.Cut(string(d), ":")
	return path.Join(l.dir, "blobs", path.Base(algorithm), path.Base(sum))
}

func (l *layout) document(ctx context.Context, name string) (*document, []byte, error) {
	if l.read++; l.read > maxDocuments {
		return nil, nil, fmt.Errorf("%w: more than %d indexes and manifests", errBound, maxDocuments)
	}
	r, err := l.source.Open(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	if err != nil {
		return nil, nil, err
	}
	if len(data) > maxJSON {
		return nil, nil, fmt.Errorf("%w: %q has more than %d bytes", errBound, name, maxJSON)
	}
	d := new(document)
	if err := json.Unmarshal(data, d); err != nil {
		return nil, nil, fmt.Errorf("reading %q: %w", name, err)
	}
	if len(d.Manifests) > maxDescriptors || len(d.Layers) > maxDescriptors {
		return nil, nil, fmt.Errorf("%w: %q has more than %d descriptors", errBound, name, maxDescriptors)
	}
	return d, data, nil
}

// keys names the manifests of an index by platform, or else by their reference.
// One that stands alone without either has no name.
func keys(manifests []descriptor) []string {
	names, seen := make([]string, len(manifests)), map[string]int{}
	for i, m := range manifests {
		switch p := m.Platform; {
		case p != nil:
			names[i] = path.Join(p.OS, p.Architecture, p.Variant)
		case m.Annotations["org.opencontainers.image.ref.name"] != "" && len(manifests) > 1:
			names[i] = m.Annotations["org.opencontainers.image.ref.name"]
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

// explainImages explains the images that differ, each at its index.json, and has
// the results of their blobs refer to that.
func explainImages(ctx context.Context, r *Report, old, new release.Source) error {
	results := map[string]*FileResult{}
	changed := map[string]bool{}
	for i := range r.Files {
		f := &r.Files[i]
		results[f.Path] = f
		if dir, ok := imageOf(f.Path); ok && f.State != Equal {
			changed[dir] = true
		}
	}
	for i := range r.Files {
		f := &r.Files[i]
		dir, ok := imageOf(f.Path)
		if !ok || path.Base(f.Path) != "index.json" || path.Dir(f.Path) != dir || !changed[dir] {
			continue
		}
		if f.State == Different {
			w := &imageWalk{
				e: newExplainer(), old: &layout{dir: dir, source: old}, new: &layout{dir: dir, source: new},
				seen: map[[2]digest.Digest]string{}, results: results,
			}
			if err := w.index(ctx, "", f.Path, f.Path, 0); err != nil {
				return err
			}
			f.Differences = w.e.out.differences()
		}
		if err := refer(ctx, dir, results, old, new); err != nil {
			return err
		}
	}
	return nil
}

// imageOf returns the directory of the image that a path is in.
func imageOf(p string) (string, bool) {
	parts := strings.SplitN(p, "/", 3)
	if len(parts) < 3 || parts[0] != "images" {
		return "", false
	}
	return parts[0] + "/" + parts[1], true
}

// refer has each blob that only one side has say what it is.
func refer(ctx context.Context, dir string, results map[string]*FileResult, old, new release.Source) error {
	for _, l := range []*layout{{dir: dir, source: old}, {dir: dir, source: new}} {
		roles := map[string]string{}
		l.roles(ctx, path.Join(dir, "index.json"), roleArgs{roles: roles})
		if err := ctx.Err(); err != nil {
			return err
		}
		for p, role := range roles {
			f := results[p]
			if f == nil || f.State != Missing && f.State != Extra || len(f.Differences) > 0 {
				continue
			}
			f.Differences = []Difference{{What: role, Cause: "explained at " + path.Join(dir, "index.json")}}
		}
	}
	return nil
}

type roleArgs struct {
	member string
	roles  map[string]string
	depth  int
}

// roles notes what each blob is, as far as it can be read.
func (l *layout) roles(ctx context.Context, name string, a roleArgs) {
	d, _, err := l.document(ctx, name)
	if err != nil || a.depth > maxIndexDepth || ctx.Err() != nil {
		return
	}
	add := func(d descriptor, role string) {
		if p := l.path(d.Digest); a.roles[p] == "" {
			a.roles[p] = role
		}
	}
	for i, key := range keys(d.Manifests) {
		member := join(a.member, key)
		add(d.Manifests[i], join(member, "manifest"))
		l.roles(ctx, l.path(d.Manifests[i].Digest), roleArgs{member, a.roles, a.depth + 1})
	}
	if d.Config != nil {
		add(*d.Config, join(a.member, "config"))
	}
	for i, layer := range d.Layers {
		add(layer, join(a.member, layerName(i)))
	}
}

func layerName(i int) string { return fmt.Sprintf("layer %d", i+1) }

// imageWalk compares two layouts of one image.
type imageWalk struct {
	e        *explainer
	old, new *layout
	seen     map[[2]digest.Digest]string // blobs that were compared, and where
	results  map[string]*FileResult
}

// index compares two documents that are at these paths, and what they point to.
// The error is ctx's.
func (w *imageWalk) index(ctx context.Context, member, oldPath, newPath string, depth int) error {
	old, oldData, err := w.old.document(ctx, oldPath)
	if err != nil {
		return w.unreadable(ctx, member, "old", err)
	}
	new, newData, err := w.new.document(ctx, newPath)
	if err != nil {
		return w.unreadable(ctx, member, "new", err)
	}
	if depth > maxIndexDepth {
		return nil
	}
	before := w.e.out.count
	var adjust func(old, new any)
	name := "index"
	if len(old.Manifests)+len(new.Manifests) > 0 {
		adjust, err = w.manifests(ctx, member, old, new, depth)
	} else {
		name = "manifest"
		adjust, err = w.manifest(ctx, member, old, new)
	}
	if err != nil {
		return err
	}
	found := w.e.json(jsonArgs{join(member, name), oldData, newData, adjust})
	if !found && w.e.out.count == before {
		w.bytes(join(member, name), oldData, newData)
	}
	return nil
}

// bytes notes how two documents that say the same differ.
func (w *imageWalk) bytes(member string, old, new []byte) {
	before := w.e.out.count
	if w.e.jsonForm(member, old, new); w.e.out.count == before {
		w.e.data(finding{member: member, format: formatBinary, what: "content"}, old, new)
	}
}

func (w *imageWalk) unreadable(ctx context.Context, member, side string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.e.out.add(Difference{Member: member, What: "format", New: printable(fmt.Sprintf("reading the %s image: %v", side, err))})
	return nil
}

// manifests compares what two indexes point to. What it returns takes the digests
// from the documents where their difference follows from what was compared.
func (w *imageWalk) manifests(ctx context.Context, member string, old, new *document, depth int) (func(old, new any), error) {
	news := map[string]int{}
	for j, key := range keys(new.Manifests) {
		news[key] = j
	}
	both := [2]map[int]string{{}, {}}
	for i, key := range keys(old.Manifests) {
		j, ok := news[key]
		if !ok {
			continue
		}
		both[0][i], both[1][j] = key, key
		a, b := old.Manifests[i].Digest, new.Manifests[j].Digest
		if a == b {
			continue
		}
		if err := w.index(ctx, join(member, key), w.old.path(a), w.new.path(b), depth+1); err != nil {
			return nil, err
		}
	}
	return func(old, new any) {
		for i, doc := range []any{old, new} {
			list, _ := field(doc, "manifests").([]any)
			for at, key := range both[i] {
				hide(list, at, "the manifest of "+key)
			}
		}
	}, nil
}

// manifest compares config and layers of two manifests, layers by position.
func (w *imageWalk) manifest(ctx context.Context, member string, old, new *document) (func(old, new any), error) {
	both := min(len(old.Layers), len(new.Layers))
	for i := range both {
		if err := w.layer(ctx, join(member, layerName(i)), old.Layers[i], new.Layers[i]); err != nil {
			return nil, err
		}
	}
	for i, l := range old.Layers[both:] {
		w.e.note(finding{member: join(member, layerName(both+i)), what: "removed", old: plural(int(l.Size), "byte")})
	}
	for i, l := range new.Layers[both:] {
		w.e.note(finding{member: join(member, layerName(both+i)), what: "added", new: plural(int(l.Size), "byte")})
	}
	if old.Config != nil && new.Config != nil && old.Config.Digest != new.Config.Digest {
		if err := w.config(ctx, join(member, "config"), old, new); err != nil {
			return nil, err
		}
	}
	return func(old, new any) {
		for _, doc := range []any{old, new} {
			hide([]any{field(doc, "config")}, 0, "the config")
			hideList(doc, "layers", both)
		}
	}, nil
}

func (w *imageWalk) layer(ctx context.Context, member string, old, new descriptor) error {
	key := [2]digest.Digest{old.Digest, new.Digest}
	if old.Digest == new.Digest {
		return nil
	}
	if at, ok := w.seen[key]; ok {
		w.e.out.add(Difference{Member: member, What: "content", Cause: "as in " + at})
		return nil
	}
	w.seen[key] = member
	a, closeA, err := w.open(ctx, w.old, old)
	if err != nil {
		return w.unreadable(ctx, member, "old", err)
	}
	defer closeA()
	b, closeB, err := w.open(ctx, w.new, new)
	if err != nil {
		return w.unreadable(ctx, member, "new", err)
	}
	defer closeB()
	return w.e.explain(ctx, pair{member, a, b, 0})
}

// open opens a blob. Its size is what was read of it, not what a descriptor says.
func (w *imageWalk) open(ctx context.Context, l *layout, d descriptor) (content, func(), error) {
	name := l.path(d.Digest)
	f := w.results[name]
	switch {
	case f != nil && l == w.old && f.Old != nil:
		return fileContent(ctx, l.source, name, f.Old.Size)
	case f != nil && l == w.new && f.New != nil:
		return fileContent(ctx, l.source, name, f.New.Size)
	}
	return content{}, nil, fmt.Errorf("the layout has no blob %q", limited(string(d.Digest), 100))
}

// config compares two configs. The digests of layers that differ follow from them.
func (w *imageWalk) config(ctx context.Context, member string, old, new *document) error {
	_, oldData, err := w.old.document(ctx, w.old.path(old.Config.Digest))
	if err != nil {
		return w.unreadable(ctx, member, "old", err)
	}
	_, newData, err := w.new.document(ctx, w.new.path(new.Config.Digest))
	if err != nil {
		return w.unreadable(ctx, member, "new", err)
	}
	layers := len(old.Layers) != len(new.Layers)
	for i := range min(len(old.Layers), len(new.Layers)) {
		layers = layers || old.Layers[i].Digest != new.Layers[i].Digest
	}
	found := w.e.json(jsonArgs{member, oldData, newData, func(old, new any) {
		if !layers {
			return
		}
		for _, doc := range []any{old, new} {
			if rootfs, ok := field(doc, "rootfs").(map[string]any); ok {
				delete(rootfs, "diff_ids")
			}
		}
	}})
	if !found && !layers {
		w.bytes(member, oldData, newData)
	}
	return nil
}
