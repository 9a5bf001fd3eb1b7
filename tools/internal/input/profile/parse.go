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

const wantProfiles = "a mapping of profile: destinations"

// signRule is the rule of a key's name. Its content does not belong into a file that people
// commit.
var signRule = strictyaml.Rule{
	Want: "a file, env://NAME, or the URI of a key such as gcpkms://… or awskms://…",
	Check: func(s string) string {
		if strings.Contains(s, "-----") {
			return "a key's content, not its name"
		}
		return rules.PlainText(s)
	},
}

type parser struct {
	*strictyaml.Parser
	kinds Kinds
}

// Parse parses a destinations.yaml, a mapping of profiles in strict YAML. The error joins a
// *strictyaml.Error for each problem.
func (k Kinds) Parse(name string, data []byte) ([]Profile, error) {
	p := &parser{strictyaml.New(name, wantProfiles), k}
	root := p.Load(data)
	if root == nil {
		return nil, p.Err()
	}
	known := []string{"aliases", "approval", "from", "sign"}
	for _, kind := range k {
		known = append(known, kind.Key)
	}
	slices.Sort(known)
	var all []Profile
	from := map[string]*yaml.Node{}
	for _, e := range p.Entries(root, "", wantProfiles) {
		if p.Scalar(e.Key, "profile", rules.Name) == "" {
			continue
		}
		in := "profile " + strictyaml.Quote(e.Key.Value)
		f := p.Fields(e.Value, in+": ", " in "+in, "a mapping of destinations", known)
		all = append(all, p.profile(e.Key.Value, &f))
		from[e.Key.Value] = f.Values["from"]
	}
	p.promotions(all, from)
	if err := p.Err(); err != nil {
		return nil, err
	}
	return all, nil
}

// Read reads the named file, parses it as Parse does, and returns the named profile.
func (k Kinds) Read(file, profile string) (*Profile, error) {
	data, err := fileio.ReadLimited(file, strictyaml.MaxSize)
	if err != nil {
		return nil, fmt.Errorf("reading destinations: %w", err)
	}
	all, err := k.Parse(file, data)
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

// profile returns the profile with the fields f.
func (p *parser) profile(name string, f *strictyaml.Fields) Profile {
	all := Profile{Name: name, From: p.Text(f, "from", rules.Name), Sign: p.Text(f, "sign", signRule), Approval: p.approval(f)}
	for _, k := range p.kinds {
		p.places(&k, f, func(n *yaml.Node, f *strictyaml.Fields) {
			all.Places = append(all.Places, p.place(&k, n, f))
		})
	}
	if n := f.Values["aliases"]; n != nil {
		all.Aliases = p.aliases(n, f.In+"aliases: ", &all)
	}
	return all
}

// places calls add for the mapping of each place of a kind.
func (p *parser) places(k *Kind, f *strictyaml.Fields, add func(n *yaml.Node, f *strictyaml.Fields)) {
	if !k.Single {
		p.Each(f, k.Key, k.keys, add)
		return
	}
	if n := f.Values[k.Key]; n != nil {
		item := p.Fields(n, f.In+k.Key+": ", " in "+k.Key+" of "+strings.TrimSuffix(f.In, ": "), "a mapping", k.keys(n))
		add(n, &item)
	}
}

// place returns the place of a kind whose mapping n has the fields f.
func (p *parser) place(k *Kind, n *yaml.Node, f *strictyaml.Fields) Place {
	place := Place{Key: k.Key, Single: k.Single}
	for _, field := range k.Fields {
		if field.Required {
			p.Required(n, f, field.Key)
		}
		switch field.Holds {
		case Text, URL:
			place = place.WithText(field.Key, p.Text(f, field.Key, field.Rule))
		case Texts, Names:
			place = place.WithList(field.Key, p.Words(f, field.Key, field.Example, field.Rule))
		case Flag:
			place = place.WithFlag(field.Key, p.Boolean(f, field.Key))
		}
	}
	if k.Check != nil {
		k.Check(p.Parser, n, f)
	}
	return place
}

// aliases returns the rules by alias name. A destination of the profile must have each alias.
func (p *parser) aliases(n *yaml.Node, in string, profile *Profile) map[string]string {
	all := map[string]string{}
	for _, e := range p.Entries(n, in, "a mapping of alias: rule") {
		what := in + strictyaml.Quote(e.Key.Value)
		if rule := p.Word(e.Value, what, strictyaml.OneOf(AliasRules()), AliasRules()); rule != "" {
			all[e.Key.Value] = rule
		}
		switch {
		case e.Key.Value == "{version}":
			p.Errorf(e.Key, "%s never moves, want no rule for it", what)
		case !p.kinds.HasAlias(profile, e.Key.Value):
			p.Errorf(e.Key, "%s is not an alias of a bucket or a tag of a registry or of charts, want it there too", what)
		}
	}
	return all
}
