package pkgmanager

import (
	"regexp"
	"strings"
)

var (
	// versionLine is where each kind of file says its version: the key alone on a line, or
	// before it.
	versionLine = regexp.MustCompile(`(?m)^[ \t]*"?(version|pkgver|PackageVersion)"?[ \t]*[:=]?[ \t]*["']?v?([0-9][^"'\s,;]*)`)
	scriptLine  = regexp.MustCompile(`(?m)^# Installs \S+ (\S+)\.$`)
)

// Version returns the version in a file of a package manager, which may be of others than
// Write; empty if it has none.
func Version(content []byte) string {
	if m := versionLine.FindSubmatch(content); m != nil {
		if string(m[1]) == "pkgver" {
			return strings.ReplaceAll(string(m[2]), "_", "-")
		}
		return string(m[2])
	}
	if m := scriptLine.FindSubmatch(content); m != nil {
		return string(m[1])
	}
	return ""
}
