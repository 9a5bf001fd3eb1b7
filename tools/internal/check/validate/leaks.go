package validate

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Secret begins the problem of what may be a secret, or an example of one.
const Secret = "it has what looks like "

// A pattern is something that no released file should have. Text is in every match: looking for
// it is much quicker than looking for a match.
type pattern struct {
	text   string
	before int // bytes that a match may have before text
	match  *regexp.Regexp
	what   string
}

// patterns are build paths, and secrets by the forms that their issuers document.
var patterns = []pattern{
	{"/execroot/", 200, regexp.MustCompile(`/[\w.+@-]+(?:/[\w.+@-]+)*/execroot/[\w.+@/-]*`), "build path"},
	{"bazel-out/", 200, regexp.MustCompile(`bazel-out/[\w.+@-]+/bin/[\w.+@/-]*`), "build path"},
	{"/go-build", 200, regexp.MustCompile(`/[\w.+@/-]+/go-build\d+/[\w.+@/-]*`), "build path"},
	{" PRIVATE KEY-----", 40, regexp.MustCompile(`-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\r?\n|\\n)[A-Za-z0-9+/=]{16,}`), "a private key"},
	{"AKIA", 0, regexp.MustCompile(`^AKIA[0-9A-Z]{16}`), "an AWS access key"},
	{"ghp_", 0, regexp.MustCompile(`^ghp_[0-9A-Za-z]{36}`), "a GitHub token"},
	{"ghs_", 0, regexp.MustCompile(`^ghs_[0-9A-Za-z]{36}`), "a GitHub token"},
	{"github_pat_", 0, regexp.MustCompile(`^github_pat_[0-9A-Za-z_]{40,}`), "a GitHub token"},
	{"glpat-", 0, regexp.MustCompile(`^glpat-[0-9A-Za-z_-]{20}`), "a GitLab token"},
	{"xoxb-", 0, regexp.MustCompile(`^xoxb-[0-9]{6,}-[0-9A-Za-z-]{10,}`), "a Slack token"},
	{"AIza", 0, regexp.MustCompile(`^AIza[0-9A-Za-z_-]{35}`), "a Google API key"},
	{"AGE-SECRET-KEY-1", 0, regexp.MustCompile(`^AGE-SECRET-KEY-1[0-9A-Z]{58}`), "an age identity"},
}

// sourceSuffix ends the name of a Go file in a program's table of file names.
const sourceSuffix = ".go\x00"

// A leakFinder looks for what no released file should have.
type leakFinder struct {
	secrets []string // sorted
	what    map[string]string
	search  *search // for the texts of patterns, then secrets, then sourceSuffix
}

func newLeakFinder(secrets map[string]string) (*leakFinder, error) {
	f := &leakFinder{secrets: slices.Sorted(maps.Keys(secrets)), what: secrets}
	var texts []string
	for _, p := range patterns {
		texts = append(texts, p.text)
	}
	for _, s := range f.secrets {
		if len(s) < minText {
			return nil, fmt.Errorf("looking for a %s of %d bytes, want at least %d", secrets[s], len(s), minText)
		}
	}
	f.search = newSearch(append(append(texts, f.secrets...), sourceSuffix))
	return f, nil
}

// leaks returns what data should not have. A secret is not quoted.
func (f *leakFinder) leaks(data []byte) []string {
	matches, has, source := make([][]byte, len(patterns)), make([]bool, len(f.secrets)), ""
	program := isProgram(data)
	f.search.each(data, func(text, at int) {
		switch i := text - len(patterns); {
		case i < 0:
			if matches[text] == nil {
				matches[text] = patterns[text].find(data, at)
			}
		case i < len(f.secrets):
			has[i] = true
		case program && source == "":
			source = sourcePath(data, at)
		}
	})
	var found []string
	for i, p := range patterns {
		switch m := matches[i]; {
		case m == nil:
		case p.what == "build path":
			found = append(found, fmt.Sprintf("it has the build path %.200q", m))
		default:
			found = append(found, fmt.Sprintf("%s%s, %d bytes that begin with %q", Secret, p.what, len(m), p.text))
		}
	}
	for i, secret := range f.secrets {
		if has[i] {
			found = append(found, fmt.Sprintf("it has the %s %q", f.what[secret], secret))
		}
	}
	if source != "" {
		found = append(found, fmt.Sprintf("it has the absolute path of a source file, %.200q", source))
	}
	return found
}

// find returns the match whose text begins at a place, or nil.
func (p pattern) find(data []byte, at int) []byte {
	const after = 2000
	window := data[max(0, at-p.before):min(len(data), at+after)]
	// An example in documentation is no secret.
	if m := p.match.Find(window); m != nil && !bytes.Contains(m, []byte("EXAMPLE")) {
		return bytes.Clone(m)
	}
	return nil
}

// sourcePath returns the name whose sourceSuffix begins at a place if it is absolute, or "".
func sourcePath(data []byte, at int) string {
	first := max(0, at-1000)
	first += bytes.LastIndexByte(data[first:at], 0) + 1
	name := string(data[first:at]) + ".go"
	if strings.HasPrefix(name, "/") || len(name) > 3 && name[1:3] == ":\\" || len(name) > 3 && name[1:3] == ":/" {
		return name
	}
	return ""
}

// allowed reports whether the product allows what a member has.
func (c *checker) allowed(m member) bool {
	name := m.artifact.Path
	if m.path != "" {
		name += "/" + strings.TrimPrefix(m.path, "./")
	}
	for _, o := range c.args.Own {
		for pattern := range o.Allow {
			if glob(pattern).MatchString(name) {
				return true
			}
		}
	}
	return false
}

// glob returns the form of a pattern in which * stands for a part of a name, and ** for a part
// of a path.
func glob(pattern string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.ReplaceAll(quoted, `\*\*`, ".*")
	return regexp.MustCompile("^" + strings.ReplaceAll(quoted, `\*`, "[^/]*") + "$")
}
