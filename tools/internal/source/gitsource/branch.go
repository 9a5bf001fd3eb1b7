package gitsource

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

const headRef = "HEAD"

// Branch fetches the last commit of a branch without its history, and without the content of
// files if the server can do that: see File. A branch that does not exist begins at the last
// commit of the repository's default branch; then the result has no Ref. If there is no
// commit either, the result has no Commit. The caller has to close the repository.
func (c *Client) Branch(ctx context.Context, url, branch string) (*Repo, error) {
	w := Want{URL: url, Branch: branch}
	if err := w.check(); err != nil {
		return nil, err
	}
	r, err := c.branch(ctx, w)
	if err != nil {
		return nil, w.wrap(err)
	}
	return r, nil
}

func (c *Client) branch(ctx context.Context, w Want) (*Repo, error) {
	refs, err := c.list(ctx, w, headRef, w.ref())
	if err != nil {
		return nil, err
	}
	from := w.ref()
	if refs[from] == "" {
		from = headRef
	}
	if refs[from] == "" {
		return c.Empty(ctx, "")
	}
	r, err := c.fetchInto(ctx, w, "--depth=1", "--filter=blob:none", "+"+from+":"+scratchRef)
	if err != nil {
		return nil, err
	}
	if from != headRef {
		r.Ref = from
	}
	if r.Commit, err = r.resolve(ctx, scratchRef+peeledCommit); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// A File is an entry of a commit's tree.
type File struct {
	Mode    string // git's, such as 100644; 040000 for a directory
	Object  string
	Content []byte // of a file
}

// ModeFile and ModeProgram are the modes of files, without and with the right to execute
// them.
const (
	ModeFile    = "100644"
	ModeProgram = "100755"
)

// maxContent is the largest file that Files reads, in bytes.
const maxContent = 16 << 20

// Files returns what the commit of a repository from Branch has at paths, and at the
// directories above those without an entry, by path. A path without an entry is not in the
// result. It fetches the contents of files at paths from url.
func (c *Client) Files(ctx context.Context, r *Repo, url string, paths []string) (map[string]File, error) {
	w := Want{URL: url}
	found := map[string]File{}
	if r.Commit == "" || len(paths) == 0 {
		return found, nil
	}
	blobs, err := r.entries(ctx, paths, found)
	if err != nil {
		return nil, w.wrap(err)
	}
	blobs = slices.DeleteFunc(blobs, func(blob string) bool { // a server may send them without being asked
		_, err := r.local(ctx, "cat-file", "-e", blob)
		return err == nil
	})
	if len(blobs) > 0 {
		// Negotiation would walk from the wanted objects, as if they were here.
		fetch := append([]string{
			"-c", "fetch.negotiationAlgorithm=noop", "fetch", "--no-tags", "--no-write-fetch-head", "--progress", "--filter=blob:none", "--", w.address(c.Dir),
		}, blobs...)
		if err := c.retry(ctx, func() error {
			_, err := c.network(ctx, r.git, w, fetch...)
			return err
		}); err != nil {
			return nil, w.wrap(err)
		}
	}
	for _, path := range paths {
		f := found[path]
		if !f.regular() {
			continue
		}
		if f.Content, err = r.Object(ctx, "blob", f.Object); err == nil && len(f.Content) > maxContent {
			err = fmt.Errorf("%w: it has %d bytes, want at most %d", ErrTooLarge, len(f.Content), maxContent)
		}
		if err != nil {
			return nil, w.wrap(fmt.Errorf("file %q: %w", path, err))
		}
		found[path] = f
	}
	return found, nil
}

func (f *File) regular() bool { return f.Mode == ModeFile || f.Mode == ModeProgram }

// entries adds the entries at paths, and at the directories above those without one, to found.
// It returns the objects of the files at paths.
func (r *Repo) entries(ctx context.Context, paths []string, found map[string]File) (blobs []string, err error) {
	if err := r.list(ctx, paths, found); err != nil {
		return nil, err
	}
	above := map[int][]string{} // by depth: git would list all of a directory, if it got that and one below
	for _, p := range paths {
		if f, ok := found[p]; ok {
			if f.regular() && !slices.Contains(blobs, f.Object) {
				blobs = append(blobs, f.Object)
			}
			continue
		}
		for p = path.Dir(p); p != "."; p = path.Dir(p) {
			if n := strings.Count(p, "/"); !slices.Contains(above[n], p) {
				above[n] = append(above[n], p)
			}
		}
	}
	for _, directories := range above {
		if err := r.list(ctx, directories, found); err != nil {
			return nil, err
		}
	}
	return blobs, nil
}

// list adds the entries at paths to found.
func (r *Repo) list(ctx context.Context, paths []string, found map[string]File) error {
	out, err := r.local(ctx, append([]string{"--literal-pathspecs", "ls-tree", "-z", "--full-tree", r.Commit, "--"}, paths...)...)
	if err != nil {
		return err
	}
	for _, entry := range fields(out) {
		head, at, _ := strings.Cut(entry, "\t")
		f := strings.Fields(head)
		if len(f) != 3 || !isHex(f[2]) {
			return fmt.Errorf("git ls-tree printed %q", entry)
		}
		found[at] = File{Mode: f[0], Object: f[2]}
	}
	return nil
}

// A Commit is one to be made.
type Commit struct {
	Parent string // the whole name; empty for the first commit
	// Author is NAME <ADDRESS>, for the committer too.
	Author string
	// Time is the author's. The committer's is that of the parent, if that is later.
	Time    time.Time
	Message string
	// Files are what it adds or replaces, by path.
	Files map[string]File
}

// MakeCommit makes a commit in a repository that has its parent, and returns its name. The same
// commit has the same name.
func (r *Repo) MakeCommit(ctx context.Context, c Commit) (string, error) {
	committed := c.Time
	from := ""
	if c.Parent != "" {
		before, err := (&Repo{git: r.git, Commit: c.Parent}).Time(ctx)
		if err != nil {
			return "", err
		}
		if before.After(committed) {
			committed = before
		}
		from = "from " + c.Parent + "\n"
	}
	var b strings.Builder
	message := strings.TrimRight(c.Message, "\n") + "\n"
	fmt.Fprintf(&b, "commit %s\nauthor %s %d +0000\ncommitter %s %d +0000\ndata %d\n%s\n%s",
		madeRef, c.Author, c.Time.Unix(), c.Author, committed.Unix(), len(message), message, from)
	for path, f := range c.Files {
		fmt.Fprintf(&b, "M %s inline %s\ndata %d\n%s\n", f.Mode, quotePath(path), len(f.Content), f.Content)
	}
	b.WriteString("done\n")
	g := r.git
	g.stdin = strings.NewReader(b.String())
	if _, err := g.local(ctx, "fast-import", "--quiet", "--done", "--force"); err != nil {
		return "", fmt.Errorf("making a commit: %w", err)
	}
	return r.resolve(ctx, madeRef)
}

const madeRef = "refs/source/made"

// A Change is the commit that changed a file.
type Change struct {
	Commit  string
	Author  string // NAME <ADDRESS>
	Time    time.Time
	Subject string
}

// maxHistory is the number of commits in which LastChange looks.
const maxHistory = 500

// LastChange returns the last commit on a branch that changed a path. If none of the last 500
// did, it returns the oldest of these.
func (c *Client) LastChange(ctx context.Context, url, branch, path string) (Change, error) {
	w := Want{URL: url, Branch: branch}
	change, err := c.lastChange(ctx, w, path)
	if err != nil {
		return change, w.wrap(fmt.Errorf("finding what changed %q: %w", path, err))
	}
	return change, nil
}

func (c *Client) lastChange(ctx context.Context, w Want, path string) (Change, error) {
	r, err := c.fetchInto(ctx, w, fmt.Sprintf("--depth=%d", maxHistory), "--filter=blob:none", "+"+w.ref()+":"+scratchRef)
	if err != nil {
		return Change{}, err
	}
	out, err := r.local(ctx, "--literal-pathspecs", "log", "-1", "--no-renames", "--format=%H%x00%an <%ae>%x00%at%x00%s", scratchRef, "--", path)
	if err := errors.Join(err, r.Close()); err != nil {
		return Change{}, err
	}
	f := strings.Split(strings.TrimSuffix(string(out), "\n"), "\x00")
	if len(f) != 4 {
		return Change{}, fmt.Errorf("git log printed %.100q", out)
	}
	seconds, err := strconv.ParseInt(f[2], 10, 64)
	return Change{f[0], f[1], time.Unix(seconds, 0).UTC(), f[3]}, err
}

// Advance moves one branch on a server from a commit, or creates it if old is empty, and
// sends the objects that the server lacks. r has to come from Branch. The error wraps
// ErrRejected if the branch is elsewhere by now, or if the server refuses. A retry after a
// lost connection may be rejected because the first try succeeded.
func (c *Client) Advance(ctx context.Context, r *Repo, p Push, old string) error {
	return c.create(ctx, r, p, old)
}
