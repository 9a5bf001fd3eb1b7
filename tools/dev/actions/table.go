package main

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/check/actiongraph"
)

// A set is a set of words.
type set map[string]bool

func (s set) add(word string) { s[word] = true }

func (s set) sorted() []string { return slices.Sorted(maps.Keys(s)) }

// A group is what the actions of one mnemonic have.
type group struct {
	mnemonic     string
	actions      int
	programs     set            // the first word of each command line
	environment  map[string]set // values by name
	flags        set            // names of flags of the command lines and of the files for them
	inputs       map[string]int // by kind: how many files all actions read
	executables  map[string]int // by format
	platforms    set
	requirements set
}

// groups returns a group for each mnemonic of actions that start programs, sorted, and how
// many actions of each other mnemonic there are.
func (c *checker) groups() (spawns []*group, others map[string]int) {
	others = map[string]int{}
	byName := map[string]*group{}
	for i := range c.graph.Actions {
		a := &c.graph.Actions[i]
		if !a.Spawn() {
			others[a.Mnemonic]++
			continue
		}
		g := byName[a.Mnemonic]
		if g == nil {
			g = &group{mnemonic: a.Mnemonic, programs: set{}, environment: map[string]set{}, flags: set{}, inputs: map[string]int{}, executables: map[string]int{}, platforms: set{}, requirements: set{}}
			byName[a.Mnemonic], spawns = g, append(spawns, g)
		}
		c.addTo(g, a)
	}
	slices.SortFunc(spawns, func(a, b *group) int { return cmp.Compare(a.mnemonic, b.mnemonic) })
	return spawns, others
}

func (c *checker) addTo(g *group, a *actiongraph.Action) {
	g.actions++
	g.programs.add(path.Base(a.Arguments[0]))
	g.platforms.add(a.Platform)
	for _, v := range a.Environment {
		if g.environment[v.Name] == nil {
			g.environment[v.Name] = set{}
		}
		g.environment[v.Name].add(withoutConfiguration(v.Value))
	}
	for _, r := range a.Requirements {
		g.requirements.add(r.Name)
	}
	for _, word := range slices.Concat(a.Arguments[1:], a.ParamFiles) {
		if flag, _, _ := strings.Cut(word, "="); strings.HasPrefix(word, "-") && len(flag) > 1 && !strings.ContainsAny(flag, " \t\n") {
			g.flags.add(flag)
		}
	}
	for _, f := range c.reads(a) {
		in := c.input(f)
		g.inputs[in.kind]++
		if in.program != "" && in.program != script { // those of the Go SDK's sources are not run
			g.executables[in.program]++
		}
	}
}

// withoutConfiguration replaces the directory of a configuration, which has a hash in its name.
func withoutConfiguration(value string) string {
	words := strings.Split(value, "/")
	if len(words) > 1 && words[0] == "bazel-out" {
		words[1] = "…"
	}
	return strings.Join(words, "/")
}

// table returns the page's table in Markdown.
func (c *checker) table() string {
	var b strings.Builder
	spawns, others := c.groups()
	platforms, executables := set{}, set{}
	b.WriteString("| mnemonic | actions | program | inputs | environment | flags |\n|---|---|---|---|---|---|\n")
	for _, g := range spawns {
		var environment []string
		for _, name := range slices.Sorted(maps.Keys(g.environment)) {
			environment = append(environment, code(name+"="+strings.Join(g.environment[name].sorted(), "\\|")))
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s |\n", g.mnemonic, g.actions, words(g.programs.sorted()), counts(g.inputs), strings.Join(environment, " "), words(g.flags.sorted()))
		maps.Copy(platforms, g.platforms)
		for e := range g.executables {
			executables.add(e)
		}
	}
	fmt.Fprintf(&b, "\nExecution platform: %s. Programs among the inputs: %s.\n", words(platforms.sorted()), strings.Join(executables.sorted(), "; "))
	fmt.Fprintf(&b, "Requirements: %s.\n\nBazel itself does these, on the client: %s.\n", requirements(spawns), counts(others))
	return b.String()
}

// requirements lists the execution requirements of all groups.
func requirements(groups []*group) string {
	all := set{}
	for _, g := range groups {
		maps.Copy(all, g.requirements)
	}
	if len(all) == 0 {
		return "none"
	}
	return words(all.sorted())
}

func words(all []string) string {
	var quoted []string
	for _, w := range all {
		quoted = append(quoted, code(w))
	}
	return strings.Join(quoted, " ")
}

func code(s string) string { return "`" + s + "`" }

// counts lists numbers by name.
func counts(of map[string]int) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		all = append(all, fmt.Sprintf("%s %d", name, of[name]))
	}
	return strings.Join(all, ", ")
}
