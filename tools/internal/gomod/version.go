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
// (https://go.dev/ref/mod#vcs-version): that of the tag ref, as refs/tags/v1.2.3,
// if it is one of the module's, else the pseudo-version of a commit that has no
// earlier tag.
func CommitVersion(modulePath, root, ref, commit string, t time.Time) string {
	_, major, ok := module.SplitPathVersion(modulePath)
	if !ok {
		major = ""
	}
	// A folder that is named for the major version only does not count.
	prefix := strings.TrimPrefix(root+"/", "./")
	if last := path.Base(root); major == "/"+last {
		prefix = strings.TrimSuffix(prefix, last+"/")
	}
	if version, ok := strings.CutPrefix(ref, "refs/tags/"+prefix); ok && semver.Canonical(version) == version &&
		!module.IsPseudoVersion(version) && module.CheckPathMajor(version, major) == nil {
		return version
	}
	return module.PseudoVersion(module.PathMajorPrefix(major), "", t, commit[:min(12, len(commit))])
}
