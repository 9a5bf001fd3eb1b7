package gitsource

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// list asks the server for refs: their full names, and what they point to. Without
// patterns it asks for all branches and tags.
func (c *Client) list(ctx context.Context, w Want, patterns ...string) (map[string]string, error) {
	args := []string{"ls-remote", "--quiet"}
	if len(patterns) == 0 {
		args = append(args, "--heads", "--tags")
	}
	args = append(append(args, "--", w.address(c.Dir)), patterns...)
	dir, err := os.MkdirTemp(c.Scratch, "gitsource-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	g := git{command: cmp.Or(c.Command, "git"), dir: dir}
	refs := map[string]string{}
	err = c.retry(ctx, func() error {
		out, err := c.network(ctx, g, w, args...)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(out)) {
			name, ref, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			if !ok || len(name) != sha1Digits && len(name) != sha256Digits || !isHex(name) {
				return fmt.Errorf("%w: ls-remote printed %q", ErrGarbage, line)
			}
			refs[ref] = name
		}
		return nil
	})
	return refs, err
}

// noRef returns the error for a missing branch or tag. Its hint names similar ones.
func (c *Client) noRef(ctx context.Context, w Want) error {
	err := fmt.Errorf("%w: %s", ErrRef, w.ref())
	refs, listErr := c.list(ctx, w)
	if listErr != nil {
		return hint.With(err, "run git ls-remote to see the branches and tags")
	}
	if len(refs) == 0 {
		return hint.With(err, "the repository has no branches and tags")
	}
	if near := nearest(w, refs); len(near) > 0 {
		return hint.With(err, "did you mean %s?", strings.Join(near, ", "))
	}
	n := 0
	for ref := range refs {
		if !strings.HasSuffix(ref, peeled) {
			n++
		}
	}
	return hint.With(err, "run git ls-remote to see the %d branches and tags", n)
}

// maxNear is the number of names that an error suggests.
const maxNear = 3

// nearest returns the names of refs that were probably meant, such as `branch "x"`.
func nearest(w Want, refs map[string]string) []string {
	type candidate struct {
		distance int
		text     string
	}
	want := cmp.Or(w.Branch, w.Tag)
	var all []candidate
	for ref := range refs {
		kind, name := "branch", strings.TrimPrefix(ref, "refs/heads/")
		if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
			kind, name = "tag", tag
		}
		if strings.HasSuffix(name, peeled) {
			continue
		}
		d := distance(strings.ToLower(want), strings.ToLower(name))
		if strings.TrimPrefix(want, "v") == strings.TrimPrefix(name, "v") || strings.HasSuffix(name, "/"+want) || strings.HasSuffix(name, "-"+want) {
			d = min(d, 1)
		}
		if d <= max(1, len(want)/4) {
			all = append(all, candidate{d, fmt.Sprintf("%s %q", kind, name)})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Or(a.distance-b.distance, strings.Compare(a.text, b.text)) })
	var near []string
	for _, a := range all[:min(maxNear, len(all))] {
		near = append(near, a.text)
	}
	return near
}

// maxCompared is the number of bytes of two names that are compared.
const maxCompared = 100

// distance returns the Levenshtein distance, in bytes.
func distance(a, b string) int {
	a, b = a[:min(len(a), maxCompared)], b[:min(len(b), maxCompared)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
