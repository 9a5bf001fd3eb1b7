package compare

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// format is the format of a file according to its first bytes.
type format string

const (
	formatGzip   format = "gzip"
	formatZstd   format = "zstd"
	formatXz     format = "xz"
	formatTar    format = "tar"
	formatZip    format = "zip"
	formatELF    format = "ELF"
	formatMachO  format = "Mach-O"
	formatPE     format = "PE"
	formatText   format = "text"
	formatBinary format = "binary"
	formatEmpty  format = "empty"
)

// sniffSize includes the magic number of a tar, which is at byte 257.
const sniffSize = 512

func sniff(c content) (format, error) {
	head := make([]byte, min(sniffSize, c.size))
	if _, err := io.ReadFull(c.reader(), head); err != nil {
		return "", err
	}
	return formatOf(head), nil
}

func formatOf(head []byte) format {
	for _, m := range []struct {
		magic  string
		format format
	}{
		{"\x1f\x8b\x08", formatGzip}, {"\x28\xb5\x2f\xfd", formatZstd}, {"\xfd7zXZ\x00", formatXz}, {"PK\x03\x04", formatZip}, {"PK\x05\x06", formatZip},
		{"\x7fELF", formatELF}, {"\xfe\xed\xfa\xce", formatMachO}, {"\xfe\xed\xfa\xcf", formatMachO},
		{"\xce\xfa\xed\xfe", formatMachO}, {"\xcf\xfa\xed\xfe", formatMachO}, {"MZ", formatPE},
	} {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.format
		}
	}
	switch {
	case len(head) == 0:
		return formatEmpty
	case len(head) >= 262 && string(head[257:262]) == "ustar":
		return formatTar
	case isText(head):
		return formatText
	}
	return formatBinary
}

// isText reports whether data, which may end within a character, is text.
func isText(data []byte) bool {
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		if r == utf8.RuneError && n == 1 {
			return len(data) < utf8.UTFMax && !utf8.FullRune(data)
		}
		if r < ' ' && r != '\n' && r != '\t' && r != '\r' && r != '\f' && r != '\x1b' {
			return false
		}
		data = data[n:]
	}
	return true
}
