package validate

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// plain are names of machines and users that say nothing about anyone, and are words of other
// texts.
var plain = []string{"build", "builder", "debian", "fedora", "localhost", "runner", "sandbox", "server", "ubuntu", "admin", "nobody", "vagrant"}

// secrets returns the strings that no released file may have: where it was built. A name that
// is short or a common word is in too many files that have nothing to do with this machine.
func secrets(env func(string) string, hostname func() (string, error)) map[string]string {
	found := map[string]string{}
	if name, err := hostname(); err == nil && len(name) >= 6 && !slices.Contains(plain, name) {
		found[name] = "name of this machine"
	}
	if user := env("USER"); len(user) >= 6 && !slices.Contains(plain, user) {
		found["/"+user+"/"] = "name of this user in a path"
		found[user+"@"] = "name of this user in an address"
	}
	for variable, what := range map[string]string{"HOME": "home directory of this user", "BUILD_WORKSPACE_DIRECTORY": "directory of this checkout"} {
		// A directory in the root, such as /root, is the same on many machines.
		if dir := path.Clean(filepath.ToSlash(env(variable))); path.IsAbs(dir) && strings.Count(dir, "/") > 1 {
			found[dir+"/"] = what
		}
	}
	return found
}
