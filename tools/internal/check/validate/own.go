package validate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/release"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

// An Own is a check that a product adds. Its fields are those of the rule release_check.
type Own struct {
	Name string `json:"name"`
	// Artifacts are patterns of paths in the release, as for path.Match. Each matches at least
	// one artifact; * also matches a part of a name, but not a slash. Checksum files match only
	// patterns that end in .sha256.
	Artifacts []string `json:"artifacts"`
	// Contains are paths that each of the artifacts has. Without artifacts, they are paths of
	// the release.
	Contains []string `json:"contains"`
	// Values are values of YAML files in the artifacts: FILE:KEY.KEY → value. FILE is the path in
	// the artifact, or the artifact itself if it is empty. An empty value accepts any, also a
	// list or a mapping.
	Values map[string]string `json:"values"`
	// Program is the path of a program in the artifacts that are for this machine. It is started
	// with Args, and its output has to match the regular expression Output.
	Program string   `json:"program"`
	Args    []string `json:"args"`
	Output  string   `json:"output"`
	// Command is a program of the product that is started with Args. RELEASE_DIR is the release.
	Command string `json:"command"`
	// Entrypoint, User, Env and Labels are what the images among the artifacts have; what is
	// empty is not checked.
	Entrypoint []string          `json:"entrypoint"`
	User       string            `json:"user"`
	Env        []string          `json:"env"`
	Labels     map[string]string `json:"labels"`
	// Allow are patterns of paths, ARTIFACT or ARTIFACT/MEMBER, in which the check leaks finds
	// nothing, with the reason. In them * stands for a part of a name, ** for a part of a path.
	Allow map[string]string `json:"allow"`
}

// match reports whether a check is about an artifact.
func (o *Own) match(a release.Artifact) bool {
	return slices.ContainsFunc(o.Artifacts, func(p string) bool { return matches(p, a) })
}

func matches(pattern string, a release.Artifact) bool {
	ok, _ := path.Match(pattern, a.Path) // a malformed pattern matches nothing, which is a finding
	return ok && (a.Kind != "checksum" || strings.HasSuffix(pattern, ".sha256"))
}

// ownMember notes a file in an artifact for the product's checks, and checks its values.
func (c *checker) ownMember(m member) {
	name := strings.TrimPrefix(m.path, "./")
	for i := range c.args.Own {
		o := &c.args.Own[i]
		if !o.match(m.artifact) {
			continue
		}
		wanted := slices.Contains(o.Contains, name)
		values := o.valuesOf(name)
		if name != "" && name == o.Program && isFor(m.artifact.Platform, runtime.GOOS, runtime.GOARCH) {
			kept := m
			kept.data = bytes.Clone(m.data)
			c.mu.Lock()
			c.runs = append(c.runs, ownRun{o, kept})
			c.mu.Unlock()
		}
		if !wanted && len(values) == 0 {
			continue
		}
		c.mu.Lock()
		key := [2]string{o.Name, m.artifact.Path}
		if c.owned == nil {
			c.owned = map[[2]string]map[string]bool{}
		}
		if c.owned[key] == nil {
			c.owned[key] = map[string]bool{}
		}
		c.owned[key][name] = true
		c.mu.Unlock()
		c.values(o, m, values)
	}
}

// valuesOf returns the keys of Values in one file, with their values.
func (o *Own) valuesOf(file string) map[string]string {
	found := map[string]string{}
	for at, want := range o.Values {
		if f, key, ok := strings.Cut(at, ":"); ok && f == file {
			found[key] = want
		}
	}
	return found
}

func (c *checker) values(o *Own, m member, values map[string]string) {
	if len(values) == 0 {
		return
	}
	root, err := strictyaml.Any(cmp.Or(m.path, m.artifact.Path), m.data, strictyaml.Limits{Size: 16 << 20, Entries: 100_000})
	if err != nil {
		c.find(Product, m.artifact.Path, m.path, "%s: reading it as YAML: %v", o.Name, err)
		return
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		c.checked(Product, 1)
		switch got := lookup(root, strings.Split(key, ".")); {
		case got == nil:
			c.find(Product, m.artifact.Path, m.path, "%s: it has no %q", o.Name, key)
		case values[key] == "":
		case got.Kind != yaml.ScalarNode:
			c.find(Product, m.artifact.Path, m.path, "%s: %s is no scalar, want %q", o.Name, key, values[key])
		case got.Value != values[key]:
			c.find(Product, m.artifact.Path, m.path, "%s: %s is %.200q, want %q", o.Name, key, got.Value, values[key])
		}
	}
}

// lookup returns the value at a path of keys; nil if there is none. A key that a map has twice
// has no value.
func lookup(n *yaml.Node, keys []string) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if len(keys) == 0 {
		return n
	}
	if n.Kind != yaml.MappingNode {
		return nil
	}
	// A key may have dots.
	for split := len(keys); split > 0; split-- {
		key := strings.Join(keys[:split], ".")
		var found []*yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				found = append(found, n.Content[i+1])
			}
		}
		if len(found) != 1 {
			continue
		}
		if v := lookup(found[0], keys[split:]); v != nil {
			return v
		}
	}
	return nil
}

