package goinfo

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/input/platform"
)

// A Program is a program for one platform, as Bazel knows it.
type Program struct {
	Name    string            `json:"name"` // its file's, without .exe
	Package string            `json:"package"`
	GOOS    string            `json:"goos"`
	GOARCH  string            `json:"goarch"`
	Level   string            `json:"level"` // of GOARCH, if not its default: see platform.Platform
	Tags    []string          `json:"tags"`
	XDefs   map[string]string `json:"x_defs"`
}

// Platform returns the platform that the program is for.
func (p Program) Platform() platform.Platform {
	return platform.Platform{GOOS: p.GOOS, GOARCH: p.GOARCH, Level: p.Level}
}

// String names the program and its platform for people, such as age linux/amd64.
func (p Program) String() string {
	return p.Name + " " + strings.ReplaceAll(p.Platform().Key(), "_", "/")
}

// Flags returns the flags of go build and go install, with which they build the same bytes. The
// error is that of a value in XDefs that the go command cannot quote.
func (p Program) Flags() ([]string, error) {
	ldflags, err := p.linkerFlags()
	if err != nil {
		return nil, err
	}
	flags := []string{"-trimpath", "-ldflags=" + ldflags}
	if len(p.Tags) > 0 {
		flags = append(flags, "-tags="+strings.Join(p.Tags, ","))
	}
	return flags, nil
}

// linkerFlags returns the linker's flags, quoted for go install. The go command sets the
// default GODEBUG itself.
func (p Program) linkerFlags() (string, error) {
	flags := []string{"-s", "-w", "-buildid="}
	for _, name := range slices.Sorted(maps.Keys(p.XDefs)) {
		if name == "runtime.godebugDefault" {
			continue
		}
		pkg, variable := name[:strings.LastIndex(name, ".")+1], name[strings.LastIndex(name, ".")+1:]
		if pkg == p.Package+"." {
			pkg = "main." // its name for the linker
		}
		define := pkg + variable + "=" + p.XDefs[name]
		quote := `"`
		if strings.Contains(define, quote) {
			quote = "'"
		}
		if strings.Contains(define, quote) {
			return "", fmt.Errorf("x_defs of %s: the go command cannot quote a value with both kinds of quotes: %s", name, p.XDefs[name])
		}
		flags = append(flags, "-X", quote+define+quote)
	}
	return strings.Join(flags, " "), nil
}
