package manifest

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

const wantRoot = "a mapping with version and dependencies"

// topKeys are the known keys, sorted.
func topKeys() []string {
	return []string{
		"architectures", "dashboards", "dependencies", "directory", "docker", "dockerOutput", "files", "ignoreVulnerability", "images", "licenses",
		"missingSums", "names", "outputs", "platforms", "product", "proxyOverride", "skipGenerateBillOfMaterials", "version",
	}
}

// manifest fills p.m from the document's root.
func (p *parser) manifest(root *yaml.Node) {
	f := p.Fields(root, "", "", wantRoot, topKeys())
	if root.Kind != yaml.MappingNode {
		return
	}
	m := &p.m
	m.Version = p.Text(&f, "version", rules.Version)
	if f.Keys["version"] == nil {
		p.Errorf(root, "no version, want %s", rules.Version.Want)
	}
	m.Product = p.Text(&f, "product", rules.Name)
	m.Docker = p.Text(&f, "docker", rules.Hub)
	m.DockerOutput = p.Choice(&f, "dockerOutput", []string{"tar", "context"})
	m.RefuseMissingSums = p.Choice(&f, "missingSums", []string{"add", "refuse"}) == "refuse"
	m.ProxyOverride = p.Text(&f, "proxyOverride", rules.Web)
	if m.ProxyOverride != "" {
		p.makes("file_"+ProxyFile, "key", f.Keys["proxyOverride"])
	}
	m.SkipGenerateBillOfMaterials = p.Boolean(&f, "skipGenerateBillOfMaterials")
	p.Text(&f, "directory", rules.Any)
	p.lists(&f)
	m.Dashboards = p.dashboards(f.Values["dashboards"])
	m.Licenses = p.licenses(f.Values["licenses"])
	p.images(f.Values["images"])
	p.files(f.Values["files"])
	p.dependencies(&f)
	p.collisions()
	for _, u := range unused {
		if n := f.Keys[u.key]; n != nil {
			m.Notes = append(m.Notes, fmt.Sprintf("%s:%d: %s is accepted but unused: %s", p.File(), n.Line, u.key, u.instead))
		}
	}
}

// unused are the keys that have no effect, and what happens instead.
var unused = []struct{ key, instead string }{
	{"directory", "outputs go to bazel-bin/release/all"},
	{"ignoreVulnerability", "base images are not scanned; vex.yaml says which vulnerabilities do not matter"},
	{"dockerOutput", "images are built without Docker, as OCI image layouts, so there are no contexts; docker_archives() in release/<product>/BUILD.bazel adds tars"},
}

// scanner is an output of istio/release-builder: a scan of its base images.
const scanner = "scanner"

// lists reads the top level's lists and sets their defaults.
func (p *parser) lists(f *strictyaml.Fields) {
	word := func(want string, words []string) func(*yaml.Node, string) string {
		return func(n *yaml.Node, what string) string { return p.Word(n, what, want, words) }
	}
	known := append(Outputs(), scanner)
	p.m.Outputs = p.List(f, "outputs", "[archive, docker]", word(strictyaml.OneOf(Outputs()), known))
	if i := slices.Index(p.m.Outputs, scanner); i >= 0 {
		p.m.Outputs = slices.Delete(p.m.Outputs, i, i+1)
		p.m.Notes = append(p.m.Notes, fmt.Sprintf("%s:%d: output %s is accepted but unused: base images are not scanned", p.File(), f.Values["outputs"].Line, scanner))
	}
	p.m.Platforms = p.List(f, "platforms", "[linux-amd64, osx-arm64]", p.platform)
	p.m.Architectures = p.List(f, "architectures", "[linux/amd64, linux/arm64]", p.architecture)
	p.NotEmpty(f, "platforms")
	p.NotEmpty(f, "architectures")
	if p.m.Platforms == nil {
		p.m.Platforms = Platforms()
	}
	p.m.Names = p.names(f)
	if p.m.Architectures == nil {
		p.m.Architectures = []string{"linux/amd64"}
	}
}

// dashboards returns the mapping n, or nil if it is empty.
func (p *parser) dashboards(n *yaml.Node) map[string]int {
	if n == nil {
		return nil
	}
	var all map[string]int
	for _, e := range p.Entries(n, "dashboards: ", "a mapping of name: id") {
		name := p.scalarKey(e.Key, "dashboards: name")
		id, ok := p.Number(e.Value, "dashboard "+strictyaml.Quote(e.Key.Value))
		if name == "" || !ok {
			continue
		}
		if all == nil {
			all = map[string]int{}
		}
		all[name] = id
	}
	return all
}

// scalarKey returns the key's text if it is a valid name, or "".
func (p *parser) scalarKey(key *yaml.Node, what string) string {
	if bad := rules.Name.Check(key.Value); bad != "" {
		p.Errorf(key, "%s: got %s (%s), want %s", what, strictyaml.Quote(key.Value), bad, rules.Name.Want)
		return ""
	}
	return key.Value
}
