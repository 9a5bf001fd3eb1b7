package helmchart

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"
)

// ignoreFile has the rules for the files that are not in the archive
// (https://helm.sh/docs/chart_template_guide/helm_ignore_file/).
const ignoreFile = ".helmignore"

// maxRules limits the lines of a .helmignore: each file is compared with all of them.
const maxRules = 1000

// An ignoreRule is a line of a .helmignore.
type ignoreRule struct {
	pattern string
	// not is for a rule that begins with !, dirs for one that ends in /.
	not, dirs bool
	// base means that only the last part of a path has to match.
	base bool
}

// parseIgnore parses a .helmignore, and adds Helm's own rule.
func parseIgnore(data []byte) ([]ignoreRule, error) {
	var rules []ignoreRule
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	n := 0
	for line := range strings.Lines(string(data) + "\ntemplates/.?*\n") {
		if n++; n > maxRules {
			return nil, fmt.Errorf("%s: got more than %d lines", ignoreFile, maxRules)
		}
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		_, err := path.Match(line, "abc")
		if strings.Contains(line, "**") {
			err = errors.New("two stars are not supported")
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: pattern %.100q: %w", ignoreFile, n, line, err)
		}
		var r ignoreRule
		line, r.not = strings.CutPrefix(line, "!")
		line, r.dirs = strings.CutSuffix(line, "/")
		r.base = !strings.Contains(line, "/")
		r.pattern = strings.TrimPrefix(line, "/")
		rules = append(rules, r)
	}
	return rules, nil
}

// ignored reports whether a file is left out, by its path in the chart: by a rule for the file
// or for a directory above it. The first rule that decides counts. As in Helm, a rule with !
// leaves out everything that does not match.
func ignored(rules []ignoreRule, file string) bool {
	for i := range len(file) {
		if file[i] == '/' && ignoredPath(rules, file[:i], true) {
			return true
		}
	}
	return ignoredPath(rules, file, false)
}

func ignoredPath(rules []ignoreRule, p string, dir bool) bool {
	for _, r := range rules {
		name := p
		if r.base {
			name = path.Base(p)
		}
		matches, _ := path.Match(r.pattern, name) // checked when it was parsed
		switch {
		case r.not && (r.dirs && !dir || !matches):
			return true
		case !r.not && matches && (dir || !r.dirs):
			return true
		}
	}
	return false
}
