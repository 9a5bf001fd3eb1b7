package gitsource

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// treeEntry is one line of git ls-tree -r -z.
type treeEntry struct {
	mode   uint32 // git's: 0100644, 0100755, 0120000, 0160000
	object string // the whole name
	path   string
}

const (
	modeFile      = 0o100644
	modeProgram   = 0o100755
	modeLink      = 0o120000
	modeSubmodule = 0o160000
)

// maxLine is more, in bytes, than the longest path that sourcetar accepts.
const maxLine = 8 << 10

// readEntry reads the next entry: "MODE TYPE NAME\tPATH\x00". It returns io.EOF at the end.
func readEntry(r *bufio.Reader) (treeEntry, error) {
	line, err := r.ReadSlice(0)
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		_, path, _ := bytes.Cut(line, []byte("\t"))
		return treeEntry{}, fmt.Errorf("path %.100q… has more than %d bytes", path, maxLine)
	case errors.Is(err, io.EOF) && len(line) > 0:
		return treeEntry{}, io.ErrUnexpectedEOF
	case err != nil:
		return treeEntry{}, err
	}
	head, path, ok := strings.Cut(string(line[:len(line)-1]), "\t")
	mode, head, _ := strings.Cut(head, " ")
	kind, object, _ := strings.Cut(head, " ")
	if !ok {
		return treeEntry{}, fmt.Errorf("git ls-tree printed %q", line)
	}
	e := treeEntry{object: object, path: path}
	if len(e.object) != sha1Digits && len(e.object) != sha256Digits || !isHex(e.object) {
		return treeEntry{}, fmt.Errorf("path %q: %q is not the name of an object", path, e.object)
	}
	switch mode + " " + kind {
	case "100644 blob":
		e.mode = modeFile
	case "100755 blob":
		e.mode = modeProgram
	case "120000 blob":
		e.mode = modeLink
	case "160000 commit":
		e.mode = modeSubmodule
	default:
		return treeEntry{}, fmt.Errorf("path %q: it is a %s of mode %s: want files, symbolic links and submodules only", path, kind, mode)
	}
	return e, nil
}
