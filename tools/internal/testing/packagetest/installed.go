package packagetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// Installed has the program rpm install packages in a root directory, and remove some. It
// returns the database, which is in SQLite, and what rpm says of what is left, in the query
// format.
func Installed(tb testing.TB, queryFormat string, packages []Package, removed ...string) (database, says string) {
	tb.Helper()
	rpm := readers.Find(tb, "rpm")
	root := tb.TempDir()
	run := func(args ...string) string {
		args = append([]string{"--root", root, "--define", "_db_backend sqlite", "--define", "_dbpath /var/lib/rpm"}, args...)
		cmd := exec.CommandContext(tb.Context(), rpm, args...)
		cmd.Env = append(os.Environ(), "HOME="+root) // with the user's macros it may do anything
		out, err := cmd.Output()
		if err != nil {
			tb.Fatalf("rpm %q: %v\n%s", args, err, err.(*exec.ExitError).Stderr)
		}
		return string(out)
	}
	run("--initdb")
	var names []string
	for _, p := range packages {
		p.Format = "rpm"
		name := filepath.Join(root, filepath.Base(p.Path()))
		check(tb, os.WriteFile(name, []byte(Make(tb, p)), 0o600))
		names = append(names, name)
	}
	if len(names) > 0 {
		run(append([]string{"-i", "--nodeps", "--noscripts", "--ignorearch", "--nosignature", "--justdb"}, names...)...)
	}
	if len(removed) > 0 {
		run(append([]string{"-e", "--nodeps", "--noscripts", "--justdb"}, removed...)...)
	}
	says = run("-qa", "--qf", queryFormat)
	data, err := os.ReadFile(filepath.Join(root, "var/lib/rpm/rpmdb.sqlite"))
	check(tb, err)
	return string(data), says
}
