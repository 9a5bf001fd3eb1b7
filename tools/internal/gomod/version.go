package gomod

import (
	"path"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// CommitVersion returns the version that the go command gives, and `go build`
// stamps, to a module in folder root of a git commit
// (https://go.dev/ref/mod#vcs-version): the highest of those among the commit's tags
// that are the module's, else the pseudo-version of a commit that has no earlier tag.
func CommitVersion(modulePath, root string, tags []string, commit string, t time.Time) string {
	_, major, ok := module.SplitPathVersion(modulePath)
	if !ok {
		major = ""
	}
	// A folder that is named for the major version only does not count.
	prefix := strings.TrimPrefix(root+"/", "./")
	if last := path.Base(root); major == "/"+last {
		prefix = strings.TrimSuffix(prefix, last+"/")
	}
	highest := ""
	for _, tag := range tags {
		if version, ok := strings.CutPrefix(tag, prefix); ok && semver.Canonical(version) == version &&
			!module.IsPseudoVersion(version) && module.CheckPathMajor(version, major) == nil && semver.Compare(version, highest) > 0 {
			highest = version
		}
	}
	if highest != "" {
		return highest
	}
	return module.PseudoVersion(module.PathMajorPrefix(major), "", t, commit[:min(12, len(commit))])
}
