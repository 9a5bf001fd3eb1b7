package pkgrepo

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/rpm"
)

// maxChanges is the number of changes that an index has of a package, as createrepo_c does.
const maxChanges = 10

// escaped returns a text for XML.
func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder does not fail
	return strings.NewReplacer("&#xA;", "\n", "&#x9;", "\t").Replace(b.String())
}

// primary returns a package's part of the list primary. location is relative to the
// directory of the index.
func primary(p *rpm.Package, f release.File, location string) string {
	var b strings.Builder
	tag := func(indent, name, text string) {
		fmt.Fprintf(&b, "%s<%s>%s</%s>\n", indent, name, escaped(text), name)
	}
	b.WriteString("<package type=\"rpm\">\n")
	tag("  ", "name", p.Name)
	tag("  ", "arch", p.Arch)
	fmt.Fprintf(&b, "  <version epoch=\"%d\" ver=\"%s\" rel=\"%s\"/>\n", p.Epoch, p.Version, p.Release)
	fmt.Fprintf(&b, "  <checksum type=\"sha256\" pkgid=\"YES\">%s</checksum>\n", f.Digest.Hex())
	tag("  ", "summary", p.Summary)
	tag("  ", "description", p.Description)
	tag("  ", "packager", p.Packager)
	tag("  ", "url", p.URL)
	fmt.Fprintf(&b, "  <time file=\"%d\" build=\"%d\"/>\n", p.BuildTime, p.BuildTime)
	fmt.Fprintf(&b, "  <size package=\"%d\" installed=\"%d\" archive=\"%d\"/>\n", f.Size, p.Installed, p.Archive)
	fmt.Fprintf(&b, "  <location href=\"%s\"/>\n  <format>\n", escaped(location))
	tag("    ", "rpm:license", p.License)
	tag("    ", "rpm:vendor", p.Vendor)
	tag("    ", "rpm:group", p.Group)
	tag("    ", "rpm:buildhost", p.BuildHost)
	tag("    ", "rpm:sourcerpm", p.SourceRPM)
	fmt.Fprintf(&b, "    <rpm:header-range start=\"%d\" end=\"%d\"/>\n", p.HeaderStart, p.HeaderEnd)
	for _, kind := range []string{"provides", "requires", "conflicts", "obsoletes", "suggests", "enhances", "recommends", "supplements"} {
		writeDependencies(&b, kind, p)
	}
	for _, file := range p.Files {
		if isPrimary(file.Name) {
			fmt.Fprintf(&b, "    %s\n", fileElement(file))
		}
	}
	b.WriteString("  </format>\n</package>\n")
	return b.String()
}

// isPrimary reports whether a file is in the list primary, because other packages may require
// it by name.
func isPrimary(name string) bool {
	return strings.HasPrefix(name, "/etc/") || strings.Contains(name, "bin/") || name == "/usr/lib/sendmail"
}

func writeDependencies(b *strings.Builder, kind string, p *rpm.Package) {
	seen := map[rpm.Dependency]bool{}
	var some []rpm.Dependency
	for _, d := range p.Dependencies[kind] {
		if !seen[d] && !(kind == "requires" && owns(p, d.Name)) {
			some = append(some, d)
		}
		seen[d] = true
	}
	if len(some) == 0 {
		return
	}
	fmt.Fprintf(b, "    <rpm:%s>\n", kind)
	for _, d := range some {
		fmt.Fprintf(b, "      <rpm:entry name=\"%s\"", escaped(d.Name))
		if d.Flags != "" {
			fmt.Fprintf(b, " flags=\"%s\" epoch=\"%s\" ver=\"%s\"", d.Flags, escaped(d.Epoch), escaped(d.Version))
			if d.Release != "" {
				fmt.Fprintf(b, " rel=\"%s\"", escaped(d.Release))
			}
		}
		if d.Pre && kind == "requires" {
			b.WriteString(" pre=\"1\"")
		}
		b.WriteString("/>\n")
	}
	fmt.Fprintf(b, "    </rpm:%s>\n", kind)
}

// owns reports whether a package has a file that the list primary names.
func owns(p *rpm.Package, name string) bool {
	for _, f := range p.Files {
		if f.Name == name && isPrimary(name) {
			return true
		}
	}
	return false
}

func fileElement(f rpm.File) string {
	kind := ""
	if f.Type != "" {
		kind = ` type="` + f.Type + `"`
	}
	return "<file" + kind + ">" + escaped(f.Name) + "</file>"
}

// head is the beginning of a package's part of the other lists.
func head(p *rpm.Package, f release.File) string {
	return fmt.Sprintf("<package pkgid=\"%s\" name=\"%s\" arch=\"%s\">\n  <version epoch=\"%d\" ver=\"%s\" rel=\"%s\"/>\n", f.Digest.Hex(), p.Name, p.Arch, p.Epoch, p.Version, p.Release)
}

func filelists(p *rpm.Package, f release.File) string {
	var b strings.Builder
	b.WriteString(head(p, f))
	for _, file := range p.Files {
		fmt.Fprintf(&b, "  %s\n", fileElement(file))
	}
	b.WriteString("</package>\n")
	return b.String()
}

func other(p *rpm.Package, f release.File) string {
	var b strings.Builder
	b.WriteString(head(p, f))
	for n := min(len(p.Changelog), maxChanges) - 1; n >= 0; n-- { // the oldest comes first
		c := p.Changelog[n]
		fmt.Fprintf(&b, "  <changelog author=\"%s\" date=\"%d\">%s</changelog>\n", escaped(c.Author), c.Time, escaped(c.Text))
	}
	b.WriteString("</package>\n")
	return b.String()
}
