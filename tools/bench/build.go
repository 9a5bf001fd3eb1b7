package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/environ"
)

// buildGoal is how much of plain go build's time a cold build may take.
const buildGoal = 1.1

// buildTargets are the toolbox line's programs, and what go build calls them:
// the source's repository and the packages in it.
var (
	buildTargets  = []string{"//release/toolbox:age", "//release/toolbox:age-keygen", "//release/toolbox:crane"}
	buildPackages = map[string][]string{
		"toolbox_age":   {"./cmd/age", "./cmd/age-keygen"},
		"toolbox_crane": {"./cmd/crane"},
	}
	buildPlatforms = []string{"linux/amd64", "linux/arm64", "linux/arm", "darwin/amd64", "darwin/arm64", "windows/amd64"}
)

// buildBench builds the 18 programs of the toolbox line with everything fetched
// and nothing built: with Bazel, sandboxed and without its disk cache, and with
// the same SDK's go build, one call for each platform and source.
type buildBench struct {
	root     string // of the checkout
	base     string // Bazel's output base
	external string // the fetched repositories
	dir      string
	progress func(format string, args ...any)
}

func buildBenchmark() Benchmark {
	return Benchmark{
		Name: "build",
		Run: func(ctx context.Context, e *Env) ([]Row, error) {
			root, err := checkout(ctx)
			if err != nil {
				return nil, err
			}
			b := &buildBench{root: root, base: filepath.Join(e.Dir, "base"), dir: e.Dir, progress: e.Logf}
			b.external = filepath.Join(b.base, "external")
			defer b.stop()
			e.Logf("fetching everything")
			if err := b.bazel(ctx, "build", "--nobuild"); err != nil {
				return nil, err
			}
			times, err := e.Race(ctx,
				Contender{"tools/bazel build", func(ctx context.Context) error { return b.bazel(ctx, "build") }},
				Contender{"go build", b.goBuild})
			if err != nil {
				return nil, err
			}
			return []Row{AtMostTimes("18 programs, cold, against go build with an empty cache", times[0], times[1], buildGoal)}, nil
		},
	}
}

// bazel builds cold: `clean` throws away what was built, not what was fetched.
func (b *buildBench) bazel(ctx context.Context, verb string, flags ...string) error {
	for _, args := range [][]string{{"clean"}, append(append([]string{verb, "--disk_cache="}, flags...), buildTargets...)} {
		cmd := environ.Command(ctx, environ.User(), filepath.Join(b.root, "tools", "bazel"), append([]string{"--output_base=" + b.base}, args...)...)
		cmd.Dir = b.root
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("running bazel %q: %w\n%s", args, err, tail(out))
		}
	}
	return nil
}

func (b *buildBench) stop() {
	cmd := environ.Command(context.Background(), environ.User(), filepath.Join(b.root, "tools", "bazel"), "--output_base="+b.base, "shutdown")
	cmd.Dir = b.root
	if err := cmd.Run(); err != nil {
		b.progress("stopping Bazel: %v", err)
	}
	// What Bazel fetched and built may be read-only.
	_ = environ.Command(context.Background(), environ.Tool(), "chmod", "-R", "u+w", b.base).Run()
}

// goBuild builds what bazel does, from the same vendored sources.
func (b *buildBench) goBuild(ctx context.Context) error {
	cache, err := os.MkdirTemp(b.dir, "gocache-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	for _, platform := range buildPlatforms {
		goos, goarch, _ := strings.Cut(platform, "/")
		for source, packages := range buildPackages {
			args := append([]string{"build", "-mod=vendor", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(b.dir, "out", goos+goarch) + "/"}, packages...)
			env := environ.Go("GOOS="+goos, "GOARCH="+goarch, "GOARM=7", "GOCACHE="+cache, "GOPATH="+b.dir, "GOPROXY=off")
			cmd := environ.Command(ctx, env, filepath.Join(b.external, "go_sdk_files", "bin", "go"), args...)
			cmd.Dir = filepath.Join(b.external, source)
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("running go %q: %w\n%s", args, err, tail(out))
			}
		}
	}
	return nil
}

// checkout returns the root of this module's checkout.
func checkout(ctx context.Context) (string, error) {
	out, err := environ.Command(ctx, environ.User(), "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("finding the checkout: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// tail returns the last lines of what a command printed.
func tail(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
