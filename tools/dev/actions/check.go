package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/check/actiongraph"
)

// personal are the variables that say who or where a client is. PATH is one: an action that has
// it got Bazel's default environment, and with it what --action_env takes from the client,
// which aquery does not show.
var personal = []string{
	"HOME", "HOSTNAME", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "PWD", "SHELL", "SSH_AUTH_SOCK", "TEMP", "TMP", "TMPDIR", "USER", "XDG_CACHE_HOME",
}

// tying are the requirements that keep an action on the client, or out of the cache or sandbox.
var tying = []string{
	"local", "no-cache", "no-remote", "no-remote-cache", "no-remote-cache-upload", "no-remote-exec", "no-sandbox", "requires-network",
}

var (
	// absolute finds absolute paths: alone, in NAME=PATH, in -IPATH, or in a list. A URL has none.
	absolute = regexp.MustCompile(`(?:^|^-[A-Za-z]|[\s"'=:,;(<>\[|])(/[A-Za-z0-9._][^\s"',;:)]*)`)
	// nameEnds and nameBegins find the letters of a name beside a directory, flagEnds a flag such as -I.
	nameEnds   = regexp.MustCompile(`[A-Za-z0-9._-]$`)
	nameBegins = regexp.MustCompile(`^[A-Za-z0-9._-]`)
	flagEnds   = regexp.MustCompile(`(?:^|[\s"'=])-[A-Za-z]+$`)
)

// A machine has what the client has and another machine need not have.
type machine struct {
	dirs  []place // its directories
	files files   // nil if the files are not looked at
}

// A place is a directory by its name in messages.
type place struct{ name, dir string }

// in reports whether a text has the directory or something below it, and not only a longer name,
// such as cmd/root.go for /root.
func (p place) in(text string) bool {
	for from := 0; p.dir != ""; {
		at := strings.Index(text[from:], p.dir)
		if at < 0 {
			return false
		}
		before, after := text[:from+at], text[from+at+len(p.dir):]
		if (!nameEnds.MatchString(before) || flagEnds.MatchString(before)) && !nameBegins.MatchString(after) {
			return true
		}
		from += at + 1
	}
	return false
}

// A finding is something of a client in an action.
type finding struct{ mnemonic, label, text string }

// A checker looks at all actions that start programs.
type checker struct {
	graph     *actiongraph.Graph
	machine   machine
	producers []int
	inputs    map[int]input // by file
	findings  []finding
}

// check returns what in the graph depends on the client's machine.
func (c *checker) check() {
	platforms := map[string]string{}
	for i := range c.graph.Actions {
		a := &c.graph.Actions[i]
		if !a.Spawn() {
			continue
		}
		c.checkWords(a)
		c.checkEnvironment(a)
		for _, r := range a.Requirements {
			if slices.Contains(tying, r.Name) {
				c.found(a, "it has the execution requirement %q, want none that ties it to the client", r.Name)
			}
		}
		if a.Platform == "" {
			c.found(a, "it has no execution platform")
		}
		platforms[a.Platform] = a.Mnemonic
		for _, f := range a.Outputs {
			if p := c.graph.Files[f].Path; !strings.HasPrefix(p, "bazel-out/") {
				c.found(a, "it makes %q, want a path below bazel-out", p)
			}
		}
		c.checkInputs(a)
	}
	if len(platforms) > 1 {
		for _, platform := range slices.Sorted(maps.Keys(platforms)) {
			c.findings = append(c.findings, finding{platforms[platform], "", fmt.Sprintf("one of %d execution platforms is %s, want one for all actions", len(platforms), platform)})
		}
	}
}

func (c *checker) found(a *actiongraph.Action, format string, args ...any) {
	c.findings = append(c.findings, finding{a.Mnemonic, a.Label, fmt.Sprintf(format, args...)})
}

// checkWords checks the command line and what is in files for it.
func (c *checker) checkWords(a *actiongraph.Action) {
	if tool := c.program(a); tool < 0 {
		c.found(a, "its program %q is not one of its inputs", a.Arguments[0])
	} else if c.input(tool).program == script {
		c.found(a, "its program %q is a script, whose interpreter the machine that runs it must have", a.Arguments[0])
	}
	for _, word := range slices.Concat(a.Arguments, a.ParamFiles) {
		c.checkText(a, "argument", word)
		for _, m := range absolute.FindAllStringSubmatch(word, -1) {
			c.found(a, "argument %q has the absolute path %q", shorten(word), m[1])
		}
	}
}

