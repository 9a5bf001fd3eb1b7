package gitsource

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// CheckRemote refuses URLs that git cannot push to here, and URLs with secrets. The error has
// no part of the URL.
func CheckRemote(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return errors.New("the repository's URL cannot be parsed")
	}
	_, password := u.User.Password()
	switch {
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "ssh" && u.Scheme != "file":
		return errors.New("the repository's URL has an unknown scheme: want https, http, ssh or file")
	case password || u.User != nil && u.Scheme != "ssh":
		return hint.With(errors.New("the repository's URL has credentials in it"), "leave them to git's credential helper, or to ssh-agent")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(s, " "):
		return errors.New(`the repository's URL has "?", "#" or a space in it`)
	case u.Scheme == "file" && (u.Host != "" && u.Host != "localhost" || u.Path == ""):
		return errors.New("the repository's file URL has no absolute path")
	}
	return nil
}

// Directory returns the directory of a file URL; empty for others.
func Directory(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "file" {
		return ""
	}
	path := u.Path
	if runtime.GOOS == "windows" && len(path) > 2 && path[2] == ':' {
		path = path[1:] // /C:/…
	}
	return filepath.FromSlash(path)
}

// Missing reports whether the repository in a directory has to be created; never without a
// directory.
func Missing(dir string) (bool, error) {
	if dir == "" {
		return false, nil
	}
	switch entries, err := os.ReadDir(dir); {
	case errors.Is(err, os.ErrNotExist):
		return true, nil
	case err != nil:
		return false, err
	default:
		return len(entries) == 0, nil
	}
}
