package main

import (
	"io"
	"regexp"
	"slices"
)

// What messages of the verbs' packages say about how to run a command. They are the same with
// Bazel, so they name it as Bazel runs it.
var (
	bazelRun  = regexp.MustCompile(`tools/bazel run //release:([a-z]+)( --)?`)
	runHelp   = regexp.MustCompile(`hint: run [a-z ]+ -help\n`)
	helpsHead = regexp.MustCompile(`^usage: [a-z]+ \[flags\]`)
)

// called is standard error of a verb. It names commands as the user of this program calls them.
// Each message is one write.
type called struct {
	io.Writer
	verb string
}

// Write writes what a verb says, in the user's words.
func (c called) Write(p []byte) (int, error) {
	said := bazelRun.ReplaceAllFunc(p, func(text []byte) []byte {
		name := string(bazelRun.FindSubmatch(text)[1])
		if name == "bundle" || !slices.ContainsFunc(verbs, func(v verb) bool { return v.name == name }) {
			return text // it needs Bazel
		}
		return []byte("release " + name)
	})
	said = runHelp.ReplaceAll(said, []byte("hint: run release "+c.verb+" --help\n"))
	said = helpsHead.ReplaceAll(said, []byte("usage: release "+c.verb+" [flags]"))
	if _, err := c.Writer.Write(said); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Unwrap returns the writer that this one writes to.
func (c called) Unwrap() io.Writer { return c.Writer }
