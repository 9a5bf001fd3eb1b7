package sourcetar

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// anything stands for any number of elements.
const anything = "**"

// patterns are patterns of paths, split into elements.
type patterns [][]string

func compile(exclude []string) (patterns, error) {
	var all patterns
	for _, p := range exclude {
		elements := strings.Split(strings.TrimSuffix(p, "/"), "/")
		for _, e := range elements {
			if _, err := path.Match(e, ""); err != nil {
				return nil, fmt.Errorf("exclude pattern %q: %w", p, err)
			}
			if e == "" || e == "." || e == ".." {
				return nil, fmt.Errorf("exclude pattern %q: want a clean relative path", p)
			}
		}
		// Everything below a match.
		all = append(all, append(slices.Clip(elements), anything))
	}
	return all, nil
}

func (p patterns) match(name string) bool {
	if len(p) == 0 {
		return false
	}
	elements := strings.Split(name, "/")
	return slices.ContainsFunc(p, func(pattern []string) bool { return match(pattern, elements) })
}

// match reports whether a pattern matches all of elements. After a mismatch the last "**"
// takes one element more, so the time is at most the product of the lengths.
func match(pattern, elements []string) bool {
	p, e := 0, 0
	star, from := -1, 0
	for e < len(elements) {
		if p < len(pattern) {
			if pattern[p] == anything {
				star, from = p, e
				p++
				continue
			}
			if ok, _ := path.Match(pattern[p], elements[e]); ok {
				p++
				e++
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		p, e = star+1, from
	}
	for p < len(pattern) && pattern[p] == anything {
		p++
	}
	return p == len(pattern)
}
