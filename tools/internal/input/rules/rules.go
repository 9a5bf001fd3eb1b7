// Package rules has the rules for texts in files that people write. Each rule refuses text
// that would not be a valid file name, URL, revision or reference later. It also refuses
// secrets, because these files are published with the release.
package rules

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/input/spdx"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

// The rules, by the kind of text.
var (
	Any     = strictyaml.Rule{Want: "text", Check: func(string) string { return "" }}
	Version = strictyaml.Rule{Want: `a tag name such as 1.31.0: letters, digits, ".", "_", "-"`, Check: checkVersion}
	Hub     = strictyaml.Rule{Want: "a registry prefix such as docker.io/istio", Check: checkHub}
	Name    = strictyaml.Rule{Want: `a file name of letters, digits, ".", "_", "-"`, Check: FileName}
	Web     = strictyaml.Rule{Want: "an http, https or file URL", Check: checkWeb}

	Base   = strictyaml.Rule{Want: "a registry reference such as docker.io/library/alpine:3, oci-layout:PATH or docker-archive:PATH", Check: checkBase}
	SHA256 = strictyaml.Rule{Want: "64 lower-case hexadecimal digits", Check: checkSHA256}

	Git           = strictyaml.Rule{Want: "an http, https, ssh or file URL, user@host:path or a path", Check: checkGit}
	Ref           = strictyaml.Rule{Want: "a name that git allows", Check: checkRef}
	SHA           = strictyaml.Rule{Want: "7 to 40, or 64, hexadecimal digits", Check: checkSHA}
	Path          = strictyaml.Rule{Want: "the path of a directory", Check: PlainText}
	Module        = strictyaml.Rule{Want: "a Go module path such as github.com/owner/name", Check: checkModule}
	ModuleVersion = strictyaml.Rule{Want: "a canonical module version such as v1.2.3", Check: checkModuleVersion}
	Exclude       = strictyaml.Rule{Want: "a pattern of relative paths such as docs/*.md", Check: checkExclude}
	Folder        = strictyaml.Rule{Want: `a relative path of a directory such as sub/tool, or "."`, Check: checkFolder}
	Variant       = strictyaml.Rule{Want: `a name of a-z, 0-9, "_"`, Check: checkVariant}
	Component     = strictyaml.Rule{Want: "a Go module path, a name of dependencies or files, a package such as deb/libc6, or a prefix such as deb/...", Check: checkComponent}
	Line          = strictyaml.Rule{Want: "one printable line", Check: PlainText}
	License       = strictyaml.Rule{Want: "an SPDX licence id such as Apache-2.0", Check: checkLicense}
	Expression    = strictyaml.Rule{Want: "an SPDX licence expression such as MIT OR Apache-2.0", Check: checkExpression}
	Tag           = strictyaml.Rule{Want: `a Go build tag of letters, digits, "_", "."`, Check: checkTag}
)

// PlainText returns why s is not one printable line, or "".
func PlainText(s string) string {
	if s == "" {
		return "empty"
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return "has " + strictyaml.Quote(string(r))
		}
	}
	switch {
	case s[0] == ' ':
		return "a space at the start"
	case s[len(s)-1] == ' ':
		return "a space at the end"
	case s[0] == '-':
		return `"-" at the start`
	}
	return ""
}

// FileName returns why s is not a portable file name, or "".
func FileName(s string) string {
	if bad := PlainText(s); bad != "" {
		return bad
	}
	for _, r := range s {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r) {
			return "has " + strictyaml.Quote(string(r))
		}
	}
	switch {
	case s[0] == '.' || s[0] == '_':
		return strictyaml.Quote(s[:1]) + " at the start"
	case strings.HasSuffix(s, "."):
		return `"." at the end`
	case len(s) > 128:
		return "more than 128 characters"
	}
	var invalid *module.InvalidPathError
	if errors.As(module.CheckFilePath(s), &invalid) {
		return invalid.Err.Error() // reserved on Windows
	}
	return ""
}

