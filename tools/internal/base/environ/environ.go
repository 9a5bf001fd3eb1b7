// Package environ says what of the user's environment a process sees that is started
// here. What its table does not name does not pass: an exported GOARCH, a GIT_DIR or a
// LANG changes no byte and breaks no build. What a user has chosen to reach servers
// passes: proxies, certificates, credentials.
//
// Every process is started by Command, and tools/dev/layers sees to it.
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

// Command is exec.CommandContext with an environment, which is not the user's by
// default but what one of the functions here returns.
func Command(ctx context.Context, env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append([]string{}, env...) // nil would be the user's
	return cmd
}

// Tool is the environment of a program that reads files and writes files.
func Tool(settings ...string) []string {
	return list(pass(ofAll), neutral, settings)
}

// Go is the environment of a go command that opens no socket. Its caller says where
// it keeps its files: GOCACHE, GOMODCACHE and GOPATH. See GoDownloads for the others.
func Go(settings ...string) []string {
	return list(pass(ofAll), neutral, goCommand, settings)
}

// GoInRepository is Go for a command that asks git about the repository that it builds in.
func GoInRepository(settings ...string) []string {
	return Go(slices.Concat(git, settings)...)
}

// Git is the environment of git. It reads no configuration but a repository's own,
// and what GitAccess returns.
func Git(settings ...string) []string {
	return list(pass(ofAll|ofNetwork|ofGit), neutral, git, settings)
}

// Own is the environment of a program of this project that itself starts others, or
// reaches servers: all that any of those may see.
func Own(settings ...string) []string {
	return list(pass(ofAll|ofNetwork|ofGit|ofGoAsked|ofOwn), neutral, settings)
}

// User is the whole environment of the user, for a program that is to run as if they
// had started it themselves: tools/bazel, the go command of their checkout.
func User(settings ...string) []string {
	return list(os.Environ(), settings)
}

// neutral is what every program gets.
var neutral = []string{"LC_ALL=C"}

// goCommand is what the go command gets: none of the settings of the user's shell, and
// none of the file that go env -w writes. GOOS and the other GO variables that are not
// here are then what the go command was built with. With no HOME it starts no process
// for telemetry, which outlives it.
var goCommand = []string{
	"CGO_ENABLED=0", "GO111MODULE=on", "GOENV=off", "GOFLAGS=-modcacherw", "GOTOOLCHAIN=local", "GOWORK=off",
}

// git is what git gets.
var git = append([]string{
	"GIT_ATTR_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_NO_LAZY_FETCH=1",
	"GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0",
}, configuration(nil)...)

// configuration returns variables that are git's configuration, of pairs of a key and a
// value.
// Without the first two git reads files in the user's home even where it reads no
// configuration there.
func configuration(entries [][2]string) []string {
	var settings []string
	entries = append([][2]string{{"core.attributesFile", os.DevNull}, {"core.excludesFile", os.DevNull}}, entries...)
	for i, entry := range entries {
		settings = append(settings, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, entry[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, entry[1]))
	}
	return append(settings, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(entries)))
}

// pass returns the settings of the environment that the table has for any of the kinds.
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

// passes tells whether the table has a variable for any of the kinds.
func passes(name string, kinds kind) bool {
	if runtime.GOOS == "windows" {
		name = strings.ToUpper(name)
	}
	return slices.ContainsFunc(table, func(v variable) bool {
		prefix, open := strings.CutSuffix(v.name, "*")
		return v.of&kinds != 0 && (name == v.name || open && strings.HasPrefix(name, prefix))
	})
}

// decided tells whether a variable is one that the table alone decides.
func decided(name string) bool {
	return strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "CGO_") || strings.HasPrefix(name, "GIT_") || strings.HasPrefix(name, "LC_")
}

// list joins settings, sorted, the last of each name.
func list(groups ...[]string) []string {
	last := map[string]string{}
	for _, setting := range slices.Concat(groups...) {
		name, _, _ := strings.Cut(setting, "=")
		last[name] = setting
	}
	return slices.Sorted(maps.Values(last))
}
