package main

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// text is the diff for people.
func (d *Diff) text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s → %s\n", d.Old.title(), d.New.title())
	if d.Old.Size > 0 && d.New.Size > 0 {
		fmt.Fprintf(&b, "size: %s → %s (%s), %d → %d files\n", size(d.Old.Size), size(d.New.Size), delta(d.Old.Size, d.New.Size), d.Old.Files, d.New.Files)
	}
	section(&b, "sources", len(d.Sources))
	for _, s := range d.Sources {
		fmt.Fprintf(&b, "  %s\n", s.line())
		if s.Link != "" {
			fmt.Fprintf(&b, "      %s\n", quiet(s.Link))
		}
		for _, m := range s.Modules {
			fmt.Fprintf(&b, "      module %s\n", m.line())
		}
	}
	section(&b, "inputs", len(d.Inputs))
	for _, c := range d.Inputs {
		fmt.Fprintf(&b, "  %s\n", c.line())
	}
	if d.Old.Size == 0 || d.New.Size == 0 {
		return b.Bytes()
	}
	section(&b, "files", len(d.Files))
	for _, f := range d.Files {
		fmt.Fprintf(&b, "  %s\n", f.line())
	}
	section(&b, "images", len(d.Images))
	for _, i := range d.Images {
		fmt.Fprintf(&b, "  %s %s\n", sign(i.State), quiet(i.Name))
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

func (r Release) title() string { return quiet(r.Product + " " + r.Version) }

// sign is how a state is shown: as in a patch.
func sign(s State) string {
	return map[State]string{Added: "+", Removed: "-", Moved: "~", Changed: "~", Same: "="}[s]
}

func (c Change) line() string {
	values := ""
	switch c.State {
	case Added:
		values = c.New
	case Removed:
		values = c.Old
	default:
		values = c.Old + " → " + c.New
	}
	return sign(c.State) + " " + quiet(c.Name+" "+values)
}

// line leaves no more of commits than people need to know them by.
func (s Source) line() string {
	old, new := short(s.Old), short(s.New)
	out := sign(s.State) + " " + quiet(s.Name) + " "
	switch {
	case s.State == Added:
		out += new
	case s.State == Removed:
		out += old
	case s.From != "":
		out += fmt.Sprintf("%s %s → %s %s", s.From, old, s.Origin, new)
		return quiet(out)
	case s.Range != "":
		out += old + ".." + new
	case s.State == Changed:
		out += new + " with other content"
	default:
		out += new
	}
	return quiet(out + " (" + s.Origin + ")")
}

func short(revision string) string {
	if lock.IsCommit(revision) {
		return revision[:12]
	}
	if d, err := digest.Parse(revision); err == nil {
		return "sha256:" + d.Short()
	}
	return revision
}

func (f File) line() string {
	name := f.Path
	if f.OldPath != "" {
		name = f.OldPath + " → " + f.Path
	}
	switch f.State {
	case Added:
		return "+ " + quiet(name) + " " + size(f.NewSize)
	case Removed:
		return "- " + quiet(name) + " " + size(f.OldSize)
	}
	return fmt.Sprintf("%s %s %s → %s (%s)", sign(f.State), quiet(name), size(f.OldSize), size(f.NewSize), delta(f.OldSize, f.NewSize))
}

func (p Platform) line() string {
	parts := []string{count(p.Shared, "shared"), count(p.Added, "new"), count(p.Removed, "gone")}
	return sign(p.State) + " " + quiet(p.Platform) + ": layers: " + strings.Join(parts, ", ")
}

func count(layers []Layer, what string) string {
	var sum int64
	for _, l := range layers {
		sum += l.Size
	}
	if len(layers) == 0 {
		return "0 " + what
	}
	return fmt.Sprintf("%d %s (%s)", len(layers), what, size(sum))
}

// size returns bytes as people read them.
func size(n int64) string {
	switch {
	case n < 10<<10:
		return strconv.FormatInt(n, 10) + " B"
	case n < 10<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// delta is a difference of sizes, with its sign.
func delta(old, new int64) string {
	if new < old {
		return "-" + size(old-new)
	}
	return "+" + size(new-old)
}

// quiet escapes what a terminal would act on: a name may be anybody's.
func quiet(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strconv.IsGraphic(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

func (d *Diff) html(w io.Writer) error {
	t, err := template.New("diff").Funcs(template.FuncMap{"size": size, "delta": delta}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, d)
}

const page = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Old.Product}} {{.Old.Version}} → {{.New.Product}} {{.New.Version}}</title>
<style>
:root { color-scheme: light dark; --line: #8885; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
code { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.added { color: #1a7f37; } .removed { color: #c62828; }
</style>
</head>
<body>
<h1>{{.Old.Product}} {{.Old.Version}} → {{.New.Product}} {{.New.Version}}</h1>
{{if and .Old.Size .New.Size}}<p>{{size .Old.Size}} → {{size .New.Size}} ({{delta .Old.Size .New.Size}}), {{.Old.Files}} → {{.New.Files}} files</p>{{end}}
<p>Locks <code>{{.Old.Lock}}</code> → <code>{{.New.Lock}}</code></p>
<h2>Sources</h2>
{{if .Sources}}<table><thead><tr><th>Source</th><th>State</th><th>Old</th><th>New</th><th>Origin</th></tr></thead><tbody>
{{range .Sources}}<tr><td><code>{{.Name}}</code></td><td class="{{.State}}">{{.State}}</td><td><code>{{.Old}}</code></td><td><code>{{.New}}</code></td><td>{{if .From}}<code>{{.From}}</code> → {{end}}<code>{{.Origin}}</code>{{if .Link}} <a href="{{.Link}}">compare</a>{{end}}</td></tr>
{{range .Modules}}<tr><td>module <code>{{.Name}}</code></td><td class="{{.State}}">{{.State}}</td><td><code>{{.Old}}</code></td><td><code>{{.New}}</code></td><td></td></tr>
{{end}}{{end}}</tbody></table>{{else}}<p>None changed.</p>{{end}}
<h2>Inputs</h2>
{{if .Inputs}}<table><thead><tr><th>Input</th><th>State</th><th>Old</th><th>New</th></tr></thead><tbody>
{{range .Inputs}}<tr><td>{{.Name}}</td><td class="{{.State}}">{{.State}}</td><td><code>{{.Old}}</code></td><td><code>{{.New}}</code></td></tr>
{{end}}</tbody></table>{{else}}<p>None changed.</p>{{end}}
{{if and .Old.Size .New.Size}}<h2>Files</h2>
{{if .Files}}<table><thead><tr><th>File</th><th>State</th><th>Old</th><th>New</th><th>Change</th></tr></thead><tbody>
{{range .Files}}<tr><td>{{if .OldPath}}<code>{{.OldPath}}</code> → {{end}}<code>{{.Path}}</code></td><td class="{{.State}}">{{.State}}</td><td>{{size .OldSize}}</td><td>{{size .NewSize}}</td><td>{{delta .OldSize .NewSize}}</td></tr>
{{end}}</tbody></table>{{else}}<p>None changed.</p>{{end}}
<h2>Images</h2>
{{range .Images}}<h3><code>{{.Name}}</code> <span class="{{.State}}">{{.State}}</span></h3>
<table><thead><tr><th>Platform</th><th>State</th><th>Layers that both have</th><th>New</th><th>Gone</th></tr></thead><tbody>
{{range .Platforms}}<tr><td>{{.Platform}}</td><td class="{{.State}}">{{.State}}</td><td>{{template "layers" .Shared}}</td><td>{{template "layers" .Added}}</td><td>{{template "layers" .Removed}}</td></tr>
{{end}}</tbody></table>{{end}}{{end}}
</body>
</html>
{{define "layers"}}{{range .}}<code>{{.Digest.Short}}</code> {{size .Size}}<br>{{end}}{{end}}`
