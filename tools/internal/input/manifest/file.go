package manifest

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

// The expected form of the mappings of images and files.
const (
	wantImages = "a mapping of name: image"
	wantImage  = "a mapping with base"
	wantFiles  = "a mapping of name: file"
	wantFile   = "a mapping with url or urls"
)

// images reads the key images, if there is one.
func (p *parser) images(n *yaml.Node) {
	for _, e := range p.Optional(n, "images: ", wantImages) {
		p.scalarKey(e.Key, "images: name")
		p.makes(lock.Repository("base", e.Key.Value), "image", e.Key)
		name := strictyaml.Quote(e.Key.Value)
		f := p.Fields(e.Value, "image "+name+": ", " in image "+name, wantImage, []string{"base"})
		if f.Node.Kind == yaml.MappingNode && f.Keys["base"] == nil {
			p.Errorf(e.Key, "%sno base, want %s", f.In, rules.Base.Want)
		}
		p.m.Images = append(p.m.Images, Image{Name: e.Key.Value, Base: p.Text(&f, "base", rules.Base)})
	}
	slices.SortFunc(p.m.Images, func(a, b Image) int { return strings.Compare(a.Name, b.Name) })
}

// files reads the key files, if there is one.
func (p *parser) files(n *yaml.Node) {
	for _, e := range p.Optional(n, "files: ", wantFiles) {
		p.scalarKey(e.Key, "files: name")
		p.makes(lock.Repository("file", e.Key.Value), "file", e.Key)
		name := strictyaml.Quote(e.Key.Value)
		f := p.Fields(e.Value, "file "+name+": ", " in file "+name, wantFile, []string{"sha256", "url", "urls"})
		if f.Node.Kind == yaml.MappingNode {
			p.m.Files = append(p.m.Files, p.webFile(e.Key, &f))
		}
	}
	slices.SortFunc(p.m.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
}

// webFile returns the file at key, which has the fields f.
func (p *parser) webFile(key *yaml.Node, f *strictyaml.Fields) File {
	given := f.Present("url", "urls")
	switch {
	case len(given) == 0:
		p.Errorf(key, "%sno source, want one of url, urls", f.In)
	case len(given) == 2:
		p.Errorf(f.Keys[given[1]], "%sgot %s, want one of url, urls", f.In, strings.Join(given, " and "))
	case f.Keys["url"] != nil:
		return File{Name: key.Value, URL: p.Text(f, "url", rules.Web), SHA256: p.Text(f, "sha256", rules.SHA256)}
	}
	file := File{Name: key.Value, URLs: p.byPlatform(f, "urls", rules.Web)}
	if len(given) == 1 {
		file.SHA256s = p.byPlatform(f, "sha256", rules.SHA256)
	}
	return file
}

// byPlatform returns the mapping of platform: text at a key, or nil if there is none. Each
// platform of sha256 must be in urls.
func (p *parser) byPlatform(f *strictyaml.Fields, key string, r strictyaml.Rule) map[string]string {
	n := f.Values[key]
	if n == nil {
		return nil
	}
	want, all, what := "a mapping of platform: "+r.Want, map[string]string{}, f.In+key
	for _, e := range p.Filled(n, what+": ", want) {
		name := p.platform(e.Key, what+": platform")
		if name == "" {
			continue
		}
		if urls := f.Values["urls"]; key != "urls" && urls != nil && urls.Kind == yaml.MappingNode && !hasPlatform(urls, name) {
			p.Errorf(e.Key, "%s: got platform %s, want a platform that urls has", what, strictyaml.Quote(name))
		}
		if _, ok := all[name]; ok {
			p.Errorf(e.Key, "%s: duplicate platform %s", what, strictyaml.Quote(name))
		}
		if text := p.Scalar(e.Value, what+": "+name, r); text != "" {
			all[name] = text
		}
	}
	return all
}

// hasPlatform reports whether the mapping n has a key that names the platform.
func hasPlatform(n *yaml.Node, name string) bool {
	for i := 0; i < len(n.Content); i += 2 {
		if p, err := platform.Parse(n.Content[i].Value); err == nil && p.String() == name {
			return true
		}
	}
	return false
}
