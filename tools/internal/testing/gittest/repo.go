package gittest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Repo is a bare repository on the server.
type Repo struct {
	Name string
	Dir  string
	t    testing.TB
	home string
}

// File is what a commit does to a path. The zero value is an empty file.
type File struct {
	Content   string
	Exec      bool
	Link      string // the target of a symbolic link
	Submodule string // the commit of a submodule
	Delete    bool
}

// Commit is one commit of Repo.Commits.
type Commit struct {
	Files   map[string]File // what changes
	Message string
	Time    time.Time
}

// Repo returns the named repository, and makes it if it does not exist.
func (s *Server) Repo(name string) *Repo { return s.NewRepo(name, "sha1") }

// NewRepo is Repo with an object format, "sha1" or "sha256". The server allows fetching
// commits by name, filters objects, and accepts pushes from everybody.
func (s *Server) NewRepo(name, format string) *Repo {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.repos[name]; r != nil {
		return r
	}
	r := &Repo{Name: name, Dir: filepath.Join(s.root, filepath.FromSlash(name)), t: s.t, home: s.root}
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		s.t.Fatal(err)
	}
	r.Git("init", "--quiet", "--bare", "--template=", "--initial-branch=main", "--object-format="+format)
	r.Git("config", "uploadpack.allowFilter", "true")
	r.Git("config", "uploadpack.allowAnySHA1InWant", "true")
	r.Git("config", "http.receivepack", "true")
	s.repos[name] = r
	return r
}

// Git runs git in the repository and returns its output without the final line feed.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	return r.git(nil, args...)
}

func (r *Repo) git(stdin io.Reader, args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = r.Dir, environ(r.home), stdin
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		r.t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSuffix(stdout.String(), "\n")
}

// Commit adds a commit to a branch and returns its name. The files are the changes; a new
// branch starts empty.
func (r *Repo) Commit(branch string, files map[string]File, message string, at time.Time) string {
	r.t.Helper()
	return r.Commits(branch, Commit{files, message, at})[0]
}

// Commits adds commits to a branch with one command, and returns their names.
func (r *Repo) Commits(branch string, commits ...Commit) []string {
	r.t.Helper()
	var b strings.Builder
	ref := "refs/heads/" + branch
	parent := ""
	if r.Has(ref) {
		parent = "from " + ref + "^0\n"
	}
	for i, c := range commits {
		fmt.Fprintf(&b, "commit %s\nmark :%d\n", ref, i+1)
		for _, who := range []string{"author A U Thor <author@example.com>", "committer C O Mitter <committer@example.com>"} {
			fmt.Fprintf(&b, "%s %d +0000\n", who, c.Time.Unix())
		}
		fmt.Fprintf(&b, "data %d\n%s\n", len(c.Message), c.Message)
		b.WriteString(parent)
		parent = ""
		for _, name := range slices.Sorted(maps.Keys(c.Files)) {
			change(&b, quote(name), c.Files[name])
		}
	}
	b.WriteString("done\n")
	marks := filepath.Join(r.t.TempDir(), "marks")
	r.git(strings.NewReader(b.String()), "fast-import", "--quiet", "--done", "--force", "--date-format=raw", "--export-marks="+marks)
	data, err := os.ReadFile(marks)
	if err != nil {
		r.t.Fatal(err)
	}
	names := make([]string, len(commits))
	for line := range strings.Lines(string(data)) {
		var mark int
		var name string
		if _, err := fmt.Sscanf(line, ":%d %s", &mark, &name); err != nil {
			r.t.Fatalf("marks: %q: %v", line, err)
		}
		names[mark-1] = name
	}
	return names
}

// change writes a command of git fast-import.
func change(b *strings.Builder, name string, f File) {
	mode, content := "100644", f.Content
	switch {
	case f.Delete:
		fmt.Fprintf(b, "D %s\n", name)
		return
	case f.Submodule != "":
		fmt.Fprintf(b, "M 160000 %s %s\n", f.Submodule, name)
		return
	case f.Link != "":
		mode, content = "120000", f.Link
	case f.Exec:
		mode = "100755"
	}
	fmt.Fprintf(b, "M %s inline %s\ndata %d\n%s\n", mode, name, len(content), content)
}

// quote quotes any path for git fast-import.
func quote(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(name) + `"`
}

// Has reports whether a revision exists.
func (r *Repo) Has(revision string) bool {
	cmd := exec.CommandContext(r.t.Context(), "git", "rev-parse", "--verify", "--quiet", revision)
	cmd.Dir, cmd.Env = r.Dir, environ(r.home)
	return cmd.Run() == nil
}

// Tag points a tag to a commit. The tag may exist.
func (r *Repo) Tag(name, commit string) { r.SetRef("refs/tags/"+name, commit) }

// AnnotatedTag makes a tag with a message and returns the name of the tag object.
func (r *Repo) AnnotatedTag(name, commit, message string) string {
	r.t.Helper()
	r.Git("tag", "--force", "--annotate", "--message", message, name, commit)
	return r.Git("rev-parse", "refs/tags/"+name)
}

// SetRef points a ref to an object. The ref may exist; an empty object deletes it.
func (r *Repo) SetRef(ref, object string) {
	r.t.Helper()
	if object == "" {
		r.Git("update-ref", "-d", ref)
		return
	}
	r.Git("update-ref", ref, object)
}

// ForceBranch points a branch to a commit, as a forced push does, and deletes unreachable
// objects at once.
func (r *Repo) ForceBranch(name, commit string) {
	r.t.Helper()
	r.SetRef("refs/heads/"+name, commit)
	r.Git("reflog", "expire", "--expire=now", "--all")
	r.Git("repack", "-q", "-a", "-d")
	r.Git("prune", "--expire=now")
}

// Blob writes a blob and returns its name.
func (r *Repo) Blob(content string) string {
	r.t.Helper()
	return r.git(strings.NewReader(content), "hash-object", "-t", "blob", "-w", "--stdin")
}

// TreeEntry is an entry of a tree object. It may be invalid.
type TreeEntry struct {
	Mode string // in git's form: 100644, 40000, …
	Name string
	ID   string
}

// Tree writes a tree object, valid or not, in the order given, and returns its name.
func (r *Repo) Tree(entries ...TreeEntry) string {
	r.t.Helper()
	var b bytes.Buffer
	for _, e := range entries {
		id, err := hex.DecodeString(e.ID)
		if err != nil {
			r.t.Fatalf("tree entry %q: %v", e.Name, err)
		}
		fmt.Fprintf(&b, "%s %s\x00%s", e.Mode, e.Name, id)
	}
	return r.git(&b, "hash-object", "-t", "tree", "-w", "--stdin", "--literally")
}

// CommitTree points a branch to a new commit of a tree, and returns the commit's name.
func (r *Repo) CommitTree(branch, tree string, parents ...string) string {
	r.t.Helper()
	args := []string{"commit-tree", "-m", "tree", tree}
	for _, p := range parents {
		args = append(args, "-p", p)
	}
	commit := r.Git(args...)
	r.SetRef("refs/heads/"+branch, commit)
	return commit
}

// Object writes an object of any type, valid or not, and returns its name.
func (r *Repo) Object(kind, content string) string {
	r.t.Helper()
	return r.git(strings.NewReader(content), "hash-object", "-t", kind, "-w", "--stdin", "--literally")
}
