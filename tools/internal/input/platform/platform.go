// Package platform names what programs are built for, and says how the go command is told.
//
// A name is SYSTEM-ARCHITECTURE, such as linux-amd64. The system is a GOOS, but osx for darwin
// and win for windows. The architecture is a GOARCH with its level, unless that is the go
// command's default: linux-amd64v3, linux-mips_softfloat. 32-bit ARM always has its level:
// linux-armv7. Parse also takes Go's names, darwin-arm64, windows-amd64 and linux-arm.
//
// The platforms are those of `go tool dist list` for which the go command links programs
// without cgo. /release/rules/private/platforms.bzl has the same table for the rules.
package platform

import (
	"fmt"
	"slices"
	"strings"
)

// Platform is what a program is built for. The zero value is none.
type Platform struct {
	// GOOS and GOARCH are the go command's, but GOARCH is Universal for a macOS universal
	// binary.
	GOOS, GOARCH string
	// Level is the value of Variable; empty for its default.
	Level string
}

// Universal is the GOARCH of a macOS universal binary, which has the programs of Halves.
const Universal = "universal"

// pairs are the GOARCH of each GOOS.
var pairs = map[string][]string{
	"aix":       {"ppc64"},
	"android":   {"arm64"},
	"darwin":    {"amd64", "arm64", Universal},
	"dragonfly": {"amd64"},
	"freebsd":   {"386", "amd64", "arm", "arm64"},
	"illumos":   {"amd64"},
	"js":        {"wasm"},
	"linux":     {"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x"},
	"netbsd":    {"386", "amd64", "arm", "arm64"},
	"openbsd":   {"386", "amd64", "arm", "arm64", "ppc64", "riscv64"},
	"plan9":     {"386", "amd64", "arm"},
	"solaris":   {"amd64"},
	"wasip1":    {"wasm"},
	"windows":   {"386", "amd64", "arm64"},
}

// variants are the variable of each GOARCH that has levels, and its levels, the default first.
var variants = map[string]struct {
	variable string
	levels   []string
}{
	"386":      {"GO386", []string{"sse2", "softfloat"}},
	"amd64":    {"GOAMD64", []string{"v1", "v2", "v3", "v4"}},
	"arm":      {"GOARM", []string{"7", "5", "6"}},
	"arm64":    {"GOARM64", []string{"v8.0", "v8.1", "v8.2", "v8.3", "v8.4", "v8.5", "v8.6", "v8.7", "v8.8", "v8.9", "v9.0", "v9.1", "v9.2", "v9.3", "v9.4", "v9.5"}},
	"mips":     {"GOMIPS", []string{"hardfloat", "softfloat"}},
	"mips64":   {"GOMIPS64", []string{"hardfloat", "softfloat"}},
	"mips64le": {"GOMIPS64", []string{"hardfloat", "softfloat"}},
	"mipsle":   {"GOMIPS", []string{"hardfloat", "softfloat"}},
	"ppc64":    {"GOPPC64", []string{"power8", "power9", "power10"}},
	"ppc64le":  {"GOPPC64", []string{"power8", "power9", "power10"}},
	"riscv64":  {"GORISCV64", []string{"rva20u64", "rva22u64", "rva23u64"}},
}

// systems are the names of systems that are not their GOOS.
var systems = map[string]string{"darwin": "osx", "windows": "win"}

// All returns every platform, sorted by name.
func All() []Platform { return slices.Clone(sorted) }

// sorted are all platforms, and names what Names returns.
var (
	sorted = all()
	names  = allNames()
)

