package gitsource

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// What can go wrong. Errors of this package wrap one of these where it is known.
var (
	ErrRef           = errors.New("the branch or tag is not there")
	ErrNoRepository  = errors.New("there is no such repository")
	ErrNotRepository = errors.New("the directory is no git repository")
	ErrAuth          = errors.New("the server refuses access")
	ErrSilent        = errors.New("the server is silent")
	ErrDropped       = errors.New("the connection broke")
	ErrBusy          = errors.New("the server cannot answer now")
	ErrGarbage       = errors.New("the server does not speak git's protocol")
	ErrHostKey       = errors.New("the server's host key is not known")
	ErrDNS           = errors.New("the host's name is not known")
	ErrGone          = errors.New("the commit is not there")
	ErrRefused       = errors.New("the server gives no commit by its name")
	ErrNotOnBranch   = errors.New("the commit is not on the branch")
	ErrAmbiguous     = errors.New("the commit's name is ambiguous")
	ErrOwnership     = errors.New("the repository belongs to somebody else")
	ErrDumb          = errors.New("the server is a plain file server, or the URL that of a page for people")
	ErrFormat        = errors.New("the repository has another object format")
	ErrTooLarge      = errors.New("the fetch is too large")
	ErrRejected      = errors.New("the server takes no such push")
	ErrNotAtomic     = errors.New("the server cannot take several refs as one")
	ErrNoCommon      = errors.New("the server does not say which commits it has")

	errNoneSince = errors.New("no commit is that young")
	// errShallow is how a server says errNoneSince through http.
	errShallow = errors.New("the server ended before it sent objects")
)

// failure is one way in which git fails.
type failure struct {
	text  string // a regular expression for what git says
	err   error
	retry bool
	hint  string
}

const pageHint = "check the URL: it may be that of a page for people"

// failures are in order: the first that matches counts.
func failures() []failure {
	return []failure{
		{`attempting to allocate \d+ over limit|Out of memory|size_t overflow|too large to fit into`, ErrTooLarge, false, ""},
		{`mismatched algorithms`, ErrFormat, false, ""},
		{`dubious ownership`, ErrOwnership, false, "git config --global --add safe.directory FOLDER, if you trust it"},
		{`dumb http transport does not support`, ErrDumb, false, "check the URL; plain files have to be served by git http-backend"},
		{`no commits selected for shallow`, errNoneSince, false, ""},
		{`[Cc]ouldn't find remote ref|no such remote ref`, ErrRef, false, ""},
		{`not our ref|remote did not send all necessary objects`, ErrGone, false, "the history was rewritten since the commit was pinned: pin another one, or push it to the server again"},
		{`does not allow request for unadvertised object`, ErrRefused, false, "name the commit by a branch or tag that points to it"},
		{`[Hh]ost key verification failed|REMOTE HOST IDENTIFICATION`, ErrHostKey, false, "connect to the host with ssh once, or add its key to known_hosts"},
		{`[Cc]ould not resolve|Name or service not known|Temporary failure in name resolution`, ErrDNS, true, "look at the host's name and at the network"},
		{
			`Authentication failed|could not read (Username|Password)|Permission denied|returned error: 40[13]|access denied|HTTP Basic: Access denied`,
			ErrAuth, false, "check the credentials: git's credential helper for http, the keys in ssh-agent for ssh",
		},
		{`returned error: (429|5\d\d)`, ErrBusy, true, "try again later"},
		{
			`repository '.*' not found|does not appear to be a git repository|[Rr]epository not found|returned error: 404|not found: did you run git update-server-info`,
			ErrNoRepository, false, "check the URL; some servers say so where credentials are missing",
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

// gitError is a run of git that failed, with what it said.
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
		return fmt.Sprintf("git: %s (%v)", e.text, e.err)
	case e.text == "":
		return fmt.Sprintf("%v: %v", e.kind, e.err)
	}
	return fmt.Sprintf("%v: git says: %s", e.kind, e.text)
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

// explain makes an error of what git said on its way out.
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

// temporary tells whether another try may help.
func temporary(err error) bool {
	var e *gitError
	return errors.As(err, &e) && e.retry
}

// exitStatus tells whether git ended with a status.
func exitStatus(err error, status int) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == status
}

// maxText is how much of what git says an error repeats, in bytes.
const maxText = 800

// clean returns what git said in one line, without progress, advice and secrets.
func clean(stderr string) string {
	var kept []string
	for line := range strings.FieldsFuncSeq(stderr, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "remote: "))
		if line == "" || noise(line) || len(kept) > 0 && kept[len(kept)-1] == line {
			continue
		}
		kept = append(kept, line)
	}
	text := redact(strings.Join(kept, "; "))
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxText {
		text = text[:maxText] + "…"
	}
	return strings.ToValidUTF8(text, "?")
}

// redact hides the credentials in every URL in s. The user name of an ssh URL
// is none.
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
