// Package profile reads the file that says where a line's releases are published to:
// manifests/<line>/destinations.yaml.
package profile

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

// Profile is one set of places that a release is published to, as
// manifests/<line>/destinations.yaml has it under the profile's name. It holds no
// secrets. In texts, {state} stands for a directory of the user's own that keeps what
// a machine remembers of the line, {version} for the release's version, and in
// Tags.URL {name} for a dependency's. In the names of aliases and tags {version},
// {major}, {minor} and {patch} stand for the version and its numbers, and {commit}
// for the whole commit of the primary dependency.
type Profile struct {
	Name string `json:"name"`
	// From is the profile that promotions come from, the only way to publish to this
	// one; empty if it takes what was built.
	From string `json:"from,omitempty"`
	// Aliases are rules by the name of an alias, which is one of AliasRules. A name
	// that a destination lists and Aliases does not follows RuleStable. The rule of
	// latest is GitHub's too.
	Aliases    map[string]string `json:"aliases,omitempty"`
	Buckets    []Bucket          `json:"buckets,omitempty"`
	Registries []Registry        `json:"registries,omitempty"`
	Charts     []Charts          `json:"charts,omitempty"`
	Tags       *Tags             `json:"tags,omitempty"`
	GitHub     *GitHub           `json:"github,omitempty"`
}

// The rules of aliases; package publish says what they mean.
const (
	RuleStable  = "stable"
	RuleHighest = "highest"
	RuleNewest  = "newest"
)

// Latest is the alias that GitHub has by itself.
const Latest = "latest"

// AliasRules are all rules.
func AliasRules() []string { return []string{RuleStable, RuleHighest, RuleNewest} }

// HasAlias reports whether a destination has an alias.
func (p *Profile) HasAlias(name string) bool {
	return slices.ContainsFunc(p.Buckets, func(b Bucket) bool { return slices.Contains(b.Aliases, name) }) ||
		slices.ContainsFunc(p.Registries, func(r Registry) bool { return slices.Contains(r.Tags, name) }) ||
		slices.ContainsFunc(p.Charts, func(c Charts) bool { return slices.Contains(c.Tags, name) }) ||
		p.GitHub != nil && name == Latest
}

// Bucket gets all files of a release.
type Bucket struct {
	// URL is gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or file:///FOLDER.
	URL string `json:"url"`
	// Endpoint is the http or https URL of a service that speaks S3; empty for AWS.
	Endpoint string `json:"endpoint,omitempty"`
	// Aliases are objects whose body is the version, as latest.
	Aliases []string `json:"aliases,omitempty"`
}

// Registry gets the images.
type Registry struct {
	// Hub is HOST/PATH, or file:///FOLDER for OCI layouts.
	Hub string `json:"hub"`
	// Tags are what each image is tagged with; empty for the version alone. The
	// version never moves; the others are aliases.
	Tags []string `json:"tags,omitempty"`
}

// Charts gets the Helm charts. Exactly one of Bucket and Hub is set.
type Charts struct {
	// Bucket is a URL as that of Bucket: charts and an index.yaml.
	Bucket   string `json:"bucket,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	// Hub is that of Registry: charts as OCI artifacts.
	Hub string `json:"hub,omitempty"`
	// Tags are aliases in Hub, beside the chart's own version, which never moves. In
	// their names stands the release's version; what is compared are the charts' own.
	Tags []string `json:"tags,omitempty"`
}

// Tags says how the commits that the release was built from are tagged.
type Tags struct {
	// URL is what git pushes to; empty for each dependency's own repository.
	URL string `json:"url,omitempty"`
	// Owner makes it GitHub's API that sets the tags, in repositories of this owner.
	Owner string `json:"owner,omitempty"`
	// Tagger is NAME <ADDRESS>.
	Tagger  string `json:"tagger,omitempty"`
	Message string `json:"message,omitempty"`
}

// GitHub gets a release. Dir or Owner is set.
type GitHub struct {
	Owner string `json:"owner,omitempty"`
	// Repo is empty for the name of the primary dependency.
	Repo string `json:"repo,omitempty"`
	// Dir is a directory that stands for the repository: it has a JSON file for each release.
	Dir string `json:"dir,omitempty"`
	// Assets are patterns of release paths (path.Match); empty for the files at the top.
	Assets     []string `json:"assets,omitempty"`
	Title      string   `json:"title,omitempty"`
	Prerelease bool     `json:"prerelease,omitempty"`
}

const wantProfiles = "a mapping of profile: destinations"

type parser struct{ *strictyaml.Parser }

// Parse parses a destinations.yaml, which maps profiles' names to profiles, in strict
// YAML. The error joins one *strictyaml.Error for each thing that is wrong with it.
func Parse(name string, data []byte) ([]Profile, error) {
	p := &parser{strictyaml.New(name, wantProfiles)}
	root := p.Load(data)
	if root == nil {
		return nil, p.Err()
	}
	var all []Profile
	from := map[string]*yaml.Node{}
	for _, e := range p.Entries(root, "", wantProfiles) {
		if p.Scalar(e.Key, "profile", rules.Name) == "" {
			continue
		}
		in := "profile " + strictyaml.Quote(e.Key.Value)
		f := p.Fields(e.Value, in+": ", " in "+in, "a mapping of destinations", []string{"aliases", "buckets", "charts", "from", "github", "registries", "tags"})
		all = append(all, p.profile(e.Key.Value, &f))
		from[e.Key.Value] = f.Values["from"]
	}
	p.promotions(all, from)
	if err := p.Err(); err != nil {
		return nil, err
	}
	return all, nil
}

// Read parses the named file as Parse does, and returns the profile of a name.
func Read(file, profile string) (*Profile, error) {
	data, err := fileio.ReadLimited(file, strictyaml.MaxSize)
	if err != nil {
		return nil, fmt.Errorf("reading destinations: %w", err)
	}
	all, err := Parse(file, data)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(p Profile) bool { return p.Name == profile })
	if i < 0 {
		var names []string
		for _, p := range all {
			names = append(names, p.Name)
		}
		return nil, fmt.Errorf("%s: no profile %q, want one of %s", file, profile, strings.Join(names, ", "))
	}
	return &all[i], nil
}