func all() []Platform {
	var all []Platform
	for goos, archs := range pairs {
		for _, goarch := range archs {
			all = append(all, Platform{GOOS: goos, GOARCH: goarch})
			if v, ok := variants[goarch]; ok {
				for _, level := range v.levels[1:] {
					all = append(all, Platform{goos, goarch, level})
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b Platform) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// Names returns the name of every platform, sorted, then the other names that Parse takes.
func Names() []string { return slices.Clone(names) }

func allNames() []string {
	var names, aliases []string
	for _, p := range All() {
		names = append(names, p.String())
		aliases = append(aliases, p.aliases()...)
	}
	slices.Sort(aliases)
	return append(names, aliases...)
}

// aliases returns the other names of p: with Go's system, and for the default level both
// without and with it.
func (p Platform) aliases() []string {
	archs := []string{p.Arch()}
	if v, ok := variants[p.GOARCH]; ok && p.Level == "" {
		archs = []string{p.GOARCH, p.GOARCH + suffix(p.GOARCH, v.levels[0])}
	}
	var all []string
	for _, system := range slices.Compact([]string{p.System(), p.GOOS}) {
		for _, arch := range archs {
			if name := system + "-" + arch; name != p.String() {
				all = append(all, name)
			}
		}
	}
	return all
}

// byName are all platforms by their names, canonical and other.
var byName = func() map[string]Platform {
	m := map[string]Platform{}
	for _, p := range All() {
		for _, name := range append(p.aliases(), p.String()) {
			m[name] = p
		}
	}
	return m
}()

// Parse returns the platform with a name, canonical or Go's. Want explains what else the name
// could be.
func Parse(name string) (Platform, error) {
	if p, ok := byName[name]; ok {
		return p, nil
	}
	return Platform{}, fmt.Errorf("unknown platform %q", name)
}

// Want says what an unknown name could be instead: the levels of its architecture, or the
// architectures of its system. It is empty if there is no such system.
func Want(name string) string {
	system, arch, _ := strings.Cut(name, "-")
	var levels, archs []string
	for _, p := range sorted {
		if system != p.System() && system != p.GOOS {
			continue
		}
		if p.Level == "" {
			archs = append(archs, p.String())
		}
		rest, ok := strings.CutPrefix(arch, p.GOARCH)
		if ok && (strings.HasPrefix(rest, "v") || strings.HasPrefix(rest, "_")) && p.GOARCH != Universal {
			levels = append(levels, p.String())
		}
	}
	switch {
	case len(levels) > 0:
		return "one of " + strings.Join(levels, ", ")
	case len(archs) > 0:
		return "one of " + strings.Join(archs, ", ") + ", or one with its level"
	}
	return ""
}

// String returns the canonical name, such as osx-arm64 or linux-armv7.
func (p Platform) String() string { return p.System() + "-" + p.Arch() }

// System returns the first part of the name, such as osx.
func (p Platform) System() string {
	if name, ok := systems[p.GOOS]; ok {
		return name
	}
	return p.GOOS
}

// Arch returns the second part of the name: GOARCH with its level, as goreleaser writes it,
// such as armv7, amd64v3 or mips_softfloat.
func (p Platform) Arch() string {
	level := p.Level
	if p.GOARCH == "arm" {
		_, level = p.Setting()
	}
	return p.GOARCH + suffix(p.GOARCH, level)
}

// suffix returns what a level adds to the name of its architecture.
func suffix(goarch, level string) string {
	switch {
	case level == "":
		return ""
	case goarch == "arm":
		return "v" + level
	case strings.HasPrefix(level, "v"):
		return level
	}
	return "_" + level
}

// Setting returns the variable of GOARCH and its value for p, such as GOARM and 7; empty if
// the go command has none.
func (p Platform) Setting() (variable, value string) {
	v, ok := variants[p.GOARCH]
	if !ok {
		return "", ""
	}
	if p.Level != "" {
		return v.variable, p.Level
	}
	return v.variable, v.levels[0]
}

// Env returns the variables that tell the go command to build for p, as NAME=value.
func (p Platform) Env() []string {
	env := []string{"GOOS=" + p.GOOS, "GOARCH=" + p.GOARCH}
	if variable, value := p.Setting(); variable != "" {
		env = append(env, variable+"="+value)
	}
	return env
}

// Halves returns the platforms of the programs in a universal binary. For any other platform
// it returns p alone.
func (p Platform) Halves() []Platform {
	if p.GOARCH != Universal {
		return []Platform{p}
	}
	return []Platform{{GOOS: p.GOOS, GOARCH: "amd64"}, {GOOS: p.GOOS, GOARCH: "arm64"}}
}

// OCI returns the platform of an image, as os/architecture or os/architecture/variant: see
// https://github.com/opencontainers/image-spec/blob/main/image-index.md#platform-variants.
func (p Platform) OCI() string {
	level := p.Level
	if p.GOARCH == "arm" {
		level = strings.TrimPrefix(p.Arch(), p.GOARCH)
	}
	return strings.TrimSuffix(p.GOOS+"/"+p.GOARCH+"/"+level, "/")
}
