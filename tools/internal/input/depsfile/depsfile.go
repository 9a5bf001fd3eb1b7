// Package depsfile reads <name>.deps files, such as Istio's istio.deps: in it a primary
// source says with which commits of other repositories it was last tested. It is a JSON
// list; its entries have _comment, name, repoName, file and lastStableSHA. Unknown keys are
// ignored, because the file belongs to another project.
package depsfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MaxSize is the largest file, in bytes, that Parse accepts.
const MaxSize = 1 << 20

// Entry is the file's entry for one repository.
type Entry struct {
	// Repo is the repository's name, without its owner.
	Repo string `json:"repoName"`
	// LastStable is a commit, usually in full, or a tag.
	LastStable string `json:"lastStableSHA"`
}

// File is a parsed deps file.
type File []Entry

// Parse parses a deps file.
func Parse(data []byte) (File, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("file has %d bytes, want at most %d", len(data), MaxSize)
	}
	var f File
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("parsing: %w", err)
	}
	for i, e := range f {
		if e.Repo == "" {
			return nil, fmt.Errorf("entry %d has no repoName", i+1)
		}
		if bad := badRevision(e.LastStable); bad != "" {
			return nil, fmt.Errorf("entry %q: lastStableSHA: got %q (%s), want a commit or a tag", e.Repo, e.LastStable, bad)
		}
	}
	return f, nil
}

// badRevision returns why s is neither a commit nor the name of a tag
// (git-check-ref-format), or "".
func badRevision(s string) string {
	switch {
	case s == "":
		return "empty"
	case len(s) > 200:
		return "more than 200 characters"
	case s[0] == '-' || s[0] == '/' || s[0] == '.':
		return "does not begin with a letter or digit"
	case strings.ContainsAny(s, " ~^:?*[\\\x7f") || strings.Contains(s, "..") || strings.Contains(s, "@{") || strings.Contains(s, "//"):
		return "not a name that git allows"
	case strings.HasSuffix(s, ".") || strings.HasSuffix(s, "/") || strings.HasSuffix(s, ".lock"):
		return "not a name that git allows"
	}
	for _, r := range s {
		if r < ' ' || r > '~' {
			return "has a character that is not printable ASCII"
		}
	}
	return ""
}

// Find returns the entry of a repository, by the first of its names that has one. It is an
// error if there is none, or if two with that name differ.
func (f File) Find(repo string, others ...string) (Entry, error) {
	for _, other := range others {
		if !slices.ContainsFunc(f, func(e Entry) bool { return e.Repo == repo }) && slices.ContainsFunc(f, func(e Entry) bool { return e.Repo == other }) {
			repo = other
		}
	}
	var found *Entry
	var names []string
	for i := range f {
		names = append(names, f[i].Repo)
		switch e := &f[i]; {
		case e.Repo != repo:
		case found == nil:
			found = e
		case e.LastStable != found.LastStable:
			return Entry{}, fmt.Errorf("duplicate repoName %q, with %q and %q", repo, found.LastStable, e.LastStable)
		}
	}
	if found == nil {
		if len(names) == 0 {
			return Entry{}, errors.New("it has no entries")
		}
		return Entry{}, fmt.Errorf("no entry with repoName %q, only %s", repo, strings.Join(names, ", "))
	}
	return *found, nil
}
