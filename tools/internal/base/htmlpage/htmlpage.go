// Package htmlpage writes the result of a check as one self-contained HTML page, without scripts
// and with its style inside.
package htmlpage

import (
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

const frame = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
:root { color-scheme: light dark; --line: #8885; --pass: #1a7f37; --fail: #c62828; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
code { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.pass, .added { color: var(--pass); } .fail, .removed { color: var(--fail); } .pass, .fail { font-weight: 600; }
.cause { font-style: italic; } details { margin: .3rem 0; } summary { cursor: pointer; }
table table { margin: .4rem 0 .8rem; }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
{{template "body" .Data}}</body>
</html>
`
