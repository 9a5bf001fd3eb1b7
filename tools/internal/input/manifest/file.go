package manifest

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// What the mappings of images and files want.
const (
	wantImages = "a mapping of name: image"
	wantImage  = "a mapping with base"
	wantFiles  = "a mapping of name: file"
	wantFile   = "a mapping with url or urls"
)

// images reads the mapping of that name, if there is one.
func (p *parser) images(n *yaml.Node) {
	for _, e := range p.optional(n, "images: ", wantImages) {
		p.scalarKey(e.key, "images: name")
		p.makes("base_"+repository(e.key.Value), "image", e.key)
		name := quote(e.key.Value)
		f := p.fields(e.value, "image "+name+": ", " in image "+name, wantImage, []string{"base"})
		if f.node.Kind == yaml.MappingNode && f.keys["base"] == nil {
			p.errorf(e.key, "%sno base, want %s", f.in, baseRule.want)
		}
		p.m.Images = append(p.m.Images, Image{Name: e.key.Value, Base: p.text(&f, "base", baseRule)})
	}
	slices.SortFunc(p.m.Images, func(a, b Image) int { return strings.Compare(a.Name, b.Name) })
}

// files reads the mapping of that name, if there is one.
func (p *parser) files(n *yaml.Node) {
	for _, e := range p.optional(n, "files: ", wantFiles) {
		p.scalarKey(e.key, "files: name")
		p.makes("file_"+repository(e.key.Value), "file", e.key)
		name := quote(e.key.Value)
		f := p.fields(e.value, "file "+name+": ", " in file "+name, wantFile, []string{"sha256", "url", "urls"})
		if f.node.Kind == yaml.MappingNode {
			p.m.Files = append(p.m.Files, p.webFile(e.key, &f))
		}
	}
	slices.SortFunc(p.m.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
}

// webFile returns the file that is called key and has the fields f.
func (p *parser) webFile(key *yaml.Node, f *fields) File {
	given := f.present("url", "urls")
	switch {
	case len(given) == 0:
		p.errorf(key, "%sno source, want one of url, urls", f.in)
	case len(given) == 2:
		p.errorf(f.keys[given[1]], "%sgot %s, want one of url, urls", f.in, strings.Join(given, " and "))
	case f.keys["url"] != nil:
		return File{Name: key.Value, URL: p.text(f, "url", webRule), SHA256: p.text(f, "sha256", sha256Rule)}
	}
	file := File{Name: key.Value, URLs: p.byPlatform(f, "urls", webRule)}
	if len(given) == 1 {
		file.SHA256s = p.byPlatform(f, "sha256", sha256Rule)
	}
	return file
}

// byPlatform returns the mapping of platform: text at a key, or nil if there is
// none. The platforms of sha256 have to be those of urls.
func (p *parser) byPlatform(f *fields, key string, r rule) map[string]string {
	n := f.values[key]
	if n == nil {
		return nil
	}
	want, all, what := "a mapping of platform: "+r.want, map[string]string{}, f.in+key
	for _, e := range p.filled(n, what+": ", want) {
		platform := p.word(e.key, what+": platform", oneOf(Platforms()), Platforms())
		if platform == "" {
			continue
		}
		if urls := f.values["urls"]; key != "urls" && urls != nil && urls.Kind == yaml.MappingNode && !hasKey(urls, platform) {
			p.errorf(e.key, "%s: got platform %s, want one of those of urls", what, quote(platform))
		}
		if text := p.scalar(e.value, what+": "+platform, r); text != "" {
			all[platform] = text
		}
	}
	return all
}

// hasKey reports whether the mapping n has a key.
func hasKey(n *yaml.Node, key string) bool {
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

// optional returns the entries of the mapping n, which may be nil.
func (p *parser) optional(n *yaml.Node, what, want string) []entry {
	if n == nil {
		return nil
	}
	return p.entries(n, what, want)
}

// filled returns the entries of the mapping n, and records that it has none.
func (p *parser) filled(n *yaml.Node, what, want string) []entry {
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		p.errorf(n, "%sgot an empty mapping, want %s", what, want)
	}
	return p.entries(n, what, want)
}