// ownImage compares an image's config with what the product wants.
func (c *checker) ownImage(a release.Artifact, where string, config *v1.ConfigFile) {
	for i := range c.args.Own {
		o := &c.args.Own[i]
		if !o.match(a) {
			continue
		}
		c.checked(Product, 1)
		if o.User != "" && config.Config.User != o.User {
			c.find(Product, a.Path, where, "%s: its user is %q, want %q", o.Name, config.Config.User, o.User)
		}
		if len(o.Entrypoint) > 0 && !slices.Equal(config.Config.Entrypoint, o.Entrypoint) {
			c.find(Product, a.Path, where, "%s: its entrypoint is %q, want %q", o.Name, config.Config.Entrypoint, o.Entrypoint)
		}
		for _, e := range o.Env {
			if !slices.Contains(config.Config.Env, e) {
				c.find(Product, a.Path, where, "%s: its environment lacks %q: it has %q", o.Name, e, config.Config.Env)
			}
		}
		for _, k := range slices.Sorted(maps.Keys(o.Labels)) {
			if got := config.Config.Labels[k]; got != o.Labels[k] {
				c.find(Product, a.Path, where, "%s: its label %s is %q, want %q", o.Name, k, got, o.Labels[k])
			}
		}
	}
}

// An ownRun is a program that a check starts.
type ownRun struct {
	own    *Own
	member member
}

// own finishes the product's checks, after all files have been read.
func (c *checker) own(ctx context.Context) error {
	for i := range c.args.Own {
		o := &c.args.Own[i]
		c.ownFiles(o)
		if o.Command != "" {
			if err := c.command(ctx, o); err != nil {
				return err
			}
		}
	}
	for _, r := range c.runs {
		if err := c.run(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// ownFiles checks that the artifacts of a check exist and have what it wants.
func (c *checker) ownFiles(o *Own) {
	if len(o.Artifacts) == 0 {
		for _, name := range o.Contains {
			c.checked(Product, 1)
			if _, ok := c.tree.Find(name); !ok {
				c.find(Product, "", "", "%s: it has no file %q", o.Name, name)
			}
		}
	}
	for _, pattern := range o.Artifacts {
		found := false
		for _, a := range c.doc.Artifacts {
			if !matches(pattern, a) {
				continue
			}
			found = true
			for _, name := range o.wanted() {
				c.checked(Product, 1)
				if !c.owned[[2]string{o.Name, a.Path}][name] {
					c.find(Product, a.Path, "", "%s: it has no file %q", o.Name, name)
				}
			}
		}
		if !found {
			c.find(Product, "", "", "%s: no artifact matches %q", o.Name, pattern)
		}
	}
	if o.Program != "" && !slices.ContainsFunc(c.runs, func(r ownRun) bool { return r.own == o }) {
		c.find(Product, "", "", "%s: none of its artifacts has program %q for this machine, %s/%s", o.Name, o.Program, runtime.GOOS, runtime.GOARCH)
	}
}

// wanted returns the files that each artifact of a check has.
func (o *Own) wanted() []string {
	files := slices.Clone(o.Contains)
	for at := range o.Values {
		file, _, _ := strings.Cut(at, ":")
		files = append(files, file)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// run starts a program of an artifact, unpacked into a directory of its own.
func (c *checker) run(ctx context.Context, r ownRun) error {
	dir, err := os.MkdirTemp("", "validate-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, path.Base(r.member.path))
	if err := os.WriteFile(name, r.member.data, 0o755); err != nil {
		return err
	}
	c.output(ctx, r.own, r.member.artifact.Path, r.member.path, name, []string{"HOME=" + dir})
	return ctx.Err()
}

// command starts a program of the product.
func (c *checker) command(ctx context.Context, o *Own) error {
	dir, err := filepath.Abs(c.args.Dir)
	if err != nil {
		return err
	}
	home, err := os.MkdirTemp("", "validate-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	c.output(ctx, o, "", "", o.Command, []string{"HOME=" + home, "RELEASE_DIR=" + dir})
	return ctx.Err()
}

// output starts a program and compares what it prints.
func (c *checker) output(ctx context.Context, o *Own, artifact, member, program string, env []string) {
	c.checked(Product, 1)
	want, err := regexp.Compile(o.Output)
	if err != nil {
		c.find(Product, artifact, member, "%s: %v", o.Name, err)
		return
	}
	err = errors.New("programs cannot be started here")
	var got []byte
	if c.args.Run != nil {
		got, err = c.args.Run(ctx, program, o.Args, env)
	}
	said := strings.Join(append([]string{path.Base(filepath.ToSlash(program))}, o.Args...), " ")
	switch {
	case err != nil:
		c.find(Product, artifact, member, "%s: running %q: %v", o.Name, said, err)
	case !want.Match(got):
		c.find(Product, artifact, member, "%s: %q printed %.200q, want %q", o.Name, said, got, o.Output)
	}
}
