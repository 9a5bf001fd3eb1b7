package validate

import (
	"runtime/debug"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
)

// A program is a Go program in an artifact.
type program struct {
	member member
	info   *debug.BuildInfo
}

// program checks the build information of a program: its platform, and where it is from.
func (c *checker) program(m member, info *debug.BuildInfo) {
	c.checked(Programs, 1)
	if m.mode.Perm()&0o111 == 0 && m.path != "" && m.artifact.Platform != "" && !strings.HasPrefix(m.artifact.Platform, "win-") {
		c.find(Programs, m.artifact.Path, m.path, "its mode %04o is not executable", m.mode.Perm())
	}
	if info == nil {
		return
	}
	m.data = nil
	c.mu.Lock()
	c.programs = append(c.programs, program{m, info})
	c.mu.Unlock()
	got := platform.FromBuildInfo(info)
	if want, err := platform.Parse(m.artifact.Platform); err == nil && want != got && (want.GOARCH != platform.Universal || want.GOOS != got.GOOS) {
		c.find(Programs, m.artifact.Path, m.path, "it is for %s, want %s", got, want)
	}
	if got, want := strings.TrimPrefix(info.GoVersion, "go"), c.tree.Lock.Toolchain.Go.Version; got != "" && want != "" && got != want {
		c.find(Programs, m.artifact.Path, m.path, "it was built by Go %s, the lock has %s", got, want)
	}
	if setting(info, "-trimpath") != "true" {
		c.find(Programs, m.artifact.Path, m.path, "it was built without -trimpath")
	}
	c.pinned(m, info)
}

// pinned checks that a program is from a source that the lock pins.
func (c *checker) pinned(m member, info *debug.BuildInfo) {
	for _, d := range c.tree.Lock.Dependencies {
		switch {
		case d.Module == nil || d.Module.Path != info.Main.Path:
		case d.Module.Version != info.Main.Version:
			c.find(Programs, m.artifact.Path, m.path, "it is %s@%s, the lock has %s", info.Main.Path, info.Main.Version, d.Module.Version)
			return
		default:
			return
		}
	}
	if !slices.ContainsFunc(c.tree.Lock.Dependencies, func(d lock.Dependency) bool { return d.Module == nil }) {
		c.find(Programs, m.artifact.Path, m.path, "it is from module %q, which the lock does not pin", info.Main.Path)
	}
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// isFor reports whether a platform of the release, such as osx-arm64, is that of a program.
// Those of a universal program are the two that it is made of.
func isFor(name, goos, goarch string) bool {
	p, err := platform.Parse(name)
	return err == nil && p.GOOS == goos && (p.GOARCH == goarch || p.GOARCH == platform.Universal)
}