// checkVersion accepts file names that are also git tags (git-check-ref-format) and registry
// tags (OCI distribution specification).
func checkVersion(s string) string {
	if bad := FileName(s); bad != "" {
		return bad
	}
	return checkRef(s)
}

// checkRef follows git-check-ref-format(1).
func checkRef(s string) string {
	if bad := PlainText(s); bad != "" {
		return bad
	}
	if i := strings.IndexAny(s, ` ~^:?*[\`); i >= 0 {
		return "has " + strictyaml.Quote(s[i:i+1])
	}
	for _, bad := range []string{"..", "@{", "//"} {
		if strings.Contains(s, bad) {
			return "has " + strictyaml.Quote(bad)
		}
	}
	for part := range strings.SplitSeq(s, "/") {
		switch {
		case part == "":
			return `"/" at the start or end`
		case part[0] == '.':
			return `"." at the start of a part`
		case strings.HasSuffix(part, ".lock"):
			return `".lock" at the end of a part`
		}
	}
	switch {
	case s == "@":
		return "reserved"
	case strings.HasSuffix(s, "."):
		return `"." at the end`
	case len(s) > 200:
		return "more than 200 characters"
	}
	return ""
}

var hub = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

func checkHub(s string) string {
	switch bad := PlainText(s); {
	case bad != "":
		return bad
	case strings.Contains(s, "://"):
		return "a URL"
	case len(s) > 200:
		return "more than 200 characters"
	case !hub.MatchString(s):
		return "no host and lower-case path"
	}
	return ""
}

func checkWeb(s string) string {
	if bad := PlainText(s); bad != "" {
		return bad
	}
	return URL(s, "http", "https", "file")
}

var hostPath = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^-].*$`)

func checkGit(s string) string {
	bad := PlainText(s)
	head, _, _ := strings.Cut(s, "/")
	switch {
	case bad != "":
		return bad
	case strings.Contains(s, "://"):
		return URL(s, "http", "https", "ssh", "file")
	case strings.Contains(head, ":") && !hostPath.MatchString(s):
		return `":" before a "/"`
	}
	return ""
}

var host = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$|^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*$`)

// URL returns why s is not a URL of one of the schemes, or "". It also refuses secrets,
// because a manifest is published with its release.
func URL(s string, schemes ...string) string {
	if len(s) > 2000 {
		return "more than 2000 characters"
	}
	u, err := url.Parse(s)
	if err != nil {
		return "not a valid URL" // the error would show a part of s, which may be a secret
	}
	_, password := u.User.Password()
	switch {
	case !slices.Contains(schemes, u.Scheme):
		return "scheme " + strictyaml.Quote(u.Scheme)
	case password || u.User != nil && u.Scheme != "ssh":
		return "a user in the URL"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return `"?" or "#" in the URL`
	case strings.Contains(s, " "):
		return `has " "`
	case u.Scheme == "file" && (u.Host != "" && u.Host != "localhost" || u.Path == ""):
		return "path is not absolute"
	case u.Scheme != "file" && !host.MatchString(u.Hostname()):
		return "no host"
	}
	return ""
}

var hexadecimal = regexp.MustCompile(`^([0-9A-Fa-f]{7,40}|[0-9A-Fa-f]{64})$`)

func checkSHA(s string) string {
	switch bad := PlainText(s); {
	case bad != "":
		return bad
	case strings.Trim(s, "0123456789abcdefABCDEF") != "":
		return "not hexadecimal"
	case !hexadecimal.MatchString(s):
		return "wrong length"
	}
	return ""
}

func checkModule(s string) string {
	if bad := PlainText(s); bad != "" {
		return bad
	}
	if err := module.CheckPath(s); err != nil {
		var invalid *module.InvalidPathError
		if errors.As(err, &invalid) {
			err = invalid.Err
		}
		return err.Error()
	}
	return ""
}

func checkModuleVersion(s string) string {
	switch bad := PlainText(s); {
	case bad != "":
		return bad
	case module.CanonicalVersion(s) != s:
		return "not canonical"
	}
	return ""
}

func checkExclude(s string) string {
	bad := PlainText(s)
	_, err := path.Match(s, "")
	switch {
	case bad != "":
		return bad
	case err != nil:
		return "not a valid pattern"
	case path.IsAbs(s):
		return "an absolute path"
	case slices.Contains(strings.Split(s, "/"), ".."):
		return `has ".."`
	}
	return ""
}

func checkFolder(s string) string {
	bad := PlainText(s)
	switch {
	case bad != "":
		return bad
	case path.IsAbs(s):
		return "an absolute path"
	case strings.Contains(s, `\`):
		return `has "\\"`
	case slices.Contains(strings.Split(s, "/"), ".."):
		return `has ".."`
	case path.Clean(s) != s:
		return "not clean"
	}
	return ""
}

const (
	lowerCase = "abcdefghijklmnopqrstuvwxyz"
	upperCase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits    = "0123456789"
)

// word returns why s is not a word of the given characters, or "".
func word(s, characters string) string {
	if bad := PlainText(s); bad != "" {
		return bad
	}
	for _, r := range s {
		if !strings.ContainsRune(characters, r) {
			return "has " + strictyaml.Quote(string(r))
		}
	}
	if len(s) > 64 {
		return "more than 64 characters"
	}
	return ""
}

func checkVariant(s string) string { return word(s, lowerCase+digits+"_") }

func checkTag(s string) string { return word(s, lowerCase+upperCase+digits+"_.") }

func checkSHA256(s string) string {
	switch bad := word(s, digits+"abcdef"); {
	case bad != "":
		return bad
	case len(s) != 64:
		return "wrong length"
	}
	return ""
}

// reference follows the grammar of registry references. Its host has a "." or a port, so that
// it cannot be mistaken for a part of the path
// (https://github.com/distribution/reference/blob/main/reference.go).
var reference = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?` +
	`(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$`)

