// Package deb reads the metadata of a Debian package, and control data in general
// (https://manpages.debian.org/deb.5, https://www.debian.org/doc/debian-policy/ch-controlfields.html).
package deb

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/archive"
)

// Limits on a package, which is not trusted.
const (
	maxControl = 1 << 20 // bytes of the file control
	maxFields  = 1000    // of a paragraph
	maxMember  = 64 << 20
)

// A Field is a field of a paragraph. The value has the lines that continue it, as they are
// written.
type Field struct{ Name, Value string }

// A Paragraph is a paragraph of control data: a package in an index, or the file control.
type Paragraph []Field

// Get returns the value of a field, by its name in any case; empty if there is none.
func (p Paragraph) Get(name string) string {
	for _, f := range p {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// String returns the paragraph as a file has it, without the empty line after it.
func (p Paragraph) String() string {
	var b strings.Builder
	for _, f := range p {
		b.WriteString(f.Name + ":")
		if f.Value != "" && f.Value[0] != '\n' {
			b.WriteByte(' ')
		}
		b.WriteString(f.Value + "\n")
	}
	return b.String()
}

// Parse parses paragraphs of at most 1,000 fields, which empty lines separate.
func Parse(data []byte) ([]Paragraph, error) {
	var all []Paragraph
	var now Paragraph
	var last []string         // the lines of the last field's value
	seen := map[string]bool{} // names of fields in lower case
	end := func() {
		if len(now) > 0 {
			now[len(now)-1].Value = strings.Join(last, "\n")
		}
	}
	for n, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSuffix(line, "\r")
		name, value, ok := strings.Cut(line, ":")
		switch {
		case strings.TrimSpace(line) == "":
			if end(); len(now) > 0 {
				all = append(all, now)
			}
			now = nil
			clear(seen)
		case line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			if len(now) == 0 {
				return nil, fmt.Errorf("line %d: got a continuation without a field", n+1)
			}
			last = append(last, strings.TrimRight(line, " \t"))
		case !ok || !fieldName.MatchString(name):
			return nil, fmt.Errorf("line %d: got %.100q, want FIELD: VALUE", n+1, line)
		case seen[strings.ToLower(name)]:
			return nil, fmt.Errorf("line %d: duplicate field %.100q", n+1, name)
		case len(now) == maxFields:
			return nil, fmt.Errorf("line %d: more than %d fields in a paragraph", n+1, maxFields)
		default:
			end()
			now, last = append(now, Field{Name: name}), []string{strings.TrimSpace(value)}
			seen[strings.ToLower(name)] = true
		}
	}
	if end(); len(now) > 0 {
		all = append(all, now)
	}
	return all, nil
}

var (
	fieldName    = regexp.MustCompile(`^[!-9;-~]+$`)
	packageName  = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
	versionText  = regexp.MustCompile(`^([0-9]+:)?[0-9][A-Za-z0-9.+~:-]*$`)
	architecture = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
)

// Read reads the control data of a package. It stops reading after that.
func Read(r io.Reader) (Paragraph, error) {
	data, err := control(r)
	if err != nil {
		return nil, err
	}
	all, err := Parse(data)
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("got %d paragraphs, want one", len(all))
	}
	if err != nil {
		return nil, fmt.Errorf("parsing control: %w", err)
	}
	p := all[0]
	for _, f := range []struct {
		name string
		rule *regexp.Regexp
	}{{"Package", packageName}, {"Version", versionText}, {"Architecture", architecture}} {
		if got := p.Get(f.name); !f.rule.MatchString(got) || len(got) > 200 {
			return nil, fmt.Errorf("parsing control: %s: got %.200q, want a valid one", f.name, got)
		}
	}
	return p, nil
}

// control returns the file control in the member control.tar of an ar archive.
func control(r io.Reader) ([]byte, error) {
	magic := make([]byte, 8)
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != "!<arch>\n" {
		return nil, errors.New("not a Debian package: it is not an ar archive")
	}
	for n := 0; n < 10; n++ {
		head := make([]byte, 60)
		if _, err := io.ReadFull(r, head); err != nil || string(head[58:]) != "`\n" {
			return nil, fmt.Errorf("not a Debian package: member %d of the archive is cut or not one", n+1)
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(head[48:58])), 10, 64)
		name := strings.TrimSuffix(strings.TrimSpace(string(head[:16])), "/")
		if err != nil || size < 0 {
			return nil, fmt.Errorf("not a Debian package: size of %q: got %.10q", name, head[48:58])
		}
		member := io.LimitReader(r, size)
		switch {
		case n == 0 && name != "debian-binary":
			return nil, fmt.Errorf("not a Debian package: its first member is %q, want debian-binary", name)
		case strings.HasPrefix(name, "control.tar"):
			return fromTar(member, name)
		}
		if size > maxMember {
			return nil, fmt.Errorf("not a Debian package: member %q of %d bytes is before control.tar", name, size)
		}
		if _, err := io.CopyN(io.Discard, r, size+size%2); err != nil {
			return nil, fmt.Errorf("reading member %q: %w", name, err)
		}
	}
	return nil, errors.New("not a Debian package: it has no control.tar")
}

func fromTar(r io.Reader, name string) ([]byte, error) {
	r, err := decompressed(r, path.Ext(name))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	t := tar.NewReader(io.LimitReader(r, maxMember))
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil, fmt.Errorf("%s has no file control", name)
		} else if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		if path.Clean(h.Name) != "control" {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(t, maxControl+1))
		if err == nil && len(data) > maxControl {
			err = fmt.Errorf("control has more than %d bytes", maxControl)
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		return bytes.TrimRight(data, "\x00"), nil
	}
}

func decompressed(r io.Reader, ext string) (io.Reader, error) {
	switch ext {
	case ".tar":
		return r, nil
	case ".gz", ".xz", ".zst":
		z, err := archive.Decompress(bufio.NewReader(r))
		if err == nil && z == nil {
			err = errors.New("it is not compressed")
		}
		return z, err
	}
	return nil, fmt.Errorf("got the compression %q, want none, .gz, .xz or .zst", ext)
}
