// Package gitcommit publishes files of a release by a commit on a branch of a git repository:
// a Homebrew tap, a Scoop bucket, a repository of the AUR, an index of Krew plugins, a fork of
// winget-pkgs.
//
// A release is one commit on top of what is there. The commit depends only on the release, the
// configuration and its parent. A push moves the branch only from that parent, so that
// commits of others are never lost; if there are any, the commit is made anew on top of them,
// unless they changed the same files.
//
// A file whose path has the version stays beside those of other releases, and never changes.
// Any other file is a pointer: the branch is an alias, and its rule says which releases
// replace the file.
package gitcommit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
)

// Config says where files are committed, and which.
type Config struct {
	// Name is the name of the destination.
	Name string
	// URL is the repository's: http(s)://, ssh:// or file://, without credentials. A
	// repository on this machine is created if it does not exist.
	URL string
	// Branches get a commit each. A branch that does not exist begins at the default branch.
	Branches []publish.Alias
	// Files choose files of the release: see ParseRule.
	Files []string
	// Author is the author of the commits: NAME <ADDRESS>. The author's time is the release's.
	Author string
	// Message is the commits' message; default the product and the version.
	Message string
	// Client runs git, with its limits, retries, token and log.
	Client gitsource.Client
}

const (
	kind = "file"
	// maxFile is the largest file that is committed, in bytes.
	maxFile = 16 << 20
)

// New returns the destination for files of a release. Without a tree it can only verify. It
// sends no request.
func New(ctx context.Context, c Config, tree *release.Tree) (publish.Destination, error) {
	d := &destination{Config: c, dir: gitsource.Directory(c.URL), tree: tree}
	if err := gitsource.CheckRemote(c.URL); err != nil {
		return nil, err
	}
	if c.Token() && !strings.HasPrefix(c.URL, c.Client.TokenFor+"/") {
		return nil, fmt.Errorf("the token is for %q, which is not the server of the repository", c.Client.TokenFor)
	}
	if tree == nil {
		return d, nil
	}
	var err error
	if d.files, err = c.choose(ctx, tree); err != nil {
		return nil, fmt.Errorf("choosing the files for %q: %w", c.URL, err)
	}
	d.Message = cmp.Or(c.Message, tree.Lock.Product+" "+tree.Version)
	return d, nil
}

// Token reports whether there is a token.
func (c *Config) Token() bool { return c.Client.Token != "" }

// A destination is a repository. It is immutable.
type destination struct {
	Config
	dir   string // of a repository on this machine; empty for others
	tree  *release.Tree
	files []file
}

// Name implements [publish.Destination].
func (d *destination) Name() string { return d.Config.Name }

// A file is a file of the release.
type file struct {
	release.File
	to        string // its path in the repository
	content   []byte
	versioned bool // the path has the version
}

// mode returns the mode of a file that does not exist yet.
func (f *file) mode() string {
	if bytes.HasPrefix(f.content, []byte("#!")) {
		return gitsource.ModeProgram
	}
	return gitsource.ModeFile
}

// layouts are the paths that package managers expect.
var layouts = map[string]string{
	"aur": "{path}", "homebrew": "Formula/{path}", "krew": "plugins/{path}", "nix": "pkgs/{path}", "scoop": "bucket/{path}",
	"script": "{path}", "winget": "{path}",
}

// A Rule chooses files of a release.
type Rule struct {
	Pattern string // of release paths, as in path.Match
	Path    string // in the repository
}

// ParseRule parses PATTERN=PATH. The pattern matches a file of a release, or a directory for
// all files below it. In the path, {path} is the file's path below that directory, or the
// name of a file that matched itself. The name of a package manager, such as homebrew, stands
// for its files at the paths where it looks for them.
func ParseRule(s string) (Rule, error) {
	if layout, ok := layouts[s]; ok {
		return Rule{"packages/*/" + s, layout}, nil
	}
	r := Rule{}
	var ok bool
	r.Pattern, r.Path, ok = strings.Cut(s, "=")
	_, err := path.Match(r.Pattern, "")
	switch p := strings.ReplaceAll(r.Path, "{path}", "x"); {
	case !ok:
		return r, fmt.Errorf("rule %q: want PATTERN=PATH, or one of %s", s, strings.Join(managers(), ", "))
	case err != nil || !fs.ValidPath(r.Pattern):
		return r, fmt.Errorf("rule %q: %q is not a pattern of release paths", s, r.Pattern)
	case !validPath(p):
		return r, fmt.Errorf("rule %q: %q is not a path in a repository", s, r.Path)
	}
	return r, nil
}

// managers returns the package managers with layouts, sorted.
func managers() []string {
	var all []string
	for m := range layouts {
		all = append(all, m)
	}
	slices.Sort(all)
	return all
}

// validPath reports whether git takes a path.
func validPath(p string) bool {
	bad := func(part string) bool { return strings.EqualFold(part, ".git") }
	return fs.ValidPath(p) && p != "." && !strings.ContainsAny(p, "\\\x00\n\t") && !slices.ContainsFunc(strings.Split(p, "/"), bad)
}

// match returns where the rule puts a file of the release.
func (r Rule) match(name string) (to string, ok bool) {
	parts := strings.Split(name, "/")
	for n := range parts {
		n++
		if ok, _ := path.Match(r.Pattern, strings.Join(parts[:n], "/")); !ok {
			continue
		}
		below := path.Join(parts[n:]...)
		return strings.ReplaceAll(r.Path, "{path}", cmp.Or(below, parts[len(parts)-1])), true
	}
	return "", false
}

// choose returns the files of the release, sorted by path in the repository.
func (c *Config) choose(ctx context.Context, tree *release.Tree) ([]file, error) {
	var files []file
	var errs []error
	for _, text := range c.Files {
		rule, err := ParseRule(text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		before := len(files)
		for _, f := range tree.Files {
			to, ok := rule.match(f.Path)
			switch {
			case !ok:
			case !validPath(to):
				errs = append(errs, fmt.Errorf("file %q: %q is not a path in a repository", f.Path, to))
			case f.Size > maxFile:
				errs = append(errs, fmt.Errorf("file %q: it has %d bytes, want at most %d", f.Path, f.Size, maxFile))
			default:
				files = append(files, file{File: f, to: to, versioned: hasVersion(to, tree.Version)})
			}
		}
		if len(files) == before {
			errs = append(errs, hint.With(fmt.Errorf("the release has no file for %q", text), "add package_manifests to the product's BUILD file, or remove the rule from destinations.yaml"))
		}
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.to, b.to) })
	for i, f := range files {
		if i > 0 && (files[i-1].to == f.to || strings.HasPrefix(f.to, files[i-1].to+"/")) {
			errs = append(errs, fmt.Errorf("files %q and %q cannot both be at %q", files[i-1].Path, f.Path, files[i-1].to))
		}
		var err error
		if files[i].content, err = tree.ReadFile(ctx, f.Path); err != nil {
			errs = append(errs, err)
		}
	}
	return files, errors.Join(errs...)
}

// hasVersion reports whether a path has the version as a word.
func hasVersion(p, version string) bool {
	return regexp.MustCompile(`(^|[^0-9A-Za-z.])v?` + regexp.QuoteMeta(version) + `($|[^0-9A-Za-z])`).MatchString(p)
}

// itemName returns the name that namePattern matches.
func (d *destination) itemName(branch string, f *file) string {
	return fmt.Sprintf("%s branch %s %s %s", d.URL, branch, f.to, d.tree.Version)
}

var namePattern = regexp.MustCompile(`^(\S+) branch (\S+) (.+) (\S+)$`)
