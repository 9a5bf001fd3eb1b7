package proxytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// goVariable names the go command as a runfile. BUILD files set it.
const goVariable = "RELEASE_TEST_GO"

// GoCommand returns the path of the go command that tests run: the runfile that
// RELEASE_TEST_GO names, or the one on PATH. Its directory's parent is its GOROOT.
func GoCommand(t testing.TB) string {
	t.Helper()
	var path string
	var err error
	if name := os.Getenv(goVariable); name != "" {
		path, err = runfiles.Rlocation(name)
	} else {
		path, err = exec.LookPath("go")
	}
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		t.Fatalf("finding the go command: %v", err)
	}
	return path
}

// Environ returns variables that make a go command keep its files below dir, and read only
// those and the modules of proxy, a GOPROXY list. There is no HOME, so that the go command
// starts no telemetry process, which would outlive it.
func Environ(dir, proxy string) map[string]string {
	return map[string]string{
		"GOCACHE":         filepath.Join(dir, "go-build"),
		"GOENV":           "off",
		"GOFLAGS":         "-modcacherw", // otherwise the test could not remove its directory
		"GOINSECURE":      "",
		"GONOPROXY":       "",
		"GONOSUMDB":       "",
		"GOPATH":          filepath.Join(dir, "go"),
		"GOPRIVATE":       "",
		"GOPROXY":         proxy,
		"GOROOT":          "",
		"GOSUMDB":         "off",
		"GOTOOLCHAIN":     "local",
		"GOVCS":           "*:off",
		"GOWORK":          "off",
		"HOME":            "",
		"RELEASE_CACHE":   dir, // like GOCACHE, for the project's own go commands
		"XDG_CACHE_HOME":  "",
		"XDG_CONFIG_HOME": "",
	}
}

// Setenv sets the variables of Environ, with a temporary directory, until the test ends.
func Setenv(t testing.TB, proxy string) {
	t.Helper()
	for name, value := range Environ(t.TempDir(), proxy) {
		t.Setenv(name, value)
	}
}
