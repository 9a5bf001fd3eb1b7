package lockdiff

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// Markdown returns release notes in GitHub Flavored Markdown (https://github.github.com/gfm/):
// the sources of the release and, if old is not nil, what has changed since that lock. Equal
// locks give equal notes.
func Markdown(old, new *lock.Lock) string {
	var b strings.Builder
	if old == nil {
		fmt.Fprintf(&b, "%s %s was built from:\n\n| Source | Revision |\n| --- | --- |\n", MarkdownText(new.Product), MarkdownText(new.Version))
	} else {
		fmt.Fprintf(&b, "%s %s was built from:\n\n| Source | Revision | Since %s |\n| --- | --- | --- |\n",
			MarkdownText(new.Product), MarkdownText(new.Version), MarkdownText(old.Version))
	}
	var removed, others strings.Builder
	for _, c := range Between(old, new) {
		switch {
		case c.Kind == Dependency && c.State == Removed:
			fmt.Fprintf(&removed, "| %s | | removed, was %s |\n", sourceLink(c.Old), revisionLink(c.Old))
		case c.Kind == Dependency && old == nil:
			fmt.Fprintf(&b, "| %s | %s |\n", sourceLink(c.New), revisionLink(c.New))
		case c.Kind == Dependency:
			fmt.Fprintf(&b, "| %s | %s | %s |\n", sourceLink(c.New), revisionLink(c.New), sinceCell(c))
		case c.State != Same && c.Kind != Setting && (c.Kind != Image || c.Platform == ""):
			fmt.Fprintf(&others, "| %s | %s | %s |\n", MarkdownText(c.Title()), pinCell(c.From), pinCell(c.To))
		}
	}
	b.WriteString(removed.String())
	if old != nil && others.Len() > 0 {
		fmt.Fprintf(&b, "\nAlso changed since %s:\n\n| Input | Before | Now |\n| --- | --- | --- |\n%s", MarkdownText(old.Version), &others)
	}
	return b.String()
}

// sinceCell describes how a dependency has changed.
func sinceCell(c Change) string {
	between := MarkdownCode(Short(c.From.Revision)) + "…" + MarkdownCode(Short(c.To.Revision))
	switch {
	case c.State == Added:
		return "new"
	case c.State == Same:
		return "unchanged"
	case c.State == Moved:
		return "was " + revisionLink(c.Old) + " of " + sourceLink(c.Old)
	case c.From.Revision == c.To.Revision:
		return "other content"
	case c.Compare != "":
		return "[" + between + "](" + c.Compare + ")"
	}
	return between
}

// pinCell returns a pin's text; empty for none.
func pinCell(p Pin) string {
	if p.Origin = WithoutUser(p.Origin); p.String() == "" {
		return ""
	}
	return MarkdownCode(p.String())
}

func sourceLink(d *lock.Dependency) string {
	switch {
	case d.Git != nil && Web(d) != "":
		return fmt.Sprintf("[%s](%s)", MarkdownText(d.Name), Web(d))
	case d.Git != nil:
		return MarkdownText(d.Name) + " " + MarkdownCode(WithoutUser(d.Git.URL))
	case d.Module != nil:
		return MarkdownText(d.Name) + " " + MarkdownCode(d.Module.Path)
	}
	return MarkdownText(d.Name)
}

func revisionLink(d *lock.Dependency) string {
	switch {
	case d.Revision() == "":
		return ""
	case d.Git != nil && Web(d) != "":
		return fmt.Sprintf("[%s](%s)", MarkdownCode(Short(d.Revision())), WebRevision(d))
	}
	return MarkdownCode(Short(d.Revision()))
}

// WithoutUser removes the user and password from a URL.
func WithoutUser(s string) string {
	if u, err := url.Parse(s); err == nil && u.User != nil {
		u.User = nil
		return u.String()
	}
	return s
}

// MarkdownCode returns text as code in a table's cell.
func MarkdownCode(s string) string {
	return "`" + strings.NewReplacer("`", "'", "|", `\|`, "\n", " ").Replace(s) + "`"
}

// MarkdownText escapes Markdown and mentions.
func MarkdownText(s string) string {
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;",
		"|", `\|`, "#", `\#`, "@", "@\u200b", "\n", " ").Replace(s)
}
