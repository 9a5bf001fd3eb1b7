package gc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
)

// layout is an OCI image layout (image-spec v1.1, image-layout.md) with a tag for each release.
type layout struct {
	dir   string
	index layoutIndex
	tags  []described // the descriptors in index.Manifests
}

type layoutIndex struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Manifests     []json.RawMessage `json:"manifests"`
}

// described has the fields of a descriptor in index.json that matter here.
type described struct {
	Digest      digest.Digest     `json:"digest"`
	Annotations map[string]string `json:"annotations"`
}

// refName is the annotation with a tag.
const refName = "org.opencontainers.image.ref.name"

func (d *described) tag() string { return d.Annotations[refName] }

// removing is a prefix for the tag of an image that is being removed: only gc finds it, to
// continue after an interruption.
const removing = ".gc-"

func readLayout(root *os.Root, dir string) (*layout, error) {
	x := &layout{dir: dir}
	data, err := root.ReadFile(path.Join(dir, "index.json"))
	if err == nil {
		err = json.Unmarshal(data, &x.index)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", path.Join(dir, "index.json"), err)
	}
	for _, raw := range x.index.Manifests {
		var d described
		if err := json.Unmarshal(raw, &d); err != nil {
			return nil, fmt.Errorf("reading %q: %w", path.Join(dir, "index.json"), err)
		}
		x.tags = append(x.tags, d)
	}
	return x, nil
}

// split returns the descriptors with a version's tag, and all others.
func (x *layout) split(version string) (goes, stays []described) {
	for _, d := range x.tags {
		if d.tag() == version || d.tag() == removing+version {
			goes = append(goes, d)
		} else {
			stays = append(stays, d)
		}
	}
	return goes, stays
}

// aliases returns the other tags of a version's image, except versions.
func (x *layout) aliases(version string, versions []string) []string {
	goes, stays := x.split(version)
	var list []string
	for _, d := range stays {
		same := func(g described) bool { return g.Digest == d.Digest }
		own := slices.Contains(versions, strings.TrimPrefix(d.tag(), removing))
		if d.tag() != "" && !own && slices.ContainsFunc(goes, same) {
			list = append(list, x.dir+":"+d.tag())
		}
	}
	return list
}

// image removes a version's tag, and the blobs that nothing else in the index needs.
func (r *removed) image(ctx context.Context, x *layout, all []string) error {
	goes, stays := x.split(r.version)
	stays = slices.DeleteFunc(stays, func(d described) bool { return slices.Contains(all, d.tag()) })
	if len(goes) == 0 {
		return nil
	}
	kept, own := &blobs{root: r.l.root, dir: x.dir}, &blobs{root: r.l.root, dir: x.dir}
	var err error
	for _, d := range stays {
		err = errors.Join(err, kept.add(d.Digest))
	}
	for _, d := range goes {
		if ownErr := own.add(d.Digest); !errors.Is(ownErr, fs.ErrNotExist) { // otherwise an earlier gc has removed it
			err = errors.Join(err, ownErr)
		}
	}
	name := path.Join(x.dir, "index.json")
	r.edits(name+" tag "+r.version, func(_ context.Context, root *os.Root) error { return retag(root, x.dir, r.version, removing+r.version) })
	if err != nil {
		r.l.note("%s: all blobs of release %s stay: which of them others need is not known: %v", x.dir, r.version, err)
	} else {
		for _, d := range own.list {
			if slices.Contains(kept.list, d) {
				continue
			}
			if err := r.goes(ctx, path.Join(x.dir, "blobs", "sha256", d.Hex())); err != nil {
				return err
			}
		}
	}
	r.edits(name, func(_ context.Context, root *os.Root) error { return retag(root, x.dir, removing+r.version, "") })
	return nil
}

// retag renames a tag of a layout, or removes it.
func retag(root *os.Root, dir, from, to string) error {
	x, err := readLayout(root, dir)
	if err != nil {
		return err
	}
	var manifests []json.RawMessage
	for i, raw := range x.index.Manifests {
		if x.tags[i].tag() == from {
			if to == "" {
				continue
			}
			var all map[string]any
			d := json.NewDecoder(bytes.NewReader(raw))
			d.UseNumber()
			if err := d.Decode(&all); err != nil {
				return err
			}
			all["annotations"].(map[string]any)[refName] = to
			if raw, err = json.Marshal(all); err != nil {
				return err
			}
		}
		manifests = append(manifests, raw)
	}
	x.index.Manifests = append([]json.RawMessage{}, manifests...) // not null
	data, err := jsonfile.Marshal(x.index)
	if err != nil {
		return err
	}
	return rewrite(root, path.Join(dir, "index.json"), data)
}

// blobs returns the blobs of a manifest or an index, each once: itself last.
type blobs struct {
	root *os.Root
	dir  string
	list []digest.Digest
}

func (b *blobs) add(d digest.Digest) error {
	if _, err := digest.Parse(string(d)); err != nil {
		return err
	}
	if slices.Contains(b.list, d) {
		return nil
	}
	f, err := b.root.Open(path.Join(b.dir, "blobs", "sha256", d.Hex()))
	if err != nil {
		return err
	}
	defer f.Close()
	var doc struct {
		Manifests []described `json:"manifests"`
		Config    *described  `json:"config"`
		Layers    []described `json:"layers"`
	}
	if err := json.NewDecoder(io.LimitReader(f, maxDocument)).Decode(&doc); err != nil {
		return fmt.Errorf("reading %s: %w", d, err)
	}
	var errs []error
	for _, m := range doc.Manifests {
		errs = append(errs, b.add(m.Digest))
	}
	if doc.Config != nil {
		doc.Layers = append(doc.Layers, *doc.Config)
	}
	for _, blob := range doc.Layers {
		if _, err := digest.Parse(string(blob.Digest)); err != nil {
			errs = append(errs, fmt.Errorf("reading %s: %w", d, err))
		} else if !slices.Contains(b.list, blob.Digest) {
			b.list = append(b.list, blob.Digest)
		}
	}
	b.list = append(b.list, d)
	return errors.Join(errs...)
}
