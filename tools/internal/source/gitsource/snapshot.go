package gitsource

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrTree means that files are not those of a commit.
var ErrTree = errors.New("the files are not those of the commit")

// Snapshot is what a lock and a store know about a commit without its repository.
type Snapshot struct {
	Commit     string            // the whole name
	Object     []byte            // the commit as git stores it
	Submodules map[string]string // commit by path
	Tags       []string          // that point to the commit
	Before     []string          // tags of the commit before it
	// Files calls visit for each entry of the commit's canonical tar.
	Files func(visit func(h *tar.Header, content io.Reader) error) error
}

// Clone makes from a snapshot what `git clone` makes from a repository: a worktree in dir,
// which must be empty. Of the history it has at most one commit, with a tag. The error wraps
// ErrTree if the files are not the commit's.
func (c *Client) Clone(ctx context.Context, dir string, s Snapshot) error {
	if err := c.clone(ctx, dir, s); err != nil {
		return fmt.Errorf("making a clone at commit %s: %w", s.Commit, err)
	}
	return nil
}

func (c *Client) clone(ctx context.Context, dir string, s Snapshot) error {
	g := git{command: cmp.Or(c.Command, "git"), dir: dir}
	if _, err := g.local(ctx, "init", "--quiet", "--template=", "--object-format="+formatOf(s.Commit), dir); err != nil {
		return err
	}
	r := &Repo{git: g, Commit: s.Commit}
	tree, err := r.importFiles(ctx, s)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(s.Object, []byte("tree "+tree+"\n")) {
		first, _, _ := strings.Cut(string(s.Object), "\n")
		return fmt.Errorf("%w: got tree %s, want %q", ErrTree, tree, first)
	}
	if name, err := r.Add(ctx, "commit", s.Object); err != nil || name != s.Commit {
		return cmp.Or(err, fmt.Errorf("%w: the commit object is %s", ErrTree, name))
	}
	parent := ""
	if len(s.Before) > 0 {
		before, err := r.Add(ctx, "commit", fmt.Appendf(nil, "tree %s\nauthor a <a> 0 +0000\ncommitter a <a> 0 +0000\n\n", tree))
		if err != nil {
			return err
		}
		if err := r.setTags(ctx, s.Before, before); err != nil {
			return err
		}
		parent = " " + before
	}
	// Git treats missing parents as no parents.
	info := filepath.Join(dir, ".git", "info")
	if err := errors.Join(os.MkdirAll(info, 0o755), os.WriteFile(filepath.Join(info, "grafts"), []byte(s.Commit+parent+"\n"), 0o644)); err != nil {
		return err
	}
	if err := r.setTags(ctx, s.Tags, s.Commit); err != nil {
		return err
	}
	_, err = r.local(ctx, "checkout", "--quiet", "--force", "--detach", s.Commit)
	return err
}

func (r *Repo) setTags(ctx context.Context, tags []string, commit string) error {
	for _, tag := range tags {
		if _, err := r.local(ctx, "update-ref", tagRefs+tag, commit); err != nil {
			return err
		}
	}
	return nil
}

// importFiles writes the objects of a snapshot's files, and returns the name of the tree.
func (r *Repo) importFiles(ctx context.Context, s Snapshot) (tree string, err error) {
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := s.stream(pw)
		pw.CloseWithError(err)
		done <- err
	}()
	g := r.git
	g.stdin = pr
	_, err = g.local(ctx, "fast-import", "--quiet")
	pr.CloseWithError(cmp.Or(err, io.ErrClosedPipe))
	if streamErr := <-done; streamErr != nil {
		err = streamErr
	}
	if err != nil {
		return "", fmt.Errorf("importing its files: %w", err)
	}
	return r.resolve(ctx, snapshotRef+"^{tree}")
}

const snapshotRef = "refs/source/snapshot"

// stream writes the snapshot's files as `git fast-import` reads them.
func (s *Snapshot) stream(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "commit %s\ncommitter a <a> 0 +0000\ndata 0\n", snapshotRef)
	err := s.Files(func(h *tar.Header, content io.Reader) error {
		mode := "100644"
		switch {
		case h.Typeflag == tar.TypeSymlink:
			mode = "120000"
			content, h.Size = strings.NewReader(h.Linkname), int64(len(h.Linkname))
		case h.Typeflag != tar.TypeReg:
			return nil
		case h.Mode&0o100 != 0:
			mode = "100755"
		}
		fmt.Fprintf(b, "M %s inline %s\ndata %d\n", mode, quotePath(h.Name), h.Size)
		n, err := io.Copy(b, content)
		if err == nil && n != h.Size {
			err = io.ErrUnexpectedEOF
		}
		b.WriteString("\n")
		return err
	})
	if err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(s.Submodules)) {
		fmt.Fprintf(b, "M 160000 %s %s\n", s.Submodules[path], quotePath(path))
	}
	return b.Flush()
}

var pathQuoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func quotePath(path string) string { return `"` + pathQuoter.Replace(path) + `"` }
