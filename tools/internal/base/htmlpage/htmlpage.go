// Package htmlpage writes one self-contained HTML page, without scripts and with its style
// inside: a release's page, and the reports of checks. It is for light and dark screens, and for
// narrow ones.
//
// In a narrow window a row of a table becomes a block. The attribute data-label of a cell is its
// column's name there. A code element breaks anywhere. A pre element is a command: a click
// selects it as a whole.
package htmlpage

import (
	_ "embed"
	"html/template"
	"io"
)

// A Page is the content of a page.
type Page struct {
	Title string
	// Body is the html/template of the content below the title, and Funcs are its functions.
	Body  string
	Funcs template.FuncMap
	// Data is passed to the body.
	Data any
}

// Write writes the page.
func (p *Page) Write(w io.Writer) error {
	t, err := template.New("page").Funcs(p.Funcs).Parse(frame)
	if err == nil {
		_, err = t.New("body").Parse(p.Body)
	}
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}

//go:embed style.css
var style string

var frame = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{.Title}}</title>
<style>
` + style + `</style>
</head>
<body>
<main>
<h1>{{.Title}}</h1>
{{template "body" .Data}}</main>
</body>
</html>
`
