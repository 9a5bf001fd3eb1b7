package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// files are the directories with the files that are there before the build.
type files struct {
	workspace string
	external  string // the directory of the external repositories
	store     string // what it has is named by digest
	install   string // Bazel's own files
}

// script is the format of an executable that begins with #!.
const script = "script"

// An input is what is known of a file that an action reads.
type input struct {
	kind    string // generated, workspace, or an external repository's name
	program string // for an executable: its format
	problem string // what of it only this client has
}

// input describes a file of the graph.
func (c *checker) input(f int) input {
	if in, ok := c.inputs[f]; ok {
		return in
	}
	in := c.describe(f)
	c.inputs[f] = in
	return in
}

func (c *checker) describe(f int) input {
	p := c.graph.Files[f].Path
	if path.IsAbs(p) || path.Clean(p) != p || strings.HasPrefix(p, "../") {
		return input{kind: "outside", problem: "is outside of the execution root"}
	}
	if strings.HasPrefix(p, "bazel-out/") {
		if c.producers[f] < 0 {
			return input{kind: "generated", problem: "is made by no action"}
		}
		return input{kind: "generated"}
	}
	in := input{kind: "workspace"}
	name := filepath.Join(c.machine.files.workspace, filepath.FromSlash(p))
	if rest, ok := strings.CutPrefix(p, "external/"); ok {
		in.kind, _, _ = strings.Cut(rest, "/")
		in.kind = "@" + in.kind
		name = filepath.Join(c.machine.files.external, filepath.FromSlash(rest))
	}
	if c.machine.files != (files{}) {
		in.program, in.problem = c.machine.files.look(name)
	}
	return in
}

// look returns the format of a program, and what of a file only this client has.
func (f files) look(name string) (program, problem string) {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", fmt.Sprintf("cannot be read: %v", errors.Unwrap(err))
	}
	if !f.known(target) {
		return "", fmt.Sprintf("is a link to %q, which only this machine has", target)
	}
	info, err := os.Stat(target)
	switch {
	case err != nil:
		return "", fmt.Sprintf("cannot be read: %v", errors.Unwrap(err))
	case info.IsDir():
		return "", "is a directory, whose files Bazel does not follow"
	case info.Mode()&0o111 == 0:
		return "", ""
	}
	return format(target)
}

// known reports whether a file is in a directory that every client fills with the same.
func (f files) known(name string) bool {
	for _, dir := range []string{f.workspace, f.external, f.store, f.install} {
		if rel, err := filepath.Rel(dir, name); dir != "" && err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// format returns the format of an executable file: its system, its processor, and what it needs
// of the machine that runs it.
func format(name string) (program, problem string) {
	file, err := os.Open(name)
	if err != nil {
		return "", fmt.Sprintf("cannot be read: %v", errors.Unwrap(err))
	}
	defer file.Close()
	head := make([]byte, 4)
	if _, err := io.ReadFull(file, head); err != nil {
		return "", "" // an empty file is no program
	}
	if bytes.HasPrefix(head, []byte("#!")) {
		return script, ""
	}
	e, err := elf.NewFile(file)
	if err != nil {
		var bad *elf.FormatError
		if errors.As(err, &bad) || errors.Is(err, fs.ErrInvalid) {
			return "", "" // a library of another system, or data
		}
		return "", fmt.Sprintf("cannot be read: %v", err)
	}
	program = "ELF " + strings.ToLower(strings.TrimPrefix(e.Machine.String(), "EM_"))
	for _, p := range e.Progs {
		if p.Type == elf.PT_INTERP {
			loader, _ := io.ReadAll(p.Open())
			return program + ", dynamic", fmt.Sprintf("needs the loader %q of the machine that runs it, want a static program", bytes.TrimRight(loader, "\x00"))
		}
	}
	return program + ", static", ""
}
