package destinations

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// token returns GitHub's token. A release without one is an error before
// anything is asked.
func (o *opener) token() (string, error) {
	if o.TokenFile != "" {
		o.warnReadable(o.TokenFile)
		data, err := fileio.ReadLimited(o.TokenFile, 64<<10)
		if err != nil {
			return "", fmt.Errorf("reading GitHub's token: %w", err)
		}
		token := strings.TrimSpace(string(data))
		if token == "" || strings.ContainsAny(token, " \t\r\n") {
			return "", fmt.Errorf("reading GitHub's token from %q: want one word", o.TokenFile)
		}
		return token, nil
	}
	for _, name := range []string{"GITHUB_TOKEN", "GH_TOKEN"} {
		if token := strings.TrimSpace(o.Env(name)); token != "" {
			return token, nil
		}
	}
	if o.Tree == nil {
		return "", nil // what is public can be verified without
	}
	return "", hint.With(errors.New("no token for GitHub"), "say --githubtoken FILE, or set GITHUB_TOKEN or GH_TOKEN; it needs to write contents")
}

// warnReadable warns if others can read a file with credentials.
func (o *opener) warnReadable(name string) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return
	}
	o.Log("warning: others can read %s, which has credentials: chmod 600 %s", name, name)
}

func (o *opener) warnDocker(hub string) {
	if strings.HasPrefix(hub, "file:") {
		return
	}
	dir := o.Env("DOCKER_CONFIG")
	if dir == "" {
		dir = filepath.Join(o.Env("HOME"), ".docker")
	}
	o.warnReadable(filepath.Join(dir, "config.json"))
}

func (o *opener) warnBucket(url string) {
	home := o.Env("HOME")
	var names []string
	switch {
	case strings.HasPrefix(url, "gs:"):
		names = []string{o.Env("GOOGLE_APPLICATION_CREDENTIALS"), filepath.Join(home, ".config", "gcloud", "application_default_credentials.json")}
	case strings.HasPrefix(url, "s3:"):
		names = []string{o.Env("AWS_SHARED_CREDENTIALS_FILE"), filepath.Join(home, ".aws", "credentials")}
	default:
		return
	}
	for _, name := range names {
		if name != "" {
			o.warnReadable(name)
			return
		}
	}
}