// checkEnvironment checks the variables.
func (c *checker) checkEnvironment(a *actiongraph.Action) {
	for _, v := range a.Environment {
		if slices.Contains(personal, v.Name) {
			c.found(a, "variable %s is set to %q, want no variable of a client or of Bazel's default environment", v.Name, v.Value)
			continue
		}
		c.checkText(a, "variable "+v.Name, v.Value)
		for _, m := range absolute.FindAllStringSubmatch(v.Value, -1) {
			c.found(a, "variable %s has the absolute path %q", v.Name, m[1])
		}
	}
}

// checkText checks that a text has none of the machine's directories.
func (c *checker) checkText(a *actiongraph.Action, what, text string) {
	for _, p := range c.machine.dirs {
		if p.in(text) {
			c.found(a, "%s %q has %s, %q", what, shorten(text), p.name, p.dir)
		}
	}
}

// checkInputs checks what an action reads, with what Bazel makes for it on the client.
func (c *checker) checkInputs(a *actiongraph.Action) {
	for _, f := range c.reads(a) {
		in := c.input(f)
		if in.problem != "" {
			c.found(a, "input %q %s", c.graph.Files[f].Path, in.problem)
		}
		if maker := c.producers[f]; maker >= 0 && !c.graph.Actions[maker].Spawn() {
			c.checkContent(a, f, &c.graph.Actions[maker])
		}
	}
}

// checkContent checks a file that Bazel writes on the client.
func (c *checker) checkContent(a *actiongraph.Action, file int, maker *actiongraph.Action) {
	path := c.graph.Files[file].Path
	if maker.Mnemonic == "SourceSymlinkManifest" || maker.Mnemonic == "SymlinkTree" {
		c.found(a, "input %q has the paths of the client, as every file of %s", path, maker.Mnemonic)
		return
	}
	for _, p := range c.machine.dirs {
		if p.in(maker.Content) {
			c.found(a, "input %q, which Bazel writes, has %s, %q", path, p.name, p.dir)
		}
	}
}

// reads returns the files that an action reads. A set of runfiles and a link stand for what
// they are made of.
func (c *checker) reads(a *actiongraph.Action) []int {
	var all []int
	seen := map[int]bool{}
	var visit func(a *actiongraph.Action)
	visit = func(a *actiongraph.Action) {
		for _, f := range c.graph.InputFiles(a) {
			if seen[f] {
				continue
			}
			seen[f] = true
			if maker := c.producers[f]; maker >= 0 && alias(&c.graph.Actions[maker]) {
				visit(&c.graph.Actions[maker])
			} else {
				all = append(all, f)
			}
		}
	}
	visit(a)
	return all
}

// alias reports whether an action only gives its inputs another name.
func alias(a *actiongraph.Action) bool {
	switch a.Mnemonic {
	case "Middleman", "Symlink", "ExecutableSymlink":
		return true
	}
	return false
}

// program returns the file that an action starts, or -1 if it is none of its inputs.
func (c *checker) program(a *actiongraph.Action) int {
	path := strings.TrimPrefix(a.Arguments[0], "./")
	for _, f := range c.graph.InputFiles(a) {
		if c.graph.Files[f].Path == path {
			return f
		}
	}
	return -1
}

// errors returns an error for each mnemonic's kind of finding: the first label, and how many
// actions have the same.
func (c *checker) errors() error {
	type kind struct{ mnemonic, text string }
	var order []kind
	labels := map[kind][]string{}
	for _, f := range c.findings {
		k := kind{f.mnemonic, f.text}
		if labels[k] == nil {
			order = append(order, k)
		}
		labels[k] = append(labels[k], f.label)
	}
	var errs []error
	for _, k := range order {
		more := ""
		if n := len(labels[k]) - 1; n > 0 {
			more = fmt.Sprintf(", and %d more", n)
		}
		errs = append(errs, fmt.Errorf("action %s of %s%s: %s", k.mnemonic, labels[k][0], more, k.text))
	}
	return errors.Join(errs...)
}

// shorten cuts a long word in the middle.
func shorten(s string) string {
	const most = 160
	if len(s) <= most {
		return s
	}
	return s[:most/2] + " … " + s[len(s)-most/2:]
}
