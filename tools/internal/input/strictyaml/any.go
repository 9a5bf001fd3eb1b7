package strictyaml

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Limits bound the cost of a file that [Any] reads.
type Limits struct {
	Size int // in bytes
	// Entries are the keys and values, and what looks like them in text. A node takes about
	// 400 bytes of memory.
	Entries int
}

// maxBrackets is the number of open brackets that the YAML parser itself accepts.
const maxBrackets = 10_000

// Any returns the root of the only document of a file that somebody else wrote: any YAML, with
// anchors, aliases, tags, tabs and duplicate keys. The error is an *Error with the name of the
// file, and the line where there is one.
func Any(name string, data []byte, most Limits) (*yaml.Node, error) {
	p := New(name, "YAML")
	if len(data) > most.Size {
		p.ErrorAt(0, 0, "file has %d bytes, want at most %d", len(data), most.Size)
		return nil, p.Err()
	}
	if bad := invalid(data); bad < len(data) {
		p.ErrorAt(1+bytes.Count(data[:bad], []byte("\n")), 0, "byte 0x%02x is not UTF-8", data[bad])
		return nil, p.Err()
	}
	p.bound(data, bounds{most.Entries, maxBrackets, false})
	if len(p.errs) > 0 {
		return nil, p.Err()
	}
	root, second, err := decode(data)
	switch {
	case errors.Is(err, io.EOF):
		p.ErrorAt(0, 0, "file is empty")
	case err != nil:
		line := 0
		if m := position.FindStringSubmatch(err.Error()); m != nil {
			line, _ = strconv.Atoi(m[1])
		}
		p.ErrorAt(line, 0, "invalid YAML: %s", reason(err))
	case second != nil:
		p.ErrorAt(second.Line, 0, "a second document starts here, want one")
	}
	return root, p.Err()
}

// invalid returns the offset of the first byte that is not UTF-8, or the length.
func invalid(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}

// reason returns the YAML parser's message without the line. It may quote the file.
func reason(err error) string {
	const limit = 200
	msg := position.ReplaceAllString(err.Error(), "")
	if len(msg) > limit {
		msg = msg[:limit] + "…"
	}
	quoted := strconv.Quote(strings.ToValidUTF8(msg, "?"))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
