package environ

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// asked are the go command's settings for downloads: where from, with which credentials,
// and which database verifies them.
var asked = []string{"GOAUTH", "GOINSECURE", "GONOPROXY", "GONOSUMDB", "GOPRIVATE", "GOPROXY", "GOSUMDB", "GOVCS"}

// GoDownloads asks a go command for the user's download settings, from variables or from
// the file that go env -w writes. The result is for a go command that may use the network:
// those settings by name, and everything else that it needs to reach a server. Other
// settings do not matter, even those that the go command rejects.
func GoDownloads(ctx context.Context, command string) (map[string]string, error) {
	// An empty variable would let the file decide.
	env := list(pass(ofAll|ofGoAsked), neutral, goEnvFile(), []string{
		"CGO_ENABLED=0", "GO111MODULE=on", "GOEXPERIMENT=none", "GOFIPS140=off", "GOFLAGS=-modcacherw", "GOPATH=" + os.TempDir(),
		"GOTOOLCHAIN=local", "GOWORK=off",
	}, goroot(command))
	out, err := output(Command(ctx, env, command, append([]string{"env", "-json"}, asked...)...))
	if err != nil {
		return nil, fmt.Errorf("asking the go command where to download from: %w", err)
	}
	settings := map[string]string{}
	if err := json.Unmarshal(out, &settings); err != nil {
		return nil, fmt.Errorf("asking the go command where to download from: reading its answer: %w", err)
	}
	// Few modules are fetched by git, so a missing or broken git is not an error here.
	access, _ := GitAccess(ctx, "git")
	for _, s := range list(pass(ofNetwork|ofGit), git, access) {
		name, value, _ := strings.Cut(s, "=")
		settings[name] = value
	}
	return settings, nil
}

// goEnvFile says where the file is that go env -w writes. A go command that found it by
// itself, below HOME, would write telemetry there too, and start a process for it that
// outlives the command.
func goEnvFile() []string {
	dir, err := os.UserConfigDir()
	if err != nil || os.Getenv("GOENV") != "" {
		return nil
	}
	return []string{"GOENV=" + filepath.Join(dir, "go", "env")}
}

// List returns settings as NAME=VALUE, sorted.
func List(settings map[string]string) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		all = append(all, name+"="+settings[name])
	}
	return all
}

// goroot returns the GOROOT that contains a go command, or "". The file that go env -w
// writes may name another.
func goroot(command string) []string {
	path, err := exec.LookPath(command)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err == nil {
		path, err = filepath.Abs(path)
	}
	root := filepath.Dir(filepath.Dir(path))
	if _, statErr := os.Stat(filepath.Join(root, "src", "runtime")); err != nil || statErr != nil {
		return nil
	}
	return []string{"GOROOT=" + root}
}

// accessKeys are the keys of git's configuration for reaching servers; one that ends in a
// dot is a whole section. safe.directory lists the repositories that a user trusts.
var accessKeys = []string{"core.askpass", "core.sshcommand", "credential.", "credentialcache.", "credentialstore.", "http.", "safe.directory", "ssh.variant", "url."}

// GitAccess asks git for what the user's configuration (https://git-scm.com/docs/git-config#SCOPES:
// system, global, and the variables GIT_CONFIG_COUNT and so on) says about reaching servers,
// and returns it as variables for Git. Versions of git before 2.32 do not know these
// variables, and read the whole configuration.
func GitAccess(ctx context.Context, command string) ([]string, error) {
	env := list(pass(ofAll|ofNetwork|ofGit|ofOwn), neutral, []string{"GIT_DIR=" + os.DevNull}, count())
	out, err := output(Command(ctx, env, command, "config", "--list", "--includes", "-z"))
	if err != nil {
		return nil, fmt.Errorf("reading git's configuration: %w", err)
	}
	var entries [][2]string
	for entry := range bytes.SplitSeq(out, []byte{0}) {
		key, value, valued := strings.Cut(string(entry), "\n")
		if !slices.ContainsFunc(accessKeys, func(k string) bool { return key == k || strings.HasSuffix(k, ".") && strings.HasPrefix(key, k) }) {
			continue
		}
		if !valued {
			value = "true" // as git has a key alone
		}
		entries = append(entries, [2]string{key, value})
	}
	return configuration(entries), nil
}

// tokenVariable has a token for git's credential helper. Arguments can be seen by other users
// of the machine; this cannot.
const tokenVariable = "RELEASE_GIT_TOKEN"

// GitToken adds to the result of GitAccess that git authenticates with a token at a server,
// such as https://git.example, and nowhere else. It goes before the user's own helpers.
func GitToken(access []string, server, token string) []string {
	n := 0
	for _, s := range access {
		if count, ok := strings.CutPrefix(s, "GIT_CONFIG_COUNT="); ok {
			n, _ = strconv.Atoi(count) // configuration wrote it
		}
	}
	key := "credential." + server + ".helper"
	helper := `!f() { test "$1" != get || printf 'username=x-access-token\npassword=%s\n' "$` + tokenVariable + `"; }; f`
	access = append(slices.Clone(access), tokenVariable+"="+token)
	for _, value := range []string{"", helper} { // an empty one drops those before
		access = append(access, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", n, key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", n, value))
		n++
	}
	return append(access, fmt.Sprintf("GIT_CONFIG_COUNT=%d", n))
}

// count returns GIT_CONFIG_COUNT, lowered to the number of variables that exist: git fails
// if one is missing.
func count() []string {
	n, err := strconv.Atoi(os.Getenv("GIT_CONFIG_COUNT"))
	if err != nil {
		n = 0
	}
	for i := range n {
		_, key := os.LookupEnv(fmt.Sprintf("GIT_CONFIG_KEY_%d", i))
		_, value := os.LookupEnv(fmt.Sprintf("GIT_CONFIG_VALUE_%d", i))
		if !key || !value {
			n = i
			break
		}
	}
	return []string{"GIT_CONFIG_COUNT=" + strconv.Itoa(max(n, 0))}
}

// output runs a command. Its error includes the command's standard error.
func output(cmd *exec.Cmd) ([]byte, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if said := Said(stderr.String()); err != nil && said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return out, err
}
