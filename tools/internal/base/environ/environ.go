// Package environ decides which variables of the user's environment the processes of this
// project see. Only those in its table pass, so an exported GOARCH, GIT_DIR or LANG
// changes no byte and breaks no build. What a process needs to reach servers passes:
// proxies, certificates, credentials.
//
// Command starts every process; tools/dev/layers checks that.
package environ

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// Command is exec.CommandContext with an environment, which one of the functions here
// returns. A nil environment is empty.
func Command(ctx context.Context, env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append([]string{}, env...) // for os/exec, nil would mean the user's
	return cmd
}

// Tool is the environment of a program that reads files and writes files.
func Tool(settings ...string) []string {
	return list(pass(ofAll), neutral, settings)
}

// Go is the environment of a go command that uses no network. The caller adds GOCACHE,
// GOMODCACHE and GOPATH. See GoDownloads for go commands that use the network.
func Go(settings ...string) []string {
	return list(pass(ofAll), neutral, goCommand, settings)
}

// GoInRepository is Go for a command that asks git about the repository it builds in.
func GoInRepository(settings ...string) []string {
	return Go(slices.Concat(git, settings)...)
}

// Git is the environment of git. Git then reads only a repository's own configuration and
// what GitAccess returns.
func Git(settings ...string) []string {
	return list(pass(ofAll|ofNetwork|ofGit), neutral, git, settings)
}

// Own is the environment of a program of this project that starts others or reaches
// servers: everything that any of those may see.
func Own(settings ...string) []string {
	return list(pass(ofAll|ofNetwork|ofGit|ofGoAsked|ofOwn), neutral, settings)
}

// User is the user's whole environment, for programs that run as if the user had started
// them: tools/bazel, the go command of their checkout.
func User(settings ...string) []string {
	return list(os.Environ(), settings)
}

// neutral are the settings of every program.
var neutral = []string{"LC_ALL=C"}

// goCommand are the settings of the go command. It sees no GO variables of the user's
// shell, nor the file that go env -w writes, so the others have their defaults. Without
// HOME it starts no telemetry process, which would outlive it.
var goCommand = []string{
	"CGO_ENABLED=0", "GO111MODULE=on", "GOENV=off", "GOFLAGS=-modcacherw", "GOTOOLCHAIN=local", "GOWORK=off",
}

// git are the settings of git.
var git = append([]string{
	"GIT_ATTR_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_NO_LAZY_FETCH=1",
	"GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0",
}, configuration(nil)...)

// configuration returns pairs of a key and a value as variables for git's configuration.
// Without the first two, git reads files in the user's home even if it reads no
// configuration there.
func configuration(entries [][2]string) []string {
	var settings []string
	entries = append([][2]string{{"core.attributesFile", os.DevNull}, {"core.excludesFile", os.DevNull}}, entries...)
	for i, entry := range entries {
		settings = append(settings, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, entry[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, entry[1]))
	}
	return append(settings, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(entries)))
}

// pass returns the user's settings that the table allows for any of the kinds.
func pass(kinds kind) []string {
	var passed []string
	also := strings.FieldsFunc(os.Getenv(PassVariable), func(r rune) bool { return r == ',' || r == ' ' })
	for _, setting := range os.Environ() {
		name, _, ok := strings.Cut(setting, "=")
		if ok && name != "" && (passes(name, kinds) || kinds&ofNetwork != 0 && slices.Contains(also, name) && !decided(name)) {
			passed = append(passed, setting)
		}
	}
	return passed
}

// passes reports whether the table allows a variable for any of the kinds.
func passes(name string, kinds kind) bool {
	if runtime.GOOS == "windows" {
		name = strings.ToUpper(name)
	}
	return slices.ContainsFunc(table, func(v variable) bool {
		prefix, open := strings.CutSuffix(v.name, "*")
		return v.of&kinds != 0 && (name == v.name || open && strings.HasPrefix(name, prefix))
	})
}

// decided reports whether the table alone decides about a variable.
func decided(name string) bool {
	return strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "CGO_") || strings.HasPrefix(name, "GIT_") || strings.HasPrefix(name, "LC_")
}

// list joins settings and sorts them. Of several with the same name, the last counts.
func list(groups ...[]string) []string {
	last := map[string]string{}
	for _, setting := range slices.Concat(groups...) {
		name, _, _ := strings.Cut(setting, "=")
		last[name] = setting
	}
	return slices.Sorted(maps.Values(last))
}
