package license

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/rpm"
	"github.com/jasonwzm/release-builder/tools/internal/input/spdx"
)

// packages returns the packages that the package manager's database lists.
func (f files) packages() ([]Component, error) {
	all, err := f.debs()
	if err != nil {
		return nil, err
	}
	for _, name := range apkInstalled {
		for _, p := range stanzas(f[name].data, apkField) {
			if p["P"] == "" || p["V"] == "" {
				return nil, fmt.Errorf("%s: a package has no name or no version", name)
			}
			c := Component{Type: APK, Name: p["P"], Version: p["V"], License: spdx.NoAssertion, names: []string{APK + "/" + p["P"]}}
			if e, err := spdx.Parse(p["L"]); err == nil {
				c.License = e.String()
			}
			all = append(all, c)
		}
	}
	rpms, err := f.rpms()
	return append(all, rpms...), err
}

// rpms returns the packages of rpm's databases with the texts of their licences. The keys that
// rpm keeps there are no packages.
func (f files) rpms() ([]Component, error) {
	var all []Component
	for _, name := range slices.Sorted(maps.Keys(f)) {
		data := f[name].data
		switch {
		case rpm.IsLog(name) && len(data) > 0:
			return nil, fmt.Errorf("%s: %w", name, rpm.ErrLog)
		case !rpm.IsDatabase(name) || f[name].link != "":
			continue
		}
		installed, err := rpm.ReadInstalled(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, p := range installed {
			if p.IsKey() {
				continue
			}
			c := Component{Type: RPM, Name: p.Name, Version: p.EVR(), License: spdx.NoAssertion, names: []string{RPM + "/" + p.Name}}
			if e, err := spdx.Parse(p.License); err == nil {
				c.License = e.String()
			}
			c.Files = f.below(rpmTexts + p.Name + "/")
			all = append(all, c)
		}
	}
	return all, nil
}

// below returns the licences in a directory.
func (f files) below(dir string) (list []File) {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if !strings.HasPrefix(name, dir) {
			continue
		}
		if text, ok := f.open(name); ok && len(text) > 0 {
			license, _ := Identify(text)
			list = append(list, File{Path: name, License: license, Text: text})
		}
	}
	return list
}

// debs returns the packages of dpkg's database with their copyright files.
func (f files) debs() ([]Component, error) {
	var all []Component
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if name != dpkgStatus && !strings.HasPrefix(name, dpkgStatusD) {
			continue
		}
		for _, p := range stanzas(f[name].data, controlField) {
			if status := p["Status"]; status != "" && !strings.HasSuffix(status, " installed") {
				continue
			}
			if p["Package"] == "" || p["Version"] == "" || strings.Contains(p["Package"], "/") {
				return nil, fmt.Errorf("%s: a package has no name or no version", name)
			}
			c := Component{Type: Deb, Name: p["Package"], Version: p["Version"], License: spdx.NoAssertion, names: []string{Deb + "/" + p["Package"]}}
			if text, ok := f.open(docs + c.Name + "/copyright"); ok {
				c.License = debLicense(text)
				c.Files = []File{{Path: docs + c.Name + "/copyright", License: c.License, Text: text}}
			}
			if c.Name == "base-files" {
				c.Files = append(c.Files, f.commonTexts()...)
			}
			all = append(all, c)
		}
	}
	return all, nil
}

// commonTexts returns the licences that copyright files refer to.
func (f files) commonTexts() (list []File) {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if strings.HasPrefix(name, commonTexts) && f[name].link == "" {
			list = append(list, File{Path: name, License: spdx.NoAssertion, Text: f[name].data})
		}
	}
	return list
}

// A field splits a line of a database into key and value.
type field func(line string) (key, value string, ok bool)

func controlField(line string) (key, value string, ok bool) {
	if line[0] == ' ' || line[0] == '\t' {
		return "", "", false // continues the field before
	}
	key, value, ok = strings.Cut(line, ":")
	return key, strings.TrimSpace(value), ok
}

func apkField(line string) (key, value string, ok bool) {
	if len(line) < 2 || line[1] != ':' {
		return "", "", false
	}
	return line[:1], line[2:], true
}

// stanzas returns the paragraphs of a database. The first of several fields with a name counts:
// in apk's, files have fields of their own.
func stanzas(data []byte, split field) (all []map[string]string) {
	var p map[string]string
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			p = nil
			continue
		}
		key, value, ok := split(string(line))
		if !ok {
			continue
		}
		if p == nil {
			p = map[string]string{}
			all = append(all, p)
		}
		if _, ok := p[key]; !ok {
			p[key] = value
		}
	}
	return all
}

// debLicense returns the expression of a copyright file: of the licences that it names in the
// machine-readable form (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/),
// otherwise of its text.
func debLicense(text []byte) string {
	all := stanzas(text, controlField)
	if len(all) == 0 || !strings.Contains(all[0]["Format"], "copyright-format") {
		expression, _ := Identify(text)
		return expression
	}
	var list []*spdx.Expression
	for _, p := range all {
		if p["Files"] == "" {
			continue
		}
		e, err := spdx.Parse(debExpression(p["License"]))
		if err != nil {
			return spdx.NoAssertion
		}
		list = append(list, e)
	}
	if len(list) == 0 {
		return spdx.NoAssertion
	}
	return spdx.And(list...).String()
}

// debExpression returns a License field in SPDX's form.
func debExpression(field string) string {
	var words, name []string
	end := func(op string) {
		if len(name) > 0 {
			words = append(words, debID(strings.Join(name, "-")))
		}
		if op != "" && len(words) > 0 && words[len(words)-1] != "AND" && words[len(words)-1] != "OR" {
			words = append(words, op)
		}
		name = nil
	}
	for _, w := range strings.Fields(strings.ReplaceAll(field, ",", " , ")) {
		switch strings.ToLower(w) {
		case "and":
			end("AND")
		case "or", "and/or":
			end("OR")
		case ",":
			end("")
		default:
			name = append(name, w)
		}
	}
	end("")
	return strings.Join(words, " ")
}

// debIDs are the short names of Debian's form that SPDX has under another name.
var debIDs = map[string]string{
	"apache-2": "Apache-2.0", "artistic": "Artistic-1.0-Perl", "bsd-2-clauses": "BSD-2-Clause", "bsd-3-clauses": "BSD-3-Clause",
	"cc0": "CC0-1.0", "expat": "MIT", "mpl-1": "MPL-1.0", "mpl-2": "MPL-2.0", "psf-2": "PSF-2.0", "python": "Python-2.0", "zlib/libpng": "Zlib",
}

var gnu = regexp.MustCompile(`^([AL]?GPL|GFDL)-(\d)(\.\d)?(\.0)?(\+)?$`)

// debID returns a short name of Debian's form as an id of SPDX.
func debID(name string) string {
	if id := debIDs[strings.ToLower(name)]; id != "" {
		return id
	}
	if m := gnu.FindStringSubmatch(strings.ToUpper(name)); m != nil {
		minor := m[3]
		if minor == "" {
			minor = ".0"
		}
		for _, id := range []string{m[1] + "-" + m[2] + minor + "-only", m[1] + "-" + m[2] + minor + "-or-later"} {
			if strings.HasSuffix(id, "-or-later") != (m[5] != "") {
				continue
			}
			if known, ok := spdx.Known(id); ok {
				return known
			}
		}
	}
	if known, ok := spdx.Known(name); ok {
		return known
	}
	return "LicenseRef-" + strings.Map(idCharacter, name)
}
