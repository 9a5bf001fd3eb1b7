package compare

import (
	"html/template"
	"io"

	"github.com/jasonwzm/release-builder/tools/internal/base/htmlpage"
)

// WriteHTML writes the report as one self-contained page. The notes are paragraphs below the
// title.
func (r *Report) WriteHTML(w io.Writer, title string, notes []string) error {
	p := htmlpage.Page{
		Title: title, Body: body,
		Funcs: template.FuncMap{
			"none": orNone, "path": printablePath, "summary": func(f FileResult) string { return f.summary() },
			"short": func(s *Side) string {
				if s == nil {
					return ""
				}
				return s.Digest.Short()
			},
		},
		Data: struct {
			*Report
			Count string
			Notes []string
		}{r, r.count(), notes},
	}
	return p.Write(w)
}

const body = `{{range .Notes}}<p>{{.}}</p>
{{end}}<p><strong class="{{if .Equal}}pass{{else}}fail{{end}}">{{if .Equal}}PASS{{else}}FAIL{{end}}</strong>: {{.Count}}</p>
<table>
<thead><tr><th>Result</th><th>File</th><th>Old</th><th>New</th></tr></thead>
<tbody>
{{range .Files}}<tr><td class="{{if eq .State "same"}}pass{{else}}fail{{end}}">{{if eq .State "same"}}PASS{{else}}FAIL{{end}}</td><td><code>{{path .Path}}</code>{{if ne .State "same"}} {{summary .}}{{end}}
{{- if .Differences}}<details open><summary>{{len .Differences}} listed</summary><table>
<thead><tr><th>Where</th><th>What</th><th>Old</th><th>New</th><th>Likely cause</th></tr></thead><tbody>
{{range .Differences}}<tr><td><code>{{.Member}}</code></td><td data-label="What">{{.What}}</td><td data-label="Old"><code>{{.Old}}</code></td><td data-label="New"><code>{{.New}}</code></td><td data-label="Likely cause" class="cause">{{.Cause}}</td></tr>
{{end}}</tbody></table></details>{{end}}</td><td data-label="Old"><code>{{short .Old}}</code></td><td data-label="New"><code>{{short .New}}</code></td></tr>
{{end}}</tbody>
</table>
`
