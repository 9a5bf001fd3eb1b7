package compare

import (
	"html/template"
	"io"
)

// WriteHTML writes the report as one page that needs nothing else: no script, and
// its style within. The notes are paragraphs below the title.
func (r *Report) WriteHTML(w io.Writer, title string, notes []string) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"none": orNone, "path": printablePath, "summary": func(f FileResult) string { return f.summary() },
		"short": func(s *Side) string {
			if s == nil {
				return ""
			}
			return s.Digest.Short()
		},
	}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, struct {
		*Report
		Title, Count string
		Notes        []string
	}{r, title, r.count(), notes})
}

const page = `<!DOCTYPE html>
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
.pass { color: var(--pass); font-weight: 600; } .fail { color: var(--fail); font-weight: 600; }
.cause { font-style: italic; } details { margin: .3rem 0; } summary { cursor: pointer; }
table table { margin: .4rem 0 .8rem; } h1 { font-size: 1.4rem; }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
{{range .Notes}}<p>{{.}}</p>
{{end}}<p><strong class="{{if .Equal}}pass{{else}}fail{{end}}">{{if .Equal}}PASS{{else}}FAIL{{end}}</strong>: {{.Count}}</p>
<table>
<thead><tr><th>Result</th><th>File</th><th>Old</th><th>New</th></tr></thead>
<tbody>
{{range .Files}}<tr><td class="{{if eq .State "equal"}}pass{{else}}fail{{end}}">{{if eq .State "equal"}}PASS{{else}}FAIL{{end}}</td><td><code>{{path .Path}}</code>{{if ne .State "equal"}} {{summary .}}{{end}}
{{- if .Differences}}<details open><summary>{{len .Differences}} listed</summary><table>
<thead><tr><th>Where</th><th>What</th><th>Old</th><th>New</th><th>Likely cause</th></tr></thead><tbody>
{{range .Differences}}<tr><td><code>{{.Member}}</code></td><td>{{.What}}</td><td><code>{{.Old}}</code></td><td><code>{{.New}}</code></td><td class="cause">{{.Cause}}</td></tr>
{{end}}</tbody></table></details>{{end}}</td><td><code>{{short .Old}}</code></td><td><code>{{short .New}}</code></td></tr>
{{end}}</tbody>
</table>
</body>
</html>
`
