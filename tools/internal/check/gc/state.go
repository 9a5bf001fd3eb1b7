package gc

import (
	"context"
	"path"
	"strings"
)

// lookAtState shows what the runs and the embedded stages of each line hold. They are the
// records of publications, or the published releases, so only what was named is removed.
func lookAtState(ctx context.Context, a *Args, l *looker) error {
	if err := l.removal(ctx, a); err != nil {
		return err
	}
	named := map[string]bool{}
	for _, e := range l.entries {
		named[e.path] = true
	}
	return l.walk(ctx, ".", func(e entry) {
		if within(named, e.path) {
			return
		}
		line, profile, rest := cut3(e.path)
		switch what, below, _ := strings.Cut(rest, "/"); {
		case rest == "":
			l.stays(e, "line "+line+", "+profile)
		case what == "runs":
			version, _, _ := strings.Cut(below, "/")
			l.stays(e, "line "+line+", "+profile+", runs of "+version)
		default:
			// A version in a bucket, or a repository of a registry or of git.
			first, _, in := strings.Cut(below, "/")
			if !in {
				first = ""
			}
			l.stays(e, "line "+line+", "+path.Join(profile, what, first))
		}
	})
}

// within reports whether a file, or a directory above it, is in a set.
func within(set map[string]bool, name string) bool {
	for ; name != "."; name = path.Dir(name) {
		if set[name] {
			return true
		}
	}
	return false
}

// cut3 cuts a path into its first name, its second name and the rest.
func cut3(name string) (first, second, rest string) {
	first, name, _ = strings.Cut(name, "/")
	second, rest, _ = strings.Cut(name, "/")
	return first, second, rest
}
