package validate

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

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
	{" PRIVATE KEY-----", 40, regexp.MustCompile(`-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\r?\n|\\n)[A-Za-z0-9+/=]{16,}`), "private key"},
	{"AKIA", 0, regexp.MustCompile(`^AKIA[0-9A-Z]{16}`), "AWS access key"},
	{"ghp_", 0, regexp.MustCompile(`^ghp_[0-9A-Za-z]{36}`), "GitHub token"},
	{"ghs_", 0, regexp.MustCompile(`^ghs_[0-9A-Za-z]{36}`), "GitHub token"},
	{"github_pat_", 0, regexp.MustCompile(`^github_pat_[0-9A-Za-z_]{40,}`), "GitHub token"},
	{"glpat-", 0, regexp.MustCompile(`^glpat-[0-9A-Za-z_-]{20}`), "GitLab token"},
	{"xoxb-", 0, regexp.MustCompile(`^xoxb-[0-9]{6,}-[0-9A-Za-z-]{10,}`), "Slack token"},
	{"AIza", 0, regexp.MustCompile(`^AIza[0-9A-Za-z_-]{35}`), "Google API key"},
	{"AGE-SECRET-KEY-1", 0, regexp.MustCompile(`^AGE-SECRET-KEY-1[0-9A-Z]{58}`), "age identity"},
}

// leaks returns what data should not have. A secret is not quoted.
func (c *checker) leaks(data []byte) []string {
	var found []string
	for _, p := range patterns {
		if m := p.find(data); m != nil {
			if p.what == "build path" {
				found = append(found, fmt.Sprintf("it has the build path %.200q", m))
			} else {
				found = append(found, fmt.Sprintf("it has what looks like a %s, %d bytes that begin with %q", p.what, len(m), p.text))
			}
		}
	}
	for _, secret := range slices.Sorted(maps.Keys(c.args.Secrets)) {
		if bytes.Contains(data, []byte(secret)) {
			found = append(found, fmt.Sprintf("it has the %s %q", c.args.Secrets[secret], secret))
		}
	}
	if isProgram(data) {
		if name := sourcePath(data); name != "" {
			found = append(found, fmt.Sprintf("it has the absolute path of a source file, %.200q", name))
		}
	}
	return found
}

// find returns the first match, or nil.
func (p pattern) find(data []byte) []byte {
	const after = 2000
	for at := 0; ; {
		i := bytes.Index(data[at:], []byte(p.text))
		if i < 0 {
			return nil
		}
		at += i
		window := data[max(0, at-p.before):min(len(data), at+after)]
		// An example in documentation is no secret.
		if m := p.match.Find(window); m != nil && !bytes.Contains(m, []byte("EXAMPLE")) {
			return m
		}
		at += len(p.text)
	}
}

// sourcePath returns the first absolute name of a Go file in a program's table of file names
// (which end in a zero byte), or "".
func sourcePath(data []byte) string {
	end := []byte(".go\x00")
	for at := 0; ; {
		i := bytes.Index(data[at:], end)
		if i < 0 {
			return ""
		}
		at += i
		start := bytes.LastIndexByte(data[max(0, at-1000):at], 0) + 1 + max(0, at-1000)
		name := string(data[start:at]) + ".go"
		at += len(end)
		if strings.HasPrefix(name, "/") || len(name) > 3 && name[1:3] == ":\\" || len(name) > 3 && name[1:3] == ":/" {
			return name
		}
	}
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
