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

// leakBlock is how many bytes all patterns are looked for in before the next ones, so that they
// are in the CPU's cache.
const leakBlock = 256 << 10

// leaks returns what data should not have. A secret is not quoted.
func (c *checker) leaks(data []byte) []string {
	secrets := slices.Sorted(maps.Keys(c.args.Secrets))
	matches, has, source := make([][]byte, len(patterns)), make([]bool, len(secrets)), ""
	program := isProgram(data)
	for start := 0; start < len(data); start += leakBlock {
		end := min(start+leakBlock, len(data))
		for i, p := range patterns {
			if matches[i] == nil {
				matches[i] = p.find(data, start, end)
			}
		}
		for i, secret := range secrets {
			has[i] = has[i] || indexFrom(data, start, end, secret) >= 0
		}
		if program && source == "" {
			source = sourcePath(data, start, end)
		}
	}
	var found []string
	for i, p := range patterns {
		switch m := matches[i]; {
		case m == nil:
		case p.what == "build path":
			found = append(found, fmt.Sprintf("it has the build path %.200q", m))
		default:
			found = append(found, fmt.Sprintf("it has what looks like a %s, %d bytes that begin with %q", p.what, len(m), p.text))
		}
	}
	for i, secret := range secrets {
		if has[i] {
			found = append(found, fmt.Sprintf("it has the %s %q", c.args.Secrets[secret], secret))
		}
	}
	if source != "" {
		found = append(found, fmt.Sprintf("it has the absolute path of a source file, %.200q", source))
	}
	return found
}

// indexFrom returns where text first begins at or after start and before end, or -1.
func indexFrom(data []byte, start, end int, text string) int {
	if start >= end {
		return -1
	}
	i := bytes.Index(data[start:min(end+len(text)-1, len(data))], []byte(text))
	if i < 0 {
		return -1
	}
	return start + i
}

// find returns the first match whose text begins at or after start and before end, or nil.
func (p pattern) find(data []byte, start, end int) []byte {
	const after = 2000
	for {
		at := indexFrom(data, start, end, p.text)
		if at < 0 {
			return nil
		}
		window := data[max(0, at-p.before):min(len(data), at+after)]
		// An example in documentation is no secret.
		if m := p.match.Find(window); m != nil && !bytes.Contains(m, []byte("EXAMPLE")) {
			return bytes.Clone(m)
		}
		start = at + len(p.text)
	}
}

// sourcePath returns the first absolute name of a Go file in a program's table of file names
// (which end in a zero byte), or "". The name's end begins at or after start and before end.
func sourcePath(data []byte, start, end int) string {
	const suffix = ".go\x00"
	for {
		at := indexFrom(data, start, end, suffix)
		if at < 0 {
			return ""
		}
		first := max(0, at-1000)
		first += bytes.LastIndexByte(data[first:at], 0) + 1
		name := string(data[first:at]) + ".go"
		start = at + len(suffix)
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
