package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/check/actiongraph"
)

// small returns a checker for two actions of a small workspace. Action 1 of the graph makes
// second.out from b.txt and first.out, which action 3 makes from a.txt. Both start the file tool,
// whose content is given.
func small(t *testing.T, tool []byte) *checker {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "small.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g, err := actiongraph.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	g.Actions[1].Environment = nil // it has Bazel's default environment
	dir := t.TempDir()
	m := machine{files: files{workspace: filepath.Join(dir, "workspace"), external: filepath.Join(dir, "base", "external"), store: filepath.Join(dir, "store")}}
	m.dirs = []place{{"the workspace's directory", m.files.workspace}, {"the user's home", "/home/anna"}}
	for _, d := range []string{m.files.workspace, m.files.external, m.files.store} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(m.files.workspace, "a.txt"), []byte("a"), 0o644)
	write(t, filepath.Join(m.files.workspace, "b.txt"), []byte("b"), 0o644)
	write(t, filepath.Join(m.files.workspace, "tool"), tool, 0o755)
	return newChecker(g, m)
}

func write(t *testing.T, name string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, data, mode); err != nil {
		t.Fatal(err)
	}
}

// program returns an ELF program that is static or, changed, asks for a loader.
func program(t *testing.T, dynamic bool) []byte {
	t.Helper()
	head := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_AARCH64), Version: uint32(elf.EV_CURRENT), Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1, Shentsize: 64,
	}
	loader := "/lib/ld.so\x00"
	segment := elf.Prog64{Type: uint32(elf.PT_NOTE), Off: 120, Filesz: uint64(len(loader)), Memsz: uint64(len(loader))}
	if dynamic {
		segment.Type = uint32(elf.PT_INTERP)
	}
	var b bytes.Buffer
	for _, part := range []any{head, segment, []byte(loader)} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestSmall(t *testing.T) {
	c := small(t, program(t, false))
	c.check()
	if err := c.errors(); err != nil {
		t.Fatalf("got %v, want no finding", err)
	}
	for _, want := range []string{"| Small | 2 | `tool` | generated 3, workspace 4 | `LEVEL=1` | `-out` |", "ELF aarch64, static", "on the client: FileWrite 2."} {
		if !strings.Contains(c.table(), want) {
			t.Errorf("no %q in\n%s", want, c.table())
		}
	}
}

// TestFindings makes one mistake in a graph, and wants exactly it.
func TestFindings(t *testing.T) {
	add := func(a *actiongraph.Action, name, value string) {
		a.Environment = append(a.Environment, actiongraph.Variable{Name: name, Value: value})
	}
	argument := func(word func(c *checker) string) func(*checker) {
		return func(c *checker) { c.graph.Actions[1].Arguments = append(c.graph.Actions[1].Arguments, word(c)) }
	}
	fixed := func(word string) func(*checker) { return argument(func(*checker) string { return word }) }
	rename := func(to string) func(*checker) {
		return func(c *checker) {
			i := slices.IndexFunc(c.graph.Files, func(f actiongraph.File) bool { return f.Path == "b.txt" })
			c.graph.Files[i].Path = to
		}
	}
	for name, tt := range map[string]struct {
		mistake func(c *checker)
		want    string
	}{
		"workspace":    {argument(func(c *checker) string { return "-I" + c.machine.files.workspace }), "has the workspace's directory"},
		"home":         {fixed("--cache=/home/anna/x"), "has the user's home"},
		"absolute":     {fixed("-L/usr/lib"), `has the absolute path "/usr/lib"`},
		"list":         {fixed("x:/opt/y"), `has the absolute path "/opt/y"`},
		"parameters":   {func(c *checker) { c.graph.Actions[1].ParamFiles = []string{"/etc/x"} }, `has the absolute path "/etc/x"`},
		"user":         {func(c *checker) { add(&c.graph.Actions[1], "USER", "anna") }, "variable USER"},
		"PATH":         {func(c *checker) { add(&c.graph.Actions[1], "PATH", "/bin:/usr/bin:/usr/local/bin") }, "variable PATH"},
		"variable":     {func(c *checker) { add(&c.graph.Actions[1], "ROOT", "/opt/go") }, `variable ROOT has the absolute path "/opt/go"`},
		"no sandbox":   {func(c *checker) { c.graph.Actions[1].Requirements = []actiongraph.Variable{{Name: "no-sandbox"}} }, `requirement "no-sandbox"`},
		"platforms":    {func(c *checker) { c.graph.Actions[1].Platform = "//:other" }, "2 execution platforms"},
		"no platform":  {func(c *checker) { c.graph.Actions[1].Platform, c.graph.Actions[3].Platform = "", "" }, "no execution platform"},
		"program":      {func(c *checker) { c.graph.Actions[1].Arguments[0] = "/bin/sh" }, `its program "/bin/sh" is not one of its inputs`},
		"above":        {rename("../b.txt"), "is outside of the execution root"},
		"outside":      {rename("/etc/passwd"), "is outside of the execution root"},
		"made by none": {rename("bazel-out/b.txt"), "is made by no action"},
		"missing":      {rename("c.txt"), "cannot be read"},
		"written":      {func(c *checker) { c.graph.Actions[0].Content = "cd /home/anna && ls" }, "which Bazel writes, has the user's home"},
		"manifest":     {func(c *checker) { c.graph.Actions[0].Mnemonic = "SourceSymlinkManifest" }, "has the paths of the client"},
	} {
		t.Run(name, func(t *testing.T) {
			c := small(t, program(t, false))
			tt.mistake(c)
			c.check()
			err := c.errors()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestNoFinding has what looks like a path of the machine, and is none.
func TestNoFinding(t *testing.T) {
	for _, word := range []string{"https://example.com/usr", "cmd/home/anna.go", "-p=a/usr/b", "x/home/anna/y", "//label:x"} {
		c := small(t, program(t, false))
		c.graph.Actions[1].Arguments = append(c.graph.Actions[1].Arguments, word)
		c.check()
		if err := c.errors(); err != nil {
			t.Errorf("%s: got %v", word, err)
		}
	}
}

// TestFiles: what an input is on disk.
func TestFiles(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	write(t, outside, nil, 0o644)
	for name, tt := range map[string]struct {
		tool  []byte
		place func(c *checker, at string) error // replaces b.txt
		want  string                            // empty for no finding
	}{
		"store": {program(t, false), func(c *checker, at string) error {
			write(t, filepath.Join(c.machine.files.store, "blob"), nil, 0o644)
			return os.Symlink(filepath.Join(c.machine.files.store, "blob"), at)
		}, ""},
		"link out":  {program(t, false), func(_ *checker, at string) error { return os.Symlink(outside, at) }, `is a link to "` + outside + `", which only this machine has`},
		"directory": {program(t, false), func(_ *checker, at string) error { return os.Mkdir(at, 0o755) }, "is a directory"},
		"script":    {[]byte("#!/bin/sh\n"), nil, "is a script"},
		"dynamic":   {program(t, true), nil, `needs the loader "/lib/ld.so"`},
	} {
		t.Run(name, func(t *testing.T) {
			c := small(t, tt.tool)
			if tt.place != nil {
				at := filepath.Join(c.machine.files.workspace, "b.txt")
				if err := os.Remove(at); err != nil {
					t.Fatal(err)
				}
				if err := tt.place(c, at); err != nil {
					t.Fatal(err)
				}
			}
			c.check()
			switch err := c.errors(); {
			case tt.want == "" && err != nil:
				t.Errorf("got %v, want no finding", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
