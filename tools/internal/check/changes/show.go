package changes

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/page"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/htmlpage"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

// Text returns the diff as text for people.
func (d *Diff) Text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s → %s\n", d.Old.title(), d.New.title())
	if d.Old.Size > 0 && d.New.Size > 0 {
		fmt.Fprintf(&b, "size: %s → %s (%s), %d → %d files\n", cli.Size(d.Old.Size), cli.Size(d.New.Size), cli.SizeChange(d.Old.Size, d.New.Size), d.Old.Files, d.New.Files)
	}
	section(&b, "sources", len(d.Sources))
	for _, s := range d.Sources {
		fmt.Fprintf(&b, "  %s\n", sourceLine(&s))
		if s.Compare != "" {
			fmt.Fprintf(&b, "      %s\n", cli.Line(s.Compare))
		}
		for _, m := range s.Modules {
			fmt.Fprintf(&b, "      module %s\n", inputLine(&m, m.Name))
		}
	}
	section(&b, "inputs", len(d.Inputs))
	for _, c := range d.Inputs {
		fmt.Fprintf(&b, "  %s\n", inputLine(&c, c.Title()))
	}
	if d.Old.Size == 0 || d.New.Size == 0 {
		return b.Bytes()
	}
	section(&b, "files", len(d.Files))
	for _, f := range d.Files {
		fmt.Fprintf(&b, "  %s\n", fileLine(f))
	}
	section(&b, "images", len(d.Images))
	for _, i := range d.Images {
		fmt.Fprintf(&b, "  %s %s\n", sign(i.State), cli.Line(i.Name))
		for _, p := range i.Platforms {
			fmt.Fprintf(&b, "      %s\n", p.line())
		}
	}
	return b.Bytes()
}

func section(b *bytes.Buffer, name string, n int) {
	if n == 0 {
		name += ": none changed"
	} else {
		name += ":"
	}
	fmt.Fprintf(b, "%s\n", name)
}

func (r Release) title() string { return cli.Line(r.Product + " " + r.Version) }

// sign returns the sign of a state, as in a patch.
func sign(s lockdiff.State) string {
	return map[lockdiff.State]string{lockdiff.Added: "+", lockdiff.Removed: "-", lockdiff.Moved: "~", lockdiff.Changed: "~", lockdiff.Same: "="}[s]
}

// inputLine and sourceLine shorten digests and commits.
func inputLine(c *lockdiff.Change, name string) string {
	values := strings.Trim(c.From.String()+" → "+c.To.String(), "→ ")
	return sign(c.State) + " " + cli.Line(name+" "+values)
}

func sourceLine(c *lockdiff.Change) string {
	old, new, origin := lockdiff.Short(c.From.Revision), lockdiff.Short(c.To.Revision), c.To.Origin
	what := new
	switch {
	case c.State == lockdiff.Moved:
		return sign(c.State) + " " + cli.Line(c.Name+" "+c.From.String()+" → "+c.To.String())
	case c.State == lockdiff.Removed:
		what, origin = old, c.From.Origin
	case c.State == lockdiff.Changed && c.From.Revision == c.To.Revision:
		what += " with other content"
	case c.State == lockdiff.Changed:
		what = old + ".." + new
	}
	return sign(c.State) + " " + cli.Line(c.Name+" "+what+" ("+origin+")")
}

func fileLine(f release.FileChange) string {
	name := f.Path
	if f.OldPath != "" {
		name = f.OldPath + " → " + f.Path
	}
	switch f.State {
	case lockdiff.Added:
		return "+ " + cli.Line(name) + " " + cli.Size(f.NewSize)
	case lockdiff.Removed:
		return "- " + cli.Line(name) + " " + cli.Size(f.OldSize)
	}
	return fmt.Sprintf("%s %s %s → %s (%s)", sign(f.State), cli.Line(name), cli.Size(f.OldSize), cli.Size(f.NewSize), cli.SizeChange(f.OldSize, f.NewSize))
}

func (p Platform) line() string {
	parts := []string{count(p.Shared, "shared"), count(p.Added, "new"), count(p.Removed, "gone")}
	return sign(p.State) + " " + cli.Line(p.Platform) + ": layers: " + strings.Join(parts, ", ")
}

func count(layers []Layer, what string) string {
	var sum int64
	for _, l := range layers {
		sum += l.Size
	}
	if len(layers) == 0 {
		return "0 " + what
	}
	return fmt.Sprintf("%d %s (%s)", len(layers), what, cli.Size(sum))
}

// WriteHTML writes the diff as one page.
func (d *Diff) WriteHTML(w io.Writer) error {
	p := htmlpage.Page{
		Title: d.Old.Product + " " + d.Old.Version + " → " + d.New.Product + " " + d.New.Version,
		Body:  body + page.ChangeTables, Funcs: page.ChangeFuncs(), Data: d,
	}
	return p.Write(w)
}

const body = `{{if and .Old.Size .New.Size}}<p>{{size .Old.Size}} → {{size .New.Size}} ({{delta .Old.Size .New.Size}}), {{.Old.Files}} → {{.New.Files}} files</p>{{end}}
<p>Locks <code>{{.Old.Lock}}</code> → <code>{{.New.Lock}}</code></p>
<h2>Sources</h2>
{{template "source-changes" .Sources}}
<h2>Inputs</h2>
{{template "input-changes" .Inputs}}
{{if and .Old.Size .New.Size}}<h2>Files</h2>
{{template "file-changes" .Files}}
<h2>Images</h2>
{{range .Images}}<h3><code>{{.Name}}</code> <span class="{{.State}}">{{.State}}</span></h3>
<table><thead><tr><th>Platform</th><th>State</th><th>Layers that both have</th><th>New</th><th>Gone</th></tr></thead><tbody>
{{range .Platforms}}<tr><td>{{.Platform}}</td><td data-label="State" class="{{.State}}">{{.State}}</td><td data-label="Layers that both have">{{template "layers" .Shared}}</td><td data-label="New">{{template "layers" .Added}}</td><td data-label="Gone">{{template "layers" .Removed}}</td></tr>
{{end}}</tbody></table>{{end}}{{end}}
{{define "layers"}}{{range .}}<code>{{.Digest.Short}}</code> {{size .Size}}<br>{{end}}{{end}}`