func checkBase(s string) string {
	if bad := PlainText(s); bad != "" {
		return bad
	}
	for _, kind := range []string{"oci-layout:", "docker-archive:"} {
		if file, ok := strings.CutPrefix(s, kind); ok {
			if bad := PlainText(file); bad != "" {
				return "the path: " + bad
			}
			return ""
		}
	}
	host, _, _ := strings.Cut(s, "/")
	switch {
	case strings.Contains(s, "://"):
		return "a URL"
	case strings.Contains(host, "@"):
		return "a user in the reference"
	case len(s) > 400:
		return "more than 400 characters"
	case host == s || !strings.ContainsAny(host, ".:"):
		return "no host"
	case !reference.MatchString(s):
		return "no host, lower-case path, tag and sha256 digest"
	}
	return ""
}

// checkComponent accepts what a licence exception can be about: see tools/internal/artifact/license.
func checkComponent(s string) string {
	if bad := PlainText(s); bad != "" {
		return bad
	}
	switch name := strings.TrimSuffix(s, "/..."); {
	case strings.Contains(s, " "):
		return `has " "`
	case name == "" || name == "..." || strings.Contains(name, "..."):
		return `"..." without a prefix`
	case path.Clean(name) != name || path.IsAbs(name) || strings.HasPrefix(name, ".."):
		return "not clean"
	case len(s) > 300:
		return "more than 300 characters"
	}
	return ""
}

func checkLicense(s string) string {
	if bad := checkExpression(s); bad != "" {
		return bad
	}
	if e, err := spdx.Parse(s); err != nil || !e.IsLicense() {
		return "an expression of several"
	}
	return ""
}

func checkExpression(s string) string {
	if bad := PlainText(s); bad != "" {
		return bad
	}
	if len(s) > spdx.MaxLength {
		return fmt.Sprintf("more than %d bytes", spdx.MaxLength)
	}
	if _, err := spdx.Parse(s); err != nil {
		return errors.Unwrap(err).Error() // without the expression
	}
	return ""
}
