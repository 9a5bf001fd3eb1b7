package manifest

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// Format returns m as canonical YAML. Parse reads it back as an equal Manifest, without Notes.
// Equal manifests give equal bytes. Defaults are written; unset keys and directory are not.
// The manifest must be valid, as Parse returns it.
func Format(m *Manifest) []byte {
	w := new(writer)
	w.text("", "version", m.Version)
	w.text("", "product", m.Product)
	w.text("", "docker", m.Docker)
	w.text("", "dockerOutput", m.DockerOutput)
	w.list("", "architectures", m.Architectures)
	w.list("", "platforms", m.Platforms)
	w.text("", "names", string(m.Names))
	w.list("", "outputs", m.Outputs)
	if m.RefuseMissingSums {
		w.text("", "missingSums", "refuse")
	}
	w.text("", "proxyOverride", m.ProxyOverride)
	w.truth("", "skipGenerateBillOfMaterials", m.SkipGenerateBillOfMaterials)
	if len(m.Dashboards) > 0 {
		fmt.Fprintf(w, "dashboards:\n")
	}
	for _, name := range slices.Sorted(maps.Keys(m.Dashboards)) {
		fmt.Fprintf(w, "  %s: %d\n", scalar(name), m.Dashboards[name])
	}
	w.licenses(m.Licenses)
	w.images(m.Images)
	w.files(m.Files)
	fmt.Fprintf(w, "dependencies:\n")
	for _, d := range m.Dependencies {
		const indent = "    "
		fmt.Fprintf(w, "  %s:\n", scalar(d.Name))
		w.truth(indent, "primary", d.Primary)
		w.text(indent, "git", d.Git)
		w.text(indent, "localpath", d.LocalPath)
		w.text(indent, "module", d.Module)
		w.text(indent, "branch", d.Branch)
		w.text(indent, "tag", d.Tag)
		w.text(indent, "sha", d.SHA)
		w.text(indent, "version", d.Version)
		w.text(indent, "auto", string(d.Auto))
		w.text(indent, "from", d.From)
		w.truth(indent, "goversionenabled", d.GoVersionEnabled)
		w.list(indent, "exclude", d.Exclude)
		if d.GoModules != nil && len(d.GoModules) == 0 {
			fmt.Fprintf(w, "%sgomodules: []\n", indent)
		}
		w.list(indent, "gomodules", d.GoModules)
		if len(d.GoTags) > 0 {
			fmt.Fprintf(w, "%sgotags:\n", indent)
		}
		for _, variant := range slices.Sorted(maps.Keys(d.GoTags)) {
			w.list(indent+"  ", scalar(variant), d.GoTags[variant])
		}
	}
	return w.Bytes()
}

func (w *writer) licenses(l *lock.Licenses) {
	if l == nil {
		return
	}
	fmt.Fprintf(w, "licenses:\n")
	w.list("  ", "allow", l.Allow)
	if len(l.Exceptions) > 0 {
		fmt.Fprintf(w, "  exceptions:\n")
	}
	for _, e := range l.Exceptions {
		fmt.Fprintf(w, "    %s:\n", scalar(e.Component))
		w.text("      ", "license", e.License)
		w.text("      ", "why", e.Why)
	}
}

func (w *writer) images(all []Image) {
	if len(all) > 0 {
		fmt.Fprintf(w, "images:\n")
	}
	for _, i := range all {
		fmt.Fprintf(w, "  %s:\n", scalar(i.Name))
		w.text("    ", "base", i.Base)
	}
}

func (w *writer) files(all []File) {
	if len(all) > 0 {
		fmt.Fprintf(w, "files:\n")
	}
	for _, f := range all {
		const indent = "    "
		fmt.Fprintf(w, "  %s:\n", scalar(f.Name))
		w.text(indent, "url", f.URL)
		w.texts(indent, "urls", f.URLs)
		w.text(indent, "sha256", f.SHA256)
		w.texts(indent, "sha256", f.SHA256s)
	}
}

// writer writes the keys that are set.
type writer struct{ bytes.Buffer }

func (w *writer) text(indent, key, value string) {
	if value != "" {
		fmt.Fprintf(w, "%s%s: %s\n", indent, key, scalar(value))
	}
}

func (w *writer) texts(indent, key string, values map[string]string) {
	if len(values) > 0 {
		fmt.Fprintf(w, "%s%s:\n", indent, key)
	}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		w.text(indent+"  ", scalar(k), values[k])
	}
}

func (w *writer) truth(indent, key string, value bool) {
	if value {
		fmt.Fprintf(w, "%s%s: true\n", indent, key)
	}
}

func (w *writer) list(indent, key string, values []string) {
	if len(values) == 0 {
		return
	}
	fmt.Fprintf(w, "%s%s:\n", indent, key)
	for _, v := range values {
		fmt.Fprintf(w, "%s  - %s\n", indent, scalar(v))
	}
}

var (
	// unquoted matches a text that every YAML reader reads as text.
	unquoted = regexp.MustCompile(`^(?:[A-Za-z/]|\.\.?/)[A-Za-z0-9._/@:+-]*[A-Za-z0-9._/@+-]$`)
	reserved = []string{"true", "false", "yes", "no", "on", "off", "null"}
)

// scalar returns s as a YAML scalar. YAML knows all escapes of Go's literals.
func scalar(s string) string {
	if unquoted.MatchString(s) && !slices.Contains(reserved, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}
