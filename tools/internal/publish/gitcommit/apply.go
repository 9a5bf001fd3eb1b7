package gitcommit

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
)

// attempts is the number of times that a commit is made anew because others pushed first.
const attempts = 10

// Apply implements [publish.Destination]. It makes one commit on each branch.
func (d *destination) Apply(ctx context.Context, phase publish.Phase, items []publish.Item, report publish.Report) error {
	if d.tree == nil {
		return errNoRelease
	}
	if report == nil {
		report = func(publish.Progress) {}
	}
	changes := map[string][]change{}
	for i := range items {
		branch, c, ok := d.find(&items[i])
		if !ok || phase != publish.Reveal {
			return fmt.Errorf("item %q with digest %s is not in the release's phase %s", items[i].Name, items[i].Digest, phase)
		}
		changes[branch] = append(changes[branch], c)
	}
	for _, b := range d.Branches {
		if len(changes[b.Name]) == 0 {
			continue
		}
		if err := d.commit(ctx, b.Name, changes[b.Name]); err != nil {
			return fmt.Errorf("committing to branch %q of %q: %w", b.Name, d.URL, err)
		}
		for _, c := range changes[b.Name] {
			report(publish.Progress{Bytes: c.file.Size, Done: c.item})
		}
	}
	return nil
}

// A change is a file to write, and its item in the plan.
type change struct {
	file *file
	item *publish.Item
}

func (d *destination) find(item *publish.Item) (branch string, c change, ok bool) {
	for _, b := range d.Branches {
		for i := range d.files {
			if f := &d.files[i]; d.itemName(b.Name, f) == item.Name && string(f.Digest) == item.Digest {
				return b.Name, change{f, item}, true
			}
		}
	}
	return "", c, false
}

// commit makes a commit with all changes, on top of what the branch has. An error does not
// count if the files are there in the end, because an answer was lost or somebody else
// pushed them.
func (d *destination) commit(ctx context.Context, branch string, changes []change) error {
	var failure error
	before := "none"
	for n := 0; ; n++ {
		tip, done, err := d.try(ctx, branch, changes, func(tip string) bool { return n < attempts && (failure == nil || tip != before) })
		switch {
		case done || ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errGiveUp):
			return failure
		case errors.Is(err, publish.ErrChanged) || tip == notRead:
			return cmp.Or(err, failure)
		}
		failure, before = err, tip
	}
}

// errGiveUp means that another attempt would not help.
var errGiveUp = errors.New("no further attempt")

// notRead is the tip of a branch that could not be read.
const notRead = "not read"

// try reads the branch, and pushes a commit unless all is there. With the same tip as before
// the error before counts: again decides that.
func (d *destination) try(ctx context.Context, branch string, changes []change, again func(tip string) bool) (tip string, done bool, err error) {
	var paths []string
	for _, c := range changes {
		paths = append(paths, c.file.to)
	}
	s, err := d.read(ctx, branch, paths)
	if err != nil {
		return notRead, false, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	files, err := d.pending(ctx, branch, changes, s)
	switch {
	case err != nil:
		return s.tip(), false, err
	case len(files) == 0:
		return s.tip(), true, nil
	case !again(s.tip()):
		return s.tip(), false, errGiveUp
	case s.repo == nil:
		if err := d.Client.MakeBare(ctx, d.dir, "", branch); err != nil {
			return notRead, false, err
		}
		if s.repo, err = d.Client.Empty(ctx, ""); err != nil {
			return notRead, false, err
		}
	}
	return s.tip(), false, d.push(ctx, branch, files, s)
}

// pending returns what is left to write, by path. A file that somebody else changed since the
// plan is an error.
func (d *destination) pending(ctx context.Context, branch string, changes []change, s *state) (map[string]gitsource.File, error) {
	files := map[string]gitsource.File{}
	var errs []error
	for _, c := range changes {
		found, exists := s.files[c.file.to]
		in := obstacle(s.files, c.file.to)
		switch {
		case exists && in == "" && digest.FromBytes(found.Content) == c.file.Digest:
		case in != "":
			errs = append(errs, fmt.Errorf("%s: %w: got %s", c.item.Name, publish.ErrChanged, in))
		case found.Object != c.item.Guard:
			got := "no file"
			if exists {
				got = fmt.Sprintf("%s, %s", digest.FromBytes(found.Content), d.who(ctx, branch, c.file.to))
			}
			errs = append(errs, fmt.Errorf("%s: %w: got %s", c.item.Name, publish.ErrChanged, got))
		default:
			files[c.file.to] = gitsource.File{Mode: cmp.Or(found.Mode, c.file.mode()), Content: c.file.content}
		}
	}
	return files, hint.With(errors.Join(errs...), "nothing was overwritten; run again, first with --plan")
}

// push makes the commit and moves the branch to it, only from where it was read.
func (d *destination) push(ctx context.Context, branch string, files map[string]gitsource.File, s *state) error {
	commit, err := s.repo.MakeCommit(ctx, gitsource.Commit{
		Parent: s.repo.Commit, Author: d.Author, Time: d.tree.Lock.Time, Message: d.Message, Files: files,
	})
	if err != nil {
		return err
	}
	p := gitsource.Push{URL: d.URL, Refs: map[string]string{"refs/heads/" + branch: commit}}
	return d.Client.Advance(ctx, s.repo, p, s.tip())
}
