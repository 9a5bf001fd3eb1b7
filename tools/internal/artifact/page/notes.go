package page

import (
	_ "embed"
	"io"
	"text/template"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

//go:embed notes.md.tmpl
var notes string

// WriteNotes writes notes.md.
func (p *Page) WriteNotes(w io.Writer) error {
	t, err := template.New("notes").Funcs(template.FuncMap{
		"size": cli.Size, "text": lockdiff.MarkdownText, "code": lockdiff.MarkdownCode, "line": cli.Line, "count": count,
	}).Parse(notes)
	if err != nil {
		return err
	}
	return t.Execute(w, struct {
		Page    *Page
		Sources string
	}{p, lockdiff.Markdown(p.previous, p.lock)})
}
