package gitcommit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/pkgmanager"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
)

var errNoRelease = errors.New("no release: this destination can only verify")

// Plan implements [publish.Destination]. Each file on each branch is an item.
func (d *destination) Plan(ctx context.Context) ([]publish.Item, error) {
	if d.tree == nil {
		return nil, errNoRelease
	}
	var items []publish.Item
	for _, b := range d.Branches {
		s, err := d.read(ctx, b.Name, d.paths())
		if err != nil {
			return nil, err
		}
		some, err := d.items(ctx, b, s)
		if err := errors.Join(err, s.close()); err != nil {
			return nil, err
		}
		items = append(items, some...)
	}
	return items, nil
}

// state is what a branch has.
type state struct {
	repo  *gitsource.Repo // nil if there is no repository yet
	files map[string]gitsource.File
}

func (s *state) close() error {
	if s.repo == nil {
		return nil
	}
	return s.repo.Close()
}

// tip returns the branch's last commit; empty if the branch does not exist.
func (s *state) tip() string {
	if s.repo == nil || s.repo.Ref == "" {
		return ""
	}
	return s.repo.Commit
}

func (d *destination) paths() []string {
	var all []string
	for _, f := range d.files {
		all = append(all, f.to)
	}
	return all
}

// read reads a branch. The caller has to close the result.
func (d *destination) read(ctx context.Context, branch string, paths []string) (*state, error) {
	switch none, err := gitsource.Missing(d.dir); {
	case err != nil:
		return nil, fmt.Errorf("reading repository %q: %w", d.URL, err)
	case none:
		return &state{}, nil
	}
	repo, err := d.Client.Branch(ctx, d.URL, branch)
	if err != nil {
		return nil, err
	}
	files, err := d.Client.Files(ctx, repo, d.URL, paths)
	if err != nil {
		return nil, errors.Join(err, repo.Close())
	}
	if repo.Ref == "" { // the files are those of another branch: only what is in the way counts
		maps.DeleteFunc(files, func(_ string, f gitsource.File) bool { return f.Content != nil })
	}
	return &state{repo, files}, nil
}

// items compares a branch with the release.
func (d *destination) items(ctx context.Context, b publish.Alias, s *state) ([]publish.Item, error) {
	var items []publish.Item
	for i := range d.files {
		item, err := d.item(ctx, b, &d.files[i], s)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

func (d *destination) item(ctx context.Context, b publish.Alias, f *file, s *state) (publish.Item, error) {
	i := publish.Item{
		Phase: publish.Reveal, Kind: kind, Name: d.itemName(b.Name, f), Path: f.Path, Digest: string(f.Digest), Size: f.Size, URL: d.URL,
	}
	found, exists := s.files[f.to]
	want := publish.Candidate{Version: d.tree.Version, Time: d.tree.Lock.Time}
	if in := obstacle(s.files, f.to); in != "" {
		i.State, i.Found = publish.Conflict, in
		return i, nil
	}
	if !f.versioned || !exists || b.Leaves != "" {
		i.Alias, i.Rule = b.Name, b.Rule // a release that the branch does not take leaves it alone
	}
	switch {
	case exists && bytes.Equal(found.Content, f.content):
		i.State, i.Version = publish.Equal, found.Object
		return i, nil
	case !exists:
		i.State, i.Reason = b.Start(want)
		if f.versioned && i.State == publish.Absent {
			i.Alias, i.Rule = "", ""
		}
		return i, nil
	}
	has := publish.Candidate{Version: pkgmanager.Version(found.Content)}
	switch {
	case f.versioned:
		i.State, i.Reason = publish.Conflict, "it has other content of the same version"
	case has.Version == want.Version:
		i.State, i.Reason = b.Other()
	default:
		if b.NeedsTime(has.Version, want.Version) {
			change, err := d.Client.LastChange(ctx, d.URL, b.Name, f.to)
			if err != nil {
				return i, err
			}
			has.Time = change.Time // its author's time is that of the release
		}
		i.State, i.Reason = b.Move(has, want)
	}
	i.Found, i.Guard = cmp.Or(has.Version, string(digest.FromBytes(found.Content))), found.Object
	if i.State == publish.Kept {
		i.Guard, i.Version = "", found.Object
	}
	if i.State == publish.Conflict {
		i.Guard, i.Found = "", fmt.Sprintf("%s, %s", digest.FromBytes(found.Content), d.who(ctx, b.Name, f.to))
	}
	return i, nil
}

// obstacle describes what is in the way of a file; empty for nothing.
func obstacle(files map[string]gitsource.File, to string) string {
	names := map[string]string{"040000": "a directory", "120000": "a symbolic link", "160000": "a submodule"}
	if found, ok := files[to]; ok && names[found.Mode] != "" {
		return names[found.Mode]
	}
	for dir := path.Dir(to); dir != "."; dir = path.Dir(dir) {
		if found, ok := files[dir]; ok && found.Mode != "040000" {
			return fmt.Sprintf("%s at %q", cmp.Or(names[found.Mode], "a file"), dir)
		}
	}
	return ""
}

// who describes the last change of a file on a branch, for people.
func (d *destination) who(ctx context.Context, branch, path string) string {
	c, err := d.Client.LastChange(ctx, d.URL, branch, path)
	if err != nil {
		return fmt.Sprintf("of an unknown commit (%v)", strings.ReplaceAll(err.Error(), "\n", " "))
	}
	return fmt.Sprintf("of commit %s by %s: %.100q", c.Commit, c.Author, c.Subject)
}
