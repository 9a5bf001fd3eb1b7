package gomod

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
)

// Devel is the version of a main module without one.
const Devel = "(devel)"

// stampGo is a version of Go that needs no module graph.
const stampGo = "1.24"

// Stamp returns the version that `go build` stamps for the module in directory root of the
// git repository dir/.git. dir needs no other files: modules are the modules' paths by
// directory, which may be ".".
func (g *Go) Stamp(ctx context.Context, dir, root string, modules map[string]string) (string, error) {
	const program = "stamped"
	for _, at := range []string{".", root} {
		if modules[at] == "" {
			continue
		}
		to := filepath.Join(dir, filepath.FromSlash(at))
		err := errors.Join(os.MkdirAll(filepath.Join(to, program), 0o755),
			os.WriteFile(filepath.Join(to, "go.mod"), fmt.Appendf(nil, "module %s\n\ngo %s\n", modules[at], stampGo), 0o644),
			os.WriteFile(filepath.Join(to, program, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o644))
		if err != nil {
			return "", err
		}
	}
	// The go command caches what it first learned about a commit.
	cache, err := os.MkdirTemp(filepath.Dir(g.Cache), "stamp-*")
	if err != nil {
		return "", err
	}
	// The commands of -n show what it would stamp.
	args := []string{"build", "-n", "-buildvcs=true", "-o", os.DevNull, "./" + program}
	env := environ.GoInRepository(append(g.own(), "GOPROXY=off", "GOMODCACHE="+cache)...)
	_, said, err := g.execBoth(ctx, filepath.Join(dir, filepath.FromSlash(root)), env, args)
	if err != nil {
		return "", fmt.Errorf("asking which version the go command stamps: %w", err)
	}
	info, err := modInfo(said)
	if err != nil {
		return "", fmt.Errorf("asking which version the go command stamps: %w", err)
	}
	// dir has no other files.
	version, _ := strings.CutSuffix(info.Main.Version, "+dirty")
	if v, ok := strings.CutSuffix(version, ".dirty"); ok && strings.HasSuffix(v, "+incompatible") {
		version = v
	}
	if !strings.HasPrefix(version, "v") {
		version = Devel
	}
	return version, nil
}

// modInfo finds the build information in the commands that `go build -n` prints.
func modInfo(commands []byte) (*debug.BuildInfo, error) {
	for line := range bytes.Lines(commands) {
		quoted, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("modinfo "))
		if !ok {
			continue
		}
		text, err := strconv.Unquote(string(quoted))
		const mark = 16 // bytes before and after it
		if err != nil || len(text) < 2*mark {
			return nil, fmt.Errorf("parsing the go command's answer: %q", quoted)
		}
		return debug.ParseBuildInfo(text[mark : len(text)-mark])
	}
	return nil, errors.New("parsing the go command's answer: it has no build information")
}
