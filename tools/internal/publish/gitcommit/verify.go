package gitcommit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/pkgmanager"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

// recorded is an item of a receipt.
type recorded struct {
	publish.Item
	path, version string
}

// Verify implements [publish.Destination]. It always reads the content. A file that follows
// the branch's rule may be that of another release.
func (d *destination) Verify(ctx context.Context, items []publish.Item, _ bool) error {
	branches := map[string][]recorded{}
	var order []string
	for _, i := range items {
		m := namePattern.FindStringSubmatch(i.Name)
		if m == nil || m[1] != d.URL || !validPath(m[3]) {
			return fmt.Errorf("file %q: want URL branch BRANCH PATH VERSION, with %s", i.Name, d.URL)
		}
		if !slices.Contains(order, m[2]) {
			order = append(order, m[2])
		}
		branches[m[2]] = append(branches[m[2]], recorded{i, m[3], m[4]})
	}
	var errs []error
	for _, branch := range order {
		var paths []string
		for _, r := range branches[branch] {
			paths = append(paths, r.path)
		}
		s, err := d.read(ctx, branch, paths)
		if err != nil {
			return err
		}
		for _, r := range branches[branch] {
			if err := d.verify(ctx, branch, r, s); err != nil {
				errs = append(errs, fmt.Errorf("verifying %s: %w", r.Name, err))
			}
		}
		errs = append(errs, s.close())
	}
	return cmp.Or(ctx.Err(), publish.JoinSorted(errs))
}

func (d *destination) verify(ctx context.Context, branch string, r recorded, s *state) error {
	found, exists := s.files[r.path]
	in := obstacle(s.files, r.path)
	switch {
	case r.State == publish.Kept && r.Found == "":
		return nil // there was none, and others may have made one
	case in != "":
		return fmt.Errorf("got %s, want %s", in, r.Digest)
	case s.tip() == "" || !exists:
		return fmt.Errorf("got no file, want %s", r.Digest)
	}
	got := digest.FromBytes(found.Content)
	if string(got) == r.Digest {
		return nil
	}
	failure := fmt.Errorf("got %s, %s, want %s", got, d.who(ctx, branch, r.path), r.Digest)
	if r.Rule == "" {
		return failure
	}
	then, now := r.version, pkgmanager.Version(found.Content)
	if r.State == publish.Kept {
		then = r.Found
	}
	if (publish.Alias{Rule: r.Rule}).NeedsTime(then, now) {
		return nil // both are pre-releases of one version, whose order only commits know
	}
	if then == now && r.State != publish.Kept {
		return failure
	}
	if err := r.Rule.Since(publish.Candidate{Version: then}, publish.Candidate{Version: now}); err != nil {
		return errors.Join(failure, err)
	}
	return nil
}
