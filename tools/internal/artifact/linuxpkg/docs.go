package linuxpkg

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// docs returns the generated documents: licences and changelog.
func (b *builder) docs() ([]File, error) {
	licenses := slices.Clone(b.Licenses)
	slices.SortFunc(licenses, func(x, y File) int { return strings.Compare(x.Path, y.Path) })
	licenses = slices.CompactFunc(licenses, func(x, y File) bool { return x.Path == y.Path })
	if b.Format == Deb {
		return b.debianDocs(licenses)
	}
	var docs []File
	dir := b.owned("licenses")
	for _, l := range licenses {
		if !path.IsAbs("/"+l.Path) || path.Clean("/"+l.Path) != "/"+l.Path {
			return nil, fmt.Errorf("licence path %q is not clean", l.Path)
		}
		docs = append(docs, File{Path: path.Join(dir, strings.NewReplacer(" ", "_").Replace(l.Path)), Source: l.Source, Kind: "license"})
	}
	if b.Format != RPM {
		return docs, nil
	}
	// In an rpm, a directory that no package owns remains after removal.
	own := map[string]bool{}
	for _, d := range docs {
		for up := path.Dir(d.Path); strings.HasPrefix(up, dir); up = path.Dir(up) {
			own[up] = true
		}
	}
	for up := range own {
		docs = append(docs, File{Path: up})
	}
	return docs, nil
}

// debianDocs returns what Debian policy 12.5 and 12.7 ask for.
func (b *builder) debianDocs(licenses []File) ([]File, error) {
	copyright := b.Copyright
	if copyright == "" {
		text, err := b.copyrightText(licenses)
		if err != nil {
			return nil, err
		}
		if copyright, err = b.generate([]byte(text)); err != nil {
			return nil, err
		}
	}
	changelog := "changelog.gz"
	version := b.Version
	if b.Release != "" {
		changelog = "changelog.Debian.gz"
		version += "-" + b.Release
	}
	text := fmt.Sprintf("%s (%s) unstable; urgency=medium\n\n  * Release %s.\n\n -- %s  %s\n",
		b.Name, version, b.Version, b.Maintainer, b.time.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	name, err := b.generate(compressBest([]byte(text)))
	dir := b.owned("doc")
	return []File{
		{Path: path.Join(dir, "copyright"), Source: copyright},
		{Path: path.Join(dir, changelog), Source: name},
	}, err
}

// copyrightText returns the licences of all that is linked into the programs, verbatim, in
// the form of Debian's copyright-format 1.0.
func (b *builder) copyrightText(licenses []File) (string, error) {
	var texts strings.Builder
	var notices []string
	for _, l := range licenses {
		data, err := os.ReadFile(l.Source)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&texts, " .\n %s\n %s\n", l.Path, strings.Repeat("-", len(l.Path)))
		for line := range strings.Lines(strings.TrimSpace(strings.ToValidUTF8(string(data), "\uFFFD"))) {
			line = strings.TrimRight(line, " \t\r\f\n")
			if notice := strings.TrimSpace(line); copyrightRE.MatchString(notice) && !slices.Contains(notices, notice) {
				notices = append(notices, notice)
			}
			if line == "" {
				line = "."
			}
			fmt.Fprintf(&texts, " %s\n", line)
		}
	}
	if len(notices) == 0 {
		notices = []string{"see the licences below"}
	}
	slices.Sort(notices)
	header := "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: " + b.Name + "\n"
	if b.Homepage != "" {
		header += "Source: " + b.Homepage + "\n"
	}
	return fmt.Sprintf("%s\nFiles: *\nCopyright:\n %s\nLicense: %s\n These are the licences of all that is in the package.\n%s",
		header, strings.Join(notices, "\n "), b.License, &texts), nil
}

// copyrightRE finds notices, and not the templates that licences have for them.
var copyrightRE = regexp.MustCompile(`^(?i:copyright)( \([cC]\)| ©)? [12][0-9]{3}`)

// changelogYAML writes the changelog that nfpm reads for an rpm. JSON is YAML.
func (b *builder) changelogYAML() (string, error) {
	type change struct {
		Note string `json:"note"`
	}
	data, err := json.Marshal([]struct {
		Semver   string    `json:"semver"`
		Date     time.Time `json:"date"`
		Packager string    `json:"packager"`
		Changes  []change  `json:"changes"`
	}{{b.Version + "-" + b.Release, b.time, b.Maintainer, []change{{"Release " + b.Version + "."}}}})
	if err != nil {
		return "", err
	}
	return b.generate(data)
}
