package github

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// GenerateNotes returns release notes as GitHub Flavored Markdown
// (https://github.github.com/gfm/): what the release was built from and, where the
// lock of the release before is known, what of that has changed. Old may be nil.
// Equal locks give equal notes.
func GenerateNotes(old, new *lock.Lock) string {
	var b strings.Builder
	if old == nil {
		fmt.Fprintf(&b, "%s %s was built from:\n\n| Source | Revision |\n| --- | --- |\n", text(new.Product), text(new.Version))
	} else {
		fmt.Fprintf(&b, "%s %s was built from:\n\n| Source | Revision | Since %s |\n| --- | --- | --- |\n",
			text(new.Product), text(new.Version), text(old.Version))
	}
	for i := range new.Dependencies {
		d := &new.Dependencies[i]
		fmt.Fprintf(&b, "| %s | %s |", sourceLink(d), revisionLink(d))
		if old != nil {
			before, _ := old.Find(d.Name)
			fmt.Fprintf(&b, " %s |", change(before, d))
		}
		b.WriteString("\n")
	}
	if old != nil {
		for i := range old.Dependencies {
			if d := &old.Dependencies[i]; !has(new, d.Name) {
				fmt.Fprintf(&b, "| %s | | removed, was %s |\n", sourceLink(d), revisionLink(d))
			}
		}
	}
	return b.String()
}

func has(l *lock.Lock, name string) bool {
	_, ok := l.Find(name)
	return ok
}

// change says what became of a dependency; before is nil if it is a new one.
func change(before, d *lock.Dependency) string {
	switch {
	case before == nil:
		return "new"
	case before.Origin() != d.Origin():
		return "was " + revisionLink(before) + " of " + sourceLink(before)
	case before.Revision() == d.Revision():
		return "unchanged"
	}
	between := code(short(before)) + "…" + code(short(d))
	if web := webOf(d); web != "" {
		return fmt.Sprintf("[%s](%s/compare/%s...%s)", between, web, before.Git.Commit, d.Git.Commit)
	}
	return between
}

// short is a revision for people: 12 digits of a commit.
func short(d *lock.Dependency) string {
	r := d.Revision()
	if d.Module == nil {
		r = r[:min(12, len(r))]
	}
	return r
}

// webOf returns the URL of a git dependency's pages, or "" if it is not known to
// have some.
func webOf(d *lock.Dependency) string {
	if d.Git == nil {
		return ""
	}
	u, err := url.Parse(d.Git.URL)
	if err != nil || u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
		return ""
	}
	owner, repo, err := splitURL(d.Git.URL)
	if err != nil {
		return ""
	}
	return "https://" + u.Host + "/" + owner + "/" + repo
}

func sourceLink(d *lock.Dependency) string {
	switch {
	case webOf(d) != "":
		return fmt.Sprintf("[%s](%s)", text(d.Name), webOf(d))
	case d.Git != nil:
		return text(d.Name) + " " + code(withoutUser(d.Git.URL))
	case d.Module != nil:
		return text(d.Name) + " " + code(d.Module.Path)
	}
	return text(d.Name)
}

func revisionLink(d *lock.Dependency) string {
	switch web := webOf(d); {
	case d.Revision() == "":
		return ""
	case web != "":
		return fmt.Sprintf("[%s](%s/commit/%s)", code(short(d)), web, d.Git.Commit)
	}
	return code(short(d))
}

// withoutUser takes what may be a password off a URL.
func withoutUser(s string) string {
	if u, err := url.Parse(s); err == nil && u.User != nil {
		u.User = nil
		return u.String()
	}
	return s
}

// code is text as code in a table's cell.
func code(s string) string {
	return "`" + strings.NewReplacer("`", "'", "|", `\|`, "\n", " ").Replace(s) + "`"
}

// text escapes what Markdown would take for markup, and what would be a mention.
func text(s string) string {
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;",
		"|", `\|`, "#", `\#`, "@", "@\u200b", "\n", " ").Replace(s)
}
