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
	tags  []described // what index.Manifests say
}

type layoutIndex struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Manifests     []json.RawMessage `json:"manifests"`
}

// described is what a descriptor in index.json says, as far as it matters here.
type described struct {
	Digest      digest.Digest     `json:"digest"`
	Annotations map[string]string `json:"annotations"`
}

// refName is the annotation that has a tag.
const refName = "org.opencontainers.image.ref.name"

func (d *described) tag() string { return d.Annotations[refName] }

// removing stands before the version in a tag whose image is being removed: nobody finds
// it by that, but the next gc, should this one end.
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

// split returns what a version's tag names, and all else.
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

// aliases returns the tags beside a version's that name the same image, unless they
// are versions too.
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

// image has a version's tag go, and the blobs that nothing in the index needs but what goes.
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
		if ownErr := own.add(d.Digest); !errors.Is(ownErr, fs.ErrNotExist) { // else an earlier gc has removed it
			err = errors.Join(err, ownErr)
		}
	}
	name := path.Join(x.dir, "index.json")
	r.edits(name+" tag "+r.version, func(_ context.Context, root *os.Root) error { return retag(root, x.dir, r.version, removing+r.version) })
	if err != nil {
		r.l.note("%s: all blobs of release %s stay, for it is not known which others are needed: %v", x.dir, r.version, err)
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

// retag has a layout name by another tag what it names by one, or no longer name it.
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

// blobs are what a manifest or an index needs: what it names before itself, each once.
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
