package ociimage

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// platformWord matches an operating system, architecture or variant.
var platformWord = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)

// otherNames maps names that uname, Debian and others use to the values of GOARCH and
// GOOS, which the specification requires.
var otherNames = map[string]string{
	"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "i686": "386",
	"armhf": "arm", "armel": "arm", "armv7l": "arm", "macos": "darwin",
}

// NormalizePlatform returns p in the form for an index and a config. The operating system
// and the architecture are values of GOOS and GOARCH. A missing variant becomes the one
// that every reader assumes:
//
//	arm64  v8  the only base value in the specification's table of variants;
//	           containerd treats arm64 and arm64/v8 as the same platform
//	arm    v7  the default of containerd and of GOARM
//
// and "8" or "7" becomes "v8" or "v7". Other architectures get no variant. amd64/v1 becomes
// amd64, which containerd treats as the same.
func NormalizePlatform(p v1.Platform) (v1.Platform, error) {
	for _, part := range []struct{ name, value string }{{"os", p.OS}, {"architecture", p.Architecture}} {
		if part.value == "" {
			return p, fmt.Errorf("checking platform %q: %s is missing", p.String(), part.name)
		}
		if goName, ok := otherNames[part.value]; ok {
			return p, fmt.Errorf("checking platform %q: %s is %q, want %q", p.String(), part.name, part.value, goName)
		}
	}
	for _, s := range []string{p.OS, p.Architecture, cmp.Or(p.Variant, "none")} {
		if !platformWord.MatchString(s) {
			return p, fmt.Errorf("checking platform %q: %q has a character that is not a-z, 0-9, dot, dash or underscore", p.String(), s)
		}
	}
	switch {
	case p.Architecture == "arm64" && (p.Variant == "" || p.Variant == "8"):
		p.Variant = "v8"
	case p.Architecture == "arm" && (p.Variant == "" || p.Variant == "7"):
		p.Variant = "v7"
	case p.Architecture == "arm" && (p.Variant == "5" || p.Variant == "6" || p.Variant == "8"):
		p.Variant = "v" + p.Variant
	case p.Architecture == "amd64" && p.Variant == "v1":
		p.Variant = ""
	}
	return p, nil
}

// ParsePlatform parses "os/architecture" or "os/architecture/variant" and
// normalizes it.
func ParsePlatform(s string) (v1.Platform, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 {
		return v1.Platform{}, fmt.Errorf("parsing platform %q: want os/architecture or os/architecture/variant", s)
	}
	p := v1.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		if p.Variant = parts[2]; p.Variant == "" {
			return p, fmt.Errorf("parsing platform %q: variant is empty", s)
		}
	}
	return NormalizePlatform(p)
}

func comparePlatforms(a, b v1.Platform) int {
	return cmp.Or(cmp.Compare(a.OS, b.OS), cmp.Compare(a.Architecture, b.Architecture), cmp.Compare(a.Variant, b.Variant))
}
