package gitsource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// Peeled is the suffix of a tag's ref in the result of Refs, for the object that the tag
// finally points to.
const Peeled = peeled

// Refs asks the server, with one request, what these refs point to. Names are full. A
// missing ref has no entry in the result. It fetches no objects.
func (c *Client) Refs(ctx context.Context, url string, names ...string) (map[string]string, error) {
	w := Want{URL: url}
	if !validURL(url) {
		return nil, w.wrap(errNoURL)
	}
	var patterns []string
	for _, name := range names {
		if !strings.HasPrefix(name, "refs/") || !validRef(name) {
			return nil, w.wrap(fmt.Errorf("ref %q: want the full name, such as refs/heads/master", name))
		}
		patterns = append(patterns, name, name+peeled)
	}
	refs, err := c.list(ctx, w, patterns...)
	if err != nil {
		return nil, w.wrap(err)
	}
	maps.DeleteFunc(refs, func(ref, _ string) bool { return !slices.Contains(patterns, ref) })
	return refs, nil
}

// Object returns the content of an object: a commit or a tag as git stores it.
func (r *Repo) Object(ctx context.Context, kind, name string) ([]byte, error) {
	out, err := r.local(ctx, "cat-file", kind, name)
	if err != nil {
		return nil, fmt.Errorf("reading %s %s: %w", kind, name, err)
	}
	return out, nil
}

// Empty makes an empty scratch repository, in the object format of a commit's full name.
// The caller has to close it.
func (c *Client) Empty(ctx context.Context, commit string) (*Repo, error) {
	return c.init(ctx, formatOf(commit))
}

func formatOf(commit string) string {
	if len(commit) > sha1Digits {
		return "sha256"
	}
	return "sha1"
}

