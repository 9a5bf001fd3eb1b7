package page

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/goinfo"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/lockdiff"
)

// Rebuild says how to build the programs with the go command alone.
type Rebuild struct {
	Commands  []Command
	Platforms []Environment
	Line      string // the option of tools/bazel that chooses the line
}

// A Command builds a program.
type Command struct {
	Program string
	Text    string
	// Stamped means that values are set by -X, Clone that it runs in a clone.
	Stamped, Clone bool
}

// An Environment is what tells the go command to build for a platform.
type Environment struct{ Title, Name, Variables string }

// rebuildOf returns a command for each program: those for other platforms differ in their
// environment only.
func rebuildOf(a *Args, programs []*program) (Rebuild, error) {
	r := Rebuild{Line: "--repo_env=RELEASE_LINE=" + quote(a.Line)}
	seen := map[string]bool{}
	platforms := map[string]Environment{}
	all := slices.Clone(a.Programs)
	slices.SortFunc(all, func(x, y goinfo.Program) int {
		return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.String(), y.String()))
	})
	for _, g := range all {
		name := g.Platform().String()
		platforms[name] = Environment{platformTitle(name), name, strings.Join(g.Platform().Env(), " ")}
		at := slices.IndexFunc(programs, func(p *program) bool { return p.name == g.Name && p.packaged == g.Package })
		if at < 0 || seen[g.Name] {
			continue
		}
		seen[g.Name] = true
		c, err := commandOf(a.Lock, programs[at], g)
		if err != nil {
			return r, err
		}
		if c.Text != "" {
			r.Commands = append(r.Commands, c)
		}
	}
	for _, e := range platforms {
		r.Platforms = append(r.Platforms, e)
	}
	slices.SortFunc(r.Platforms, func(x, y Environment) int {
		return cmp.Or(order(x.Name)-order(y.Name), strings.Compare(x.Name, y.Name))
	})
	return r, nil
}

// commandOf returns the command for a program; without a text if its source is a directory of
// the machine that built it.
func commandOf(l *lock.Lock, p *program, g goinfo.Program) (Command, error) {
	c := Command{Program: g.Name}
	flags, err := g.Flags()
	if err != nil {
		return c, err
	}
	for i, f := range flags {
		name, value, _ := strings.Cut(f, "=")
		if value != "" {
			flags[i] = name + "=" + quote(value)
		}
		c.Stamped = c.Stamped || strings.Contains(f, " -X ")
	}
	env := "GOTOOLCHAIN=go" + l.Toolchain.Go.Version + " CGO_ENABLED=0 "
	d, ok := l.Find(p.source)
	switch {
	case !ok:
	case d.Module != nil:
		c.Text = env + "go install " + strings.Join(flags, " ") + " " + g.Package + "@" + d.Module.Version
	case d.Git != nil:
		c.Clone = true
		dir := path.Join(d.Name, rootOf(d, p.info.Main.Path))
		c.Text = fmt.Sprintf("git clone %s %s && git -C %s checkout %s && cd %s && %sgo build -buildvcs=true %s -o %s %s",
			quote(lockdiff.WithoutUser(d.Git.URL)), quote(d.Name), quote(d.Name), d.Git.Commit, quote(dir), env, strings.Join(flags, " "), quote(g.Name), g.Package)
	}
	return c, nil
}

// rootOf returns the directory of a module in its repository, by the end of its path.
func rootOf(d *lock.Dependency, module string) string {
	for _, root := range d.GoRoots {
		if root != "." && strings.HasSuffix(module, "/"+root) {
			return root
		}
	}
	return "."
}
