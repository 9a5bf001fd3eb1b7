package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/layout"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// Verify implements [publish.Destination]. It reads indexes and manifests, and asks for each
// blob: config, layers. With deep it reads these too.
func (d *destination) Verify(ctx context.Context, items []publish.Item, deep bool) error {
	if len(items) == 0 {
		return nil
	}
	type target struct{ name, ref string }
	targets := make([]target, len(items))
	var names []string
	for i, item := range items {
		name, ref, err := d.parseName(item.Name)
		if err != nil {
			return err
		}
		targets[i] = target{name, ref}
		names = append(names, name)
	}
	slices.Sort(names)
	s, err := d.hub.open(ctx, slices.Compact(names), false)
	if err != nil {
		return err
	}
	// A tag and its index have the same content, which is read once.
	seen := map[target]bool{}
	for i, item := range items {
		whole := target{targets[i].name, item.Digest}
		if t := targets[i]; t != whole && !seen[whole] {
			items, targets = append(slices.Clip(items), item), append(targets, whole)
		}
		seen[whole] = true
	}
	errs := parallel.Do(len(items), d.config.Jobs, func(i int) error {
		t, want := targets[i], digest.Digest(items[i].Digest)
		var err error
		if t.ref != items[i].Digest {
			err = verifyTag(ctx, s, t.name, t.ref, items[i])
		} else if slices.Contains(referring, items[i].Kind) {
			err = verifyListed(ctx, s, t.name, want)
		}
		if err == nil && t.ref == items[i].Digest {
			err = errors.Join(d.verifyBelow(ctx, s, t.name, below{want, 0, deep})...)
		}
		if err != nil {
			err = fmt.Errorf("%s %s: %w", items[i].Kind, items[i].Name, err)
		}
		return err
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// verifyListed checks that a manifest with a subject is there, and that people find it.
func verifyListed(ctx context.Context, s session, name string, want digest.Digest) error {
	raw, mediaType, err := s.manifest(ctx, name, string(want))
	if err != nil {
		return err
	}
	if raw == nil {
		return fmt.Errorf("got nothing there, want %s", want)
	}
	n, _, err := parseNode(raw, mediaType)
	if err != nil || n.subject == nil {
		return err
	}
	all, err := s.referrers(ctx, name, layout.DigestOf(*n.subject))
	if err == nil && !lists(all, want) {
		err = fmt.Errorf("it is there, but not in the list of referrers of %s", n.subject.Digest)
	}
	return err
}

// A below is an index or a manifest, and all that it refers to.
type below struct {
	want  digest.Digest
	depth int  // below the index of the item
	deep  bool // read blobs too
}

// verifyBelow reads an index or a manifest and what it refers to.
func (d *destination) verifyBelow(ctx context.Context, s session, name string, b below) []error {
	raw, mediaType, err := s.manifest(ctx, name, string(b.want))
	if err == nil && raw == nil {
		err = fmt.Errorf("got nothing there, want %s", b.want)
	}
	if err == nil && b.depth == maxDepth {
		err = fmt.Errorf("index %s: got more than %d nested indexes", b.want, maxDepth)
	}
	if err != nil {
		return []error{err}
	}
	n, descs, err := parseNode(raw, mediaType)
	if err != nil {
		return []error{fmt.Errorf("reading %s: %w", b.want, err)}
	}
	var errs []error
	seen := map[v1.Hash]bool{}
	for _, desc := range descs {
		if seen[desc.Digest] {
			continue
		}
		seen[desc.Digest] = true
		want, err := digest.Parse(desc.Digest.String())
		switch {
		case err != nil:
			errs = append(errs, err)
		case n.mediaType.IsIndex():
			errs = append(errs, d.verifyBelow(ctx, s, name, below{want, b.depth + 1, b.deep})...)
		case b.deep:
			errs = append(errs, d.verifyBlob(ctx, s, name, want))
		default:
			there, err := s.hasBlob(ctx, name, want)
			if err == nil && !there {
				err = fmt.Errorf("blob: got nothing there, want %s", want)
			}
			errs = append(errs, err)
		}
	}
	return errs
}

// verifyBlob reads a blob. It reconnects a few times if the connection breaks.
func (d *destination) verifyBlob(ctx context.Context, s session, name string, want digest.Digest) error {
	return d.retry().Do(ctx, func(int) error { return readBlob(ctx, s, name, want) })
}

func readBlob(ctx context.Context, s session, name string, want digest.Digest) error {
	r, err := s.openBlob(ctx, name, want)
	if errors.Is(err, errAbsent) {
		return fmt.Errorf("blob: got nothing there, want %s", want)
	}
	if err != nil {
		return err
	}
	defer r.Close()
	got, _, err := readAll(ctx, r)
	if err != nil {
		return fmt.Errorf("reading blob %s: %w", want, err)
	}
	if got != want {
		return fmt.Errorf("blob: got %s, want %s", got, want)
	}
	return nil
}