// Add writes an object into the repository and returns its name. The objects that it names
// need not exist.
func (r *Repo) Add(ctx context.Context, kind string, content []byte) (string, error) {
	g := r.git
	g.stdin = strings.NewReader(string(content))
	out, err := g.local(ctx, "hash-object", "-t", kind, "-w", "--stdin")
	if err != nil {
		return "", fmt.Errorf("writing a %s: %w", kind, err)
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// MakeBare makes an empty bare repository in a directory, which must be empty or absent, and
// the directories above it. It has the object format of a commit's full name, accepts
// commits without their history, and allows fetching any commit by its name. Its default
// branch will be branch; empty for git's. It is created atomically.
func (c *Client) MakeBare(ctx context.Context, dir, commit, branch string) error {
	wrap := func(err error) error { return fmt.Errorf("making repository %q: %w", dir, err) }
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return wrap(err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".new-*.git")
	if err != nil {
		return wrap(err)
	}
	defer os.RemoveAll(temp) // empty unless something failed
	if err := os.Chmod(temp, 0o755); err != nil {
		return wrap(err)
	}
	g := git{command: cmp.Or(c.Command, "git"), dir: temp}
	_, err = g.local(ctx, "init", "--quiet", "--bare", "--template=", "--initial-branch="+cmp.Or(branch, "master"), "--object-format="+formatOf(commit), temp)
	g.repository = temp
	for _, name := range []string{"receive.shallowUpdate", "uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"} {
		if err == nil {
			_, err = g.local(ctx, "config", name, "true")
		}
	}
	if err != nil {
		return wrap(err)
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return wrap(err) // it is not empty
	}
	if err := os.Rename(temp, dir); err != nil {
		return wrap(err)
	}
	return nil
}

// Push says what Create creates.
type Push struct {
	URL string
	// Refs are the refs to create: full name → object.
	Refs map[string]string
	// Negotiate asks the server which of the repository's commits it has, so that they and
	// their ancestors are not sent and need not be in the repository. The error wraps
	// ErrNoCommon if the server cannot do that.
	Negotiate bool
	// DryRun only asks the server whether it lets anybody push, and which refs it has.
	DryRun bool
}

// Create creates new refs on a server, all or none, and sends the objects that the server
// lacks. A commit without its history can be sent for one ref only: servers lose the others.
// It changes no existing ref. The error wraps ErrRejected if a ref exists and points
// elsewhere, or if the server refuses; it wraps ErrNotAtomic if there are several refs and
// the server cannot update them atomically. A retry after a lost connection may be rejected
// because the first try succeeded.
func (c *Client) Create(ctx context.Context, r *Repo, p Push) error { return c.create(ctx, r, p, "") }

// create moves refs that point to old, or that do not exist if old is empty.
func (c *Client) create(ctx context.Context, r *Repo, p Push, old string) error {
	w := Want{URL: p.URL}
	names := slices.Sorted(maps.Keys(p.Refs))
	wrap := func(err error) error {
		return fmt.Errorf("pushing %s to %q: %w", strings.Join(names, " and "), redact(p.URL), err)
	}
	if !validURL(p.URL) {
		return wrap(errNoURL)
	}
	args := pushConfig(p.Negotiate)
	args = append(args, "push", "--porcelain", "--progress", "--no-thin", "--no-verify")
	if len(p.Refs) > 1 {
		args = append(args, "--atomic")
	}
	if p.DryRun {
		args = append(args, "--dry-run")
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "refs/") || !validRef(name) || !isHex(p.Refs[name]) {
			return wrap(fmt.Errorf("ref %q: want its full name, such as refs/tags/1.2.0, and an object's", name))
		}
		args = append(args, "--force-with-lease="+name+":"+old)
	}
	args = append(args, "--", w.address(c.Dir))
	for _, name := range names {
		args = append(args, p.Refs[name]+":"+name)
	}
	err := c.retry(ctx, func() error {
		_, err := c.exchange(ctx, r.git, explainPush, args...)
		return err
	})
	if err != nil {
		return wrap(err)
	}
	return nil
}

// pushConfig makes git push only what it is told to: the user's configuration may add to
// each push.
func pushConfig(negotiate bool) (args []string) {
	for _, c := range []string{
		fmt.Sprintf("push.negotiate=%v", negotiate), "push.gpgSign=false", "push.followTags=false", "push.recurseSubmodules=no",
		"push.useForceIfIncludes=false", "push.pushOption=", "remote.pushDefault=",
	} {
		args = append(args, "-c", c)
	}
	return args
}

// maxSaid is how much of a server's message an error repeats, in bytes.
const maxSaid = 200

// explainPush makes an error from git's output for a failed push.
func explainPush(err error, stdout, stderr string) error {
	// A commit without its history has no parents in the repository.
	stderr = regexp.MustCompile(`(?m)^error: Could not read [0-9a-f]+\n`).ReplaceAllString(stderr, "")
	cause, _, alone := strings.Cut(stderr, "warning: push negotiation failed")
	switch {
	case alone && temporary(explain(err, cause)) && !regexp.MustCompile(`requires protocol v2|does not support wait-for-done`).MatchString(cause):
		return explain(err, cause)
	case strings.Contains(stderr, "does not support --atomic"):
		return &gitError{kind: ErrNotAtomic, err: err}
	case regexp.MustCompile(`push negotiation failed|unable to read tree|bad tree object|pack-objects died`).MatchString(stderr):
		return &gitError{kind: ErrNoCommon, text: clean(stderr), err: err}
	}
	why := rejection(stdout)
	if why == "" {
		return explain(err, stderr)
	}
	var said []string
	for line := range strings.FieldsFuncSeq(stderr, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line, ok := strings.CutPrefix(line, "remote: "); ok && !noise(strings.TrimSpace(line)) {
			said = append(said, strings.TrimRight(line, " "))
		}
	}
	text := fmt.Sprintf("%.*q", maxSaid, why)
	if len(said) > 0 {
		text += "; the server says " + short(strings.Join(said, "\n"))
	}
	rejected := &gitError{kind: ErrRejected, text: text, err: err}
	if strings.Contains(why, "shallow update not allowed") {
		return hint.With(rejected, "the repository lacks the commit, and accepts none without its history: push the commit's branch there first, or run in it: git config receive.shallowUpdate true")
	}
	return rejected
}

// rejection returns the line of git push --porcelain about the rejected ref: "!", FROM:TO
// and the reason, separated by tabs.
func rejection(stdout string) (why string) {
	for line := range strings.Lines(stdout) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3)
		if len(f) == 3 && f[0] == "!" && (why == "" || strings.Contains(why, "atomic")) {
			why = f[2]
		}
	}
	return why
}

// short quotes the beginning of a server's message, without secrets.
func short(s string) string {
	s = redact(strings.TrimSpace(s))
	if len(s) > maxSaid {
		s = s[:maxSaid] + "…"
	}
	return fmt.Sprintf("%q", strings.ToValidUTF8(s, "?"))
}
