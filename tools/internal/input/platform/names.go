package platform

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Template makes the name of an archive for each platform. It is the name with fields in
// braces:
//
//	{name}      the archive's name
//	{version}   the release's version
//	{platform}  the platform's name, such as osx-arm64
//	{os}        GOOS, such as darwin
//	{Os}        GOOS with a capital, such as Darwin
//	{arch}      GOARCH with its level, such as armv7 or amd64v3; all for a universal binary
//	{uname}     the same, but x86_64 for amd64 and i386 for 386
type Template string

// DefaultNames is the template of a line that has none.
const DefaultNames Template = "{name}-{version}-{platform}"

// Fields returns the fields that a template can have.
func Fields() []string {
	return []string{"name", "version", "platform", "os", "Os", "arch", "uname"}
}

// unames are the architectures that uname and goreleaser's templates call otherwise.
var unames = map[string]string{"amd64": "x86_64", "386": "i386"}

// Expand returns the name of an archive. It fails for a template with a brace that is not part
// of a field, or with an unknown field.
func (t Template) Expand(name, version string, p Platform) (string, error) {
	arch := p.Arch()
	if p.GOARCH == Universal {
		arch = "all"
	}
	uname := arch
	if other, ok := unames[p.GOARCH]; ok {
		uname = other + strings.TrimPrefix(arch, p.GOARCH)
	}
	values := map[string]string{
		"name": name, "version": version, "platform": p.String(), "os": p.GOOS,
		"Os": strings.ToUpper(p.GOOS[:1]) + p.GOOS[1:], "arch": arch, "uname": uname,
	}
	var b strings.Builder
	for rest := string(t); rest != ""; {
		text, after, open := strings.Cut(rest, "{")
		if strings.Contains(text, "}") {
			return "", errors.New("a } without {")
		}
		b.WriteString(text)
		if rest = after; !open {
			break
		}
		field, after, closed := strings.Cut(rest, "}")
		value, known := values[field]
		switch {
		case !closed:
			return "", errors.New("a { without }")
		case !known:
			return "", fmt.Errorf("field {%.60s}, want one of {%s}", field, strings.Join(Fields(), "}, {"))
		}
		b.WriteString(value)
		rest = after
	}
	return b.String(), nil
}

// Check reports an error in the template, or two platforms to which it gives the same name.
func (t Template) Check(platforms []Platform) error {
	if _, err := t.Expand("name", "1", Platform{GOOS: "linux", GOARCH: "amd64"}); err != nil {
		return err
	}
	names := map[string]Platform{}
	for _, p := range slices.SortedFunc(slices.Values(platforms), func(a, b Platform) int { return strings.Compare(a.String(), b.String()) }) {
		name, err := t.Expand("name", "1", p)
		if err != nil {
			return err
		}
		if other, ok := names[name]; ok {
			return fmt.Errorf("%s and %s have the same name: add a field such as {platform}", other, p)
		}
		names[name] = p
	}
	return nil
}
