package lockdiff

import (
	"net/url"
	"path"
	"regexp"
	"strings"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// Web returns the URL of a source's web pages: of a git repository at an https URL, or of a Go
// module. It is empty for others.
func Web(d *lock.Dependency) string {
	switch {
	case d.Git != nil:
		page, _ := repository(d.Git.URL)
		return page
	case d.Module != nil:
		return "https://pkg.go.dev/" + d.Module.Path + "@" + d.Module.Version
	}
	return ""
}

// WebRevision returns the URL of the page of a source's commit, or of a module's version; empty
// as for [Web].
func WebRevision(d *lock.Dependency) string {
	page := Web(d)
	if page != "" && d.Git != nil {
		_, verbs := repository(d.Git.URL)
		return page + verbs + "commit/" + d.Git.Commit
	}
	return page
}

// webName matches a part of a path that needs no escape, in a URL or in Markdown.
var webName = regexp.MustCompile(`^[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*$`)

// repository returns the URL of the web pages of a git repository, and how the paths of its
// commits and comparisons begin there. GitLab has groups of groups.
func repository(origin string) (page, verbs string) {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Host == "" {
		return "", ""
	}
	verbs = "/"
	if u.Host == "gitlab.com" {
		verbs = "/-/"
	}
	parts := strings.Split(strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git"), "/")
	for _, p := range parts {
		if !webName.MatchString(p) {
			return "", ""
		}
	}
	if len(parts) < 2 || len(parts) > 2 && verbs == "/" {
		return "", ""
	}
	return "https://" + u.Host + "/" + path.Join(parts...), verbs
}

// compareSources returns the URL of a page that compares two revisions of a source; empty if
// none is known.
func compareSources(old, new *lock.Dependency) string {
	switch {
	case old.Git != nil && new.Git != nil:
		return compare(new.Git.URL, old.Git.Commit, new.Git.Commit)
	case old.Module != nil && new.Module != nil:
		// The tags of a module in a repository's root are its versions.
		parts := strings.Split(new.Module.Path, "/")
		if prefix, _, ok := module.SplitPathVersion(new.Module.Path); ok && parts[0] == "github.com" && strings.Count(prefix, "/") == 2 {
			return compare("https://"+prefix, tag(old.Module.Version), tag(new.Module.Version))
		}
	}
	return ""
}

// tag returns the tag of a module's version; of a pseudo-version, the commit.
func tag(version string) string {
	if commit, err := module.PseudoVersionRev(version); err == nil {
		return commit
	}
	return strings.TrimSuffix(version, "+incompatible")
}
