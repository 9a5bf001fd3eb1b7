package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/htmlpage"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

//go:embed page.html
var body string

// ChangeTables has html/templates of tables, for all pages that show changes: source-changes and
// input-changes of []lockdiff.Change, and file-changes of []release.FileChange. Their functions
// are [ChangeFuncs].
//
//go:embed changes.html
var ChangeTables string

// ChangeFuncs returns the functions of [ChangeTables].
func ChangeFuncs() template.FuncMap {
	return template.FuncMap{"size": cli.Size, "delta": cli.SizeChange, "short": lockdiff.Short, "user": lockdiff.WithoutUser, "count": count}
}

// WriteHTML writes index.html.
func (p *Page) WriteHTML(w io.Writer) error {
	funcs := ChangeFuncs()
	funcs["noun"] = noun
	funcs["percent"] = func(f float64) string { return fmt.Sprintf("%.1f", f) }
	page := htmlpage.Page{Title: p.Title(), Body: body + ChangeTables, Funcs: funcs, Data: p}
	return page.Write(w)
}
