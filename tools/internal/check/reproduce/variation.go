package reproduce

import (
	"fmt"
	"slices"
	"strings"
)

// A Variation names one thing in which two builds differ and that must not matter to a
// release.
type Variation string

// The variations, in the order in which they are shown.
const (
	Path       Variation = "path"        // the workspace's directory, and the length of its name
	OutputBase Variation = "output-base" // the directory that Bazel keeps everything in
	Home       Variation = "home"        // HOME
	User       Variation = "user"        // name, user id and group id
	Host       Variation = "host"        // the machine's name
	TZ         Variation = "tz"          // TZ
	Lang       Variation = "lang"        // LANG, LANGUAGE, LC_ALL
	Umask      Variation = "umask"       // the umask
	Jobs       Variation = "jobs"        // --jobs
	CPUs       Variation = "cpus"        // how many CPUs a program may use
	Env        Variation = "env"         // variables that other tools read
	DirOrder   Variation = "dirorder"    // the order in which a directory lists its files
	Clock      Variation = "clock"       // the minute in which the build starts
	DiskCache  Variation = "disk-cache"  // no results of earlier builds
	Remote     Variation = "remote"      // a cache, or workers, on other machines; only if RunArgs.Remote names one
)

// All returns every variation.
func All() []Variation {
	return []Variation{Path, OutputBase, Home, User, Host, TZ, Lang, Umask, Jobs, CPUs, Env, DirOrder, Clock, DiskCache}
}

// ParseVariations parses names separated by commas. "all" is every variation, "none" is
// none, and "-NAME" removes one. A list that begins with "-NAME" removes from all. The
// result is in the order of All.
func ParseVariations(list string) ([]Variation, error) {
	chosen := map[Variation]bool{}
	for i, word := range strings.Split(list, ",") {
		word = strings.TrimSpace(word)
		name, minus := strings.CutPrefix(word, "-")
		names := []Variation{Variation(name)}
		switch {
		case name == "all":
			names = All()
		case word == "none":
			set(chosen, All(), false)
			continue
		case !slices.Contains(All(), Variation(name)):
			return nil, fmt.Errorf("parsing variations: got %q, want all, none, or some of %s", word, joined(All()))
		}
		if i == 0 && minus {
			set(chosen, All(), true)
		}
		set(chosen, names, !minus)
	}
	return slices.DeleteFunc(All(), func(v Variation) bool { return !chosen[v] }), nil
}

func set(chosen map[Variation]bool, names []Variation, to bool) {
	for _, n := range names {
		chosen[n] = to
	}
}

func joined(names []Variation) string {
	var words []string
	for _, n := range names {
		words = append(words, string(n))
	}
	return strings.Join(words, ",")
}

// Status says whether a variation was made, and how.
type Status struct {
	Name Variation `json:"name"`
	// Made means that the two builds differ in it.
	Made bool `json:"made"`
	// First and Second are its values in the two builds.
	First  string `json:"first,omitempty"`
	Second string `json:"second,omitempty"`
	// Why says why it is not made, or how it is made.
	Why string `json:"why,omitempty"`
}

// notAsked is the Why of a variation that was not asked for.
const notAsked = "not asked for"
