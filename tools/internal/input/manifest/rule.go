package manifest

import (
	"errors"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/mod/module"
)

// rule is what a text must be.
type rule struct {
	want string
	// check returns what is wrong with a text, or "".
	check func(s string) string
}

var (
	anyRule     = rule{"text", func(string) string { return "" }}
	versionRule = rule{`a tag name as 1.31.0: letters, digits, ".", "_", "-"`, checkVersion}
	hubRule     = rule{"a registry prefix as docker.io/istio", checkHub}
	nameRule    = rule{`a file name of letters, digits, ".", "_", "-"`, fileName}
	webRule     = rule{"an http, https or file URL", checkWeb}

	baseRule   = rule{"a registry reference as docker.io/library/alpine:3, oci-layout:PATH or docker-archive:PATH", checkBase}
	sha256Rule = rule{"64 lower-case hexadecimal digits", checkSHA256}

	gitRule           = rule{"an http, https, ssh or file URL, user@host:path or a path", checkGit}
	refRule           = rule{"a name that git allows", checkRef}
	shaRule           = rule{"7 to 40, or 64, hexadecimal digits", checkSHA}
	pathRule          = rule{"the path of a directory", plainText}
	moduleRule        = rule{"a Go module path as github.com/owner/name", checkModule}
	moduleVersionRule = rule{"a canonical module version as v1.2.3", checkModuleVersion}
	excludeRule       = rule{"a pattern of relative paths as docs/*.md", checkExclude}
	folderRule        = rule{`a relative path of a directory as sub/tool, or "."`, checkFolder}
	variantRule       = rule{`a name of a-z, 0-9, "_"`, checkVariant}
	tagRule           = rule{`a Go build tag of letters, digits, "_", "."`, checkTag}
)

// plainText returns what keeps s from being one printable line, or "".
func plainText(s string) string {
	if s == "" {
		return "empty"
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return "has " + quote(string(r))
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

// fileName returns what keeps s from being a portable file name, or "".
func fileName(s string) string {
	if bad := plainText(s); bad != "" {
		return bad
	}
	for _, r := range s {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r) {
			return "has " + quote(string(r))
		}
	}
	switch {
	case s[0] == '.' || s[0] == '_':
		return quote(s[:1]) + " at the start"
	case strings.HasSuffix(s, "."):
		return `"." at the end`
	case len(s) > 128:
		return "more than 128 characters"
	}
	var invalid *module.InvalidPathError
	if errors.As(module.CheckFilePath(s), &invalid) {
		return invalid.Err.Error() // a name that Windows reserves
	}
	return ""
}

// ValidVersion reports whether a manifest can have s as its version.
func ValidVersion(s string) bool { return checkVersion(s) == "" }

// checkVersion wants a file name that is a git tag (git-check-ref-format) and
// a registry tag (OCI distribution specification) too.
func checkVersion(s string) string {
	if bad := fileName(s); bad != "" {
		return bad
	}
	return checkRef(s)
}

// checkRef follows git-check-ref-format(1).
func checkRef(s string) string {
	if bad := plainText(s); bad != "" {
		return bad
	}
	if i := strings.IndexAny(s, ` ~^:?*[\`); i >= 0 {
		return "has " + quote(s[i:i+1])
	}
	for _, bad := range []string{"..", "@{", "//"} {
		if strings.Contains(s, bad) {
			return "has " + quote(bad)
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
	switch bad := plainText(s); {
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
	if bad := plainText(s); bad != "" {
		return bad
	}
	return checkURL(s, "http", "https", "file")
}

var hostPath = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^-].*$`)

func checkGit(s string) string {
	bad := plainText(s)
	head, _, _ := strings.Cut(s, "/")
	switch {
	case bad != "":
		return bad
	case strings.Contains(s, "://"):
		return checkURL(s, "http", "https", "ssh", "file")
	case strings.Contains(head, ":") && !hostPath.MatchString(s):
		return `":" before a "/"`
	}
	return ""
}

var host = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$|^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*$`)

// checkURL also refuses a secret: a manifest is published with its release.
func checkURL(s string, schemes ...string) string {
	if len(s) > 2000 {
		return "more than 2000 characters"
	}
	u, err := url.Parse(s)
	if err != nil {
		return "no valid URL" // the error would show a part of it, which may be the secret
	}
	_, password := u.User.Password()
	switch {
	case !slices.Contains(schemes, u.Scheme):
		return "scheme " + quote(u.Scheme)
	case password || u.User != nil && u.Scheme != "ssh":
		return "a user in the URL"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return `"?" or "#" in the URL`
	case strings.Contains(s, " "):
		return `has " "`
	case u.Scheme == "file" && (u.Host != "" && u.Host != "localhost" || u.Path == ""):
		return "no absolute path"
	case u.Scheme != "file" && !host.MatchString(u.Hostname()):
		return "no host"
	}
	return ""
}

var hexadecimal = regexp.MustCompile(`^([0-9A-Fa-f]{7,40}|[0-9A-Fa-f]{64})$`)

func checkSHA(s string) string {
	switch bad := plainText(s); {
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
	if bad := plainText(s); bad != "" {
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
	switch bad := plainText(s); {
	case bad != "":
		return bad
	case module.CanonicalVersion(s) != s:
		return "not canonical"
	}
	return ""
}

func checkExclude(s string) string {
	bad := plainText(s)
	_, err := path.Match(s, "")
	switch {
	case bad != "":
		return bad
	case err != nil:
		return "no valid pattern"
	case path.IsAbs(s):
		return "an absolute path"
	case slices.Contains(strings.Split(s, "/"), ".."):
		return `has ".."`
	}
	return ""
}

func checkFolder(s string) string {
	bad := plainText(s)
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

// word returns what keeps s from being a word of the given characters, or "".
func word(s, characters string) string {
	if bad := plainText(s); bad != "" {
		return bad
	}
	for _, r := range s {
		if !strings.ContainsRune(characters, r) {
			return "has " + quote(string(r))
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

// reference follows the grammar of registry references, with a host that
// nobody takes for a part of the path: it has a "." or a port.
// (https://github.com/distribution/reference/blob/main/reference.go)
var reference = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?` +
	`(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$`)

func checkBase(s string) string {
	if bad := plainText(s); bad != "" {
		return bad
	}
	for _, kind := range []string{"oci-layout:", "docker-archive:"} {
		if file, ok := strings.CutPrefix(s, kind); ok {
			if bad := plainText(file); bad != "" {
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
