package gitsource

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// Errors of this package wrap one of these if the cause is known.
var (
	ErrRef           = errors.New("the branch or tag does not exist")
	ErrNoRepository  = errors.New("the repository does not exist")
	ErrNotRepository = errors.New("the directory is not a git repository")
	ErrAuth          = errors.New("the server denies access")
	ErrSilent        = errors.New("the server does not answer")
	ErrDropped       = errors.New("the connection was lost")
	ErrBusy          = errors.New("the server is unavailable")
	ErrGarbage       = errors.New("the server does not speak git's protocol")
	ErrHostKey       = errors.New("the server's host key is unknown")
	ErrDNS           = errors.New("the host cannot be found")
	ErrGone          = errors.New("the commit does not exist")
	ErrRefused       = errors.New("the server does not allow fetching a commit by its name")
	ErrNotOnBranch   = errors.New("the commit is not on the branch")
	ErrAmbiguous     = errors.New("the commit's abbreviation is ambiguous")
	ErrOwnership     = errors.New("the repository belongs to another user")
	ErrDumb          = errors.New("the server is a plain file server, or the URL is a web page")
	ErrFormat        = errors.New("the repository has another object format")
	ErrTooLarge      = errors.New("the fetch is too large")
	ErrRejected      = errors.New("the server rejects the push")
	ErrNotAtomic     = errors.New("the server cannot update several refs atomically")
	ErrNoCommon      = errors.New("the server cannot negotiate which commits it has")

	errNoneSince = errors.New("no commit is that recent")
	// errShallow is errNoneSince from a server by http.
	errShallow = errors.New("the server ended before it sent objects")
)

// failure is one way in which git fails.
type failure struct {
	text  string // a regular expression for git's output
	err   error
	retry bool
	hint  string
}

const pageHint = "check the URL: it may be a web page"

// failures are tried in order: the first that matches counts.
func failures() []failure {
	return []failure{
		{`attempting to allocate \d+ over limit|Out of memory|size_t overflow|too large to fit into`, ErrTooLarge, false, ""},
		{`mismatched algorithms`, ErrFormat, false, ""},
		{`dubious ownership`, ErrOwnership, false, "if you trust it, run git config --global --add safe.directory DIRECTORY"},
		{`dumb http transport does not support`, ErrDumb, false, "check the URL; a repository has to be served by git http-backend"},
		{`no commits selected for shallow`, errNoneSince, false, ""},
		{`[Cc]ouldn't find remote ref|no such remote ref`, ErrRef, false, ""},
		{`not our ref|remote did not send all necessary objects`, ErrGone, false, "the history was rewritten after the commit was pinned: pin another commit, or push this one to the server again"},
		{`does not allow request for unadvertised object`, ErrRefused, false, "name the commit by a branch or tag that points to it"},
		{`[Hh]ost key verification failed|REMOTE HOST IDENTIFICATION`, ErrHostKey, false, "connect to the host with ssh once, or add its key to known_hosts"},
		{`[Cc]ould not resolve|Name or service not known|Temporary failure in name resolution`, ErrDNS, true, "check the host's name and the network"},
		{
			`Authentication failed|could not read (Username|Password)|Permission denied|returned error: 40[13]|access denied|HTTP Basic: Access denied`,
			ErrAuth, false, "check the credentials: git's credential helper for http, the keys in ssh-agent for ssh",
		},
		{`returned error: (429|5\d\d)`, ErrBusy, true, "try again later"},
		{
			`repository '.*' not found|does not appear to be a git repository|[Rr]epository not found|returned error: 404|not found: did you run git update-server-info`,
			ErrNoRepository, false, "check the URL and the credentials: some servers also answer this if credentials are missing",
		},
		{`Operation too slow|Operation timed out|Connection timed out|timed out`, ErrSilent, true, "try again later"},
		{`RPC failed; curl|HTTP/2 stream|transfer closed|bytes missing`, ErrDropped, true, "try again later"},
		{`error processing shallow info`, errShallow, false, ""},
		{`bad line length|not valid: is this a git repository|signature mismatch|bad pack header|bad band|pack is corrupted`, ErrGarbage, false, pageHint},
		{
			`early EOF|hung up unexpectedly|unexpected disconnect|[Cc]onnection (reset|closed|refused)|Empty reply|[Cc]ould not connect|Failed to connect|` +
				`Couldn't connect|Broken pipe|expected flush|unexpected end of file`,
			ErrDropped, true, "try again later",
		},
		{`protocol error|[Ii]nvalid pack|bad pack|index-pack failed|unable to parse|malformed|unknown response|expected '|inflate`, ErrGarbage, false, pageHint},
		{`transport '.*' not allowed`, ErrNoRepository, false, "want http, https, ssh or file"},
	}
}

// gitError is a failed run of git, with its output.
type gitError struct {
	kind  error // one of the above; nil if not known
	text  string
	retry bool
	err   error // of the process
}

func (e *gitError) Error() string {
	switch {
	case e.kind == nil && e.text == "":
		return fmt.Sprintf("git: %v", e.err)
	case e.kind == nil:
		return fmt.Sprintf("git: %s (%v)", environ.Said(e.text), e.err)
	case e.text == "":
		return fmt.Sprintf("%v: %v", e.kind, e.err)
	}
	return fmt.Sprintf("%v: git says: %s", e.kind, environ.Said(e.text))
}

func (e *gitError) Unwrap() []error {
	var all []error
	for _, err := range []error{e.kind, e.err} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// explain makes an error from the output of a failed run of git.
func explain(err error, stderr string) error {
	text := clean(stderr)
	for _, f := range failures() {
		if regexp.MustCompile(f.text).MatchString(text) {
			e := &gitError{kind: f.err, text: text, retry: f.retry, err: err}
			if f.hint == "" {
				return e
			}
			return hint.With(e, "%s", f.hint)
		}
	}
	return &gitError{text: text, err: err}
}

// temporary reports whether another try may help.
func temporary(err error) bool {
	var e *gitError
	return errors.As(err, &e) && e.retry
}

// exitStatus reports whether git exited with a status.
func exitStatus(err error, status int) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == status
}

// maxText is how much of git's output an error repeats, in bytes.
const maxText = 800

// clean returns git's output without progress, advice, secrets and control characters.
func clean(stderr string) string {
	var kept []string
	for line := range strings.FieldsFuncSeq(stderr, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "remote: "))
		if line == "" || noise(line) || len(kept) > 0 && kept[len(kept)-1] == line {
			continue
		}
		kept = append(kept, line)
	}
	text := redact(strings.Join(kept, "\n"))
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxText {
		text = text[:maxText] + "…"
	}
	return strings.ToValidUTF8(text, "?")
}

// redact hides the credentials in every URL in s. The user name of an ssh URL is not a
// credential.
func redact(s string) string {
	userinfo := regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*)://([^/\s]*)@`)
	return userinfo.ReplaceAllStringFunc(s, func(match string) string {
		m := userinfo.FindStringSubmatch(match)
		if strings.Contains(m[1], "ssh") && !strings.Contains(m[2], ":") {
			return match
		}
		return m[1] + "://xxxxx@"
	})
}
