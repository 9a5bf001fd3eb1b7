package platform

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
)

// byOCI are all platforms by OCI.
var byOCI = func() map[string]Platform {
	m := map[string]Platform{}
	for _, p := range All() {
		m[p.OCI()] = p
	}
	return m
}()

// Targets returns what programs are compiled for if a release has the named platforms, in
// their own form, such as osx-universal, or in OCI's, such as linux/arm/v7: each once, sorted.
func Targets(names ...string) ([]Platform, error) {
	var all []Platform
	for _, name := range names {
		p, ok := byOCI[name]
		if !ok {
			var err error
			if p, err = Parse(name); err != nil {
				return nil, err
			}
		}
		all = append(all, p.Halves()...)
	}
	slices.SortFunc(all, func(a, b Platform) int { return strings.Compare(a.Key(), b.Key()) })
	return slices.Compact(all), nil
}

// Key returns GOOS_GOARCH, with _LEVEL if p has a level, such as linux_amd64_v3.
func (p Platform) Key() string {
	if p.Level == "" {
		return p.GOOS + "_" + p.GOARCH
	}
	return p.GOOS + "_" + p.GOARCH + "_" + p.Level
}

// FromKey is the inverse of Key.
func FromKey(key string) (Platform, error) {
	parts := append(strings.SplitN(key, "_", 3), "", "")
	p := Platform{parts[0], parts[1], parts[2]}
	if byName[p.String()] != p {
		return Platform{}, fmt.Errorf("platform %q: want GOOS_GOARCH or GOOS_GOARCH_LEVEL", key)
	}
	return p, nil
}

// FromBuildInfo returns what a program was built for.
func FromBuildInfo(info *debug.BuildInfo) Platform {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	p := Platform{GOOS: settings["GOOS"], GOARCH: settings["GOARCH"]}
	if v, ok := variants[p.GOARCH]; ok && settings[v.variable] != v.levels[0] {
		p.Level = settings[v.variable]
	}
	return p
}
