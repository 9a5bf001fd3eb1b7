package gitsource

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

const (
	sha1Digits   = 40
	sha256Digits = 64
	minDigits    = 7 // of an abbreviation
)

// check returns what is wrong with a Want, before anything is requested.
func (w *Want) check() error {
	var err error
	switch w.SHA = strings.ToLower(w.SHA); {
	case !validURL(w.URL):
		err = errNoURL
	case w.Branch != "" && !validRef(w.Branch):
		err = fmt.Errorf("branch %q: not a valid name of a branch", w.Branch)
	case w.Tag != "" && !validRef(w.Tag):
		err = fmt.Errorf("tag %q: not a valid name of a tag", w.Tag)
	case w.Ref != "" && (!validRef(w.Ref) || !strings.HasPrefix(w.Ref, "refs/")):
		err = fmt.Errorf("ref %q: want the full name, such as refs/heads/master", w.Ref)
	case w.Tag != "" && (w.Branch != "" || w.SHA != ""):
		err = errors.New("want a tag, or else a branch or a commit, not both")
	case w.Branch == "" && w.Tag == "" && w.SHA == "":
		err = errors.New("want a branch, a tag or a commit")
	case w.SHA != "" && (len(w.SHA) < minDigits || len(w.SHA) > sha256Digits || !isHex(w.SHA)):
		err = fmt.Errorf("commit %q: want %d to %d hexadecimal digits, or %d", w.SHA, minDigits, sha1Digits, sha256Digits)
	}
	if err != nil {
		return w.wrap(err)
	}
	return nil
}

var errNoURL = errors.New("want a URL, HOST:PATH, or a path")

func validURL(s string) bool {
	return s != "" && s[0] != '-' && (!strings.Contains(s, "::") || strings.Contains(s, "[")) &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// wrap adds to an error what was wanted, with the URL as it was given, without secrets.
func (w *Want) wrap(err error) error {
	what := ""
	switch {
	case w.Branch != "" && w.SHA != "":
		what = fmt.Sprintf("commit %s of branch %q of ", w.SHA, w.Branch)
	case w.Branch != "":
		what = fmt.Sprintf("branch %q of ", w.Branch)
	case w.Tag != "":
		what = fmt.Sprintf("tag %q of ", w.Tag)
	case w.SHA != "":
		what = fmt.Sprintf("commit %s of ", w.SHA)
	}
	return fmt.Errorf("reading %s%q: %w", what, redact(w.URL), err)
}

// hide removes the URL's secrets from git's output. A user without a password is a token,
// except for ssh.
func (w *Want) hide(text string) string {
	u, err := url.Parse(w.URL)
	if err != nil || u.User == nil {
		return text
	}
	secret, ok := u.User.Password()
	encoded := strings.TrimPrefix(u.User.String(), url.User(u.User.Username()).String()+":")
	if !ok && strings.HasPrefix(u.Scheme, "http") {
		secret = u.User.Username()
	}
	for _, s := range []string{secret, encoded} {
		if secret != "" && s != "" {
			text = strings.ReplaceAll(text, s, "xxxxx")
		}
	}
	return text
}

// ref returns the full name of the wanted or known ref, or "".
func (w *Want) ref() string {
	switch {
	case w.Branch != "":
		return "refs/heads/" + w.Branch
	case w.Tag != "":
		return "refs/tags/" + w.Tag
	}
	return w.Ref
}

// whole reports whether SHA is not abbreviated.
func (w *Want) whole() bool { return len(w.SHA) == sha1Digits || len(w.SHA) == sha256Digits }

// address returns the URL for git: a relative path is made absolute.
func (w *Want) address(dir string) string {
	colon, slash := strings.Index(w.URL, ":"), strings.Index(w.URL, "/")
	if colon >= 0 && (slash < 0 || colon < slash) || filepath.IsAbs(w.URL) {
		return w.URL // a URL, or HOST:PATH
	}
	abs, err := filepath.Abs(filepath.Join(cmp.Or(dir, "."), filepath.FromSlash(w.URL)))
	if err != nil {
		return w.URL
	}
	return abs
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// ValidTag reports whether a name is valid for a tag (git-check-ref-format(1)).
func ValidTag(name string) bool { return name != "" && validRef(name) }

// validRef follows git check-ref-format: git could read anything else as a pattern, a
// refspec or an expression.
func validRef(s string) bool {
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	bad := func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\`, r) }
	return s != "@" && s[0] != '-' && !strings.HasSuffix(s, ".") && !strings.Contains(s, "..") && !strings.Contains(s, "@{") &&
		!strings.ContainsFunc(s, bad)
}
