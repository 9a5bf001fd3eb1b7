package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

// buildGoal is the maximum time of a cold build, as a multiple of go install's.
const buildGoal = 1.1

// buildTargets are the programs of the toolbox line. buildPackages are their packages for go
// install, by module of the lock.
var (
	buildTargets  = []string{"//release/toolbox:age", "//release/toolbox:age-keygen", "//release/toolbox:crane"}
	buildPackages = map[string][]string{
		"filippo.io/age":                         {"/cmd/age", "/cmd/age-keygen"},
		"github.com/google/go-containerregistry": {"/cmd/crane"},
	}
	buildPlatforms = []string{"linux/amd64", "linux/arm64", "linux/arm", "darwin/amd64", "darwin/arm64", "windows/amd64"}
)

// buildBench builds the 18 programs of the toolbox line with everything fetched and nothing
// built: with Bazel, sandboxed and without its disk cache, and with go install of the same
// SDK, one call for each platform and source. Both give the same bytes: see tools/rebuild.
type buildBench struct {
	root     string // of the checkout
	base     string // Bazel's output base
	external string // the fetched repositories
	dir      string
	versions map[string]string // of the modules, by path
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
			if err := b.prepare(ctx); err != nil {
				return nil, err
			}
			times, err := e.Race(ctx,
				Contender{"tools/bazel build", func(ctx context.Context) error { return b.bazel(ctx, "build") }},
				Contender{"go install", b.goInstall})
			if err != nil {
				return nil, err
			}
			return []Row{AtMostTimes("18 programs, cold, against go install with an empty cache", times[0], times[1], buildGoal)}, nil
		},
	}
}

// bazel builds cold: `clean` deletes what was built, but not what was fetched.
func (b *buildBench) bazel(ctx context.Context, verb string, flags ...string) error {
	for _, args := range [][]string{{"clean"}, append(append([]string{verb, "--disk_cache="}, flags...), buildTargets...)} {
		cmd := environ.Command(ctx, environ.User(), filepath.Join(b.root, "tools", "bazel"), append([]string{"--output_base=" + b.base}, args...)...)
		cmd.Dir = b.root
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("running bazel %q: %w\n%s", args, err, tail(string(out)))
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

// prepare fetches the inputs of both.
func (b *buildBench) prepare(ctx context.Context) error {
	l, err := lock.Read(filepath.Join(b.root, "manifests", "toolbox", "lock.json"))
	if err != nil {
		return err
	}
	b.versions = map[string]string{}
	for _, d := range l.Dependencies {
		if d.Module != nil {
			b.versions[d.Module.Path] = d.Module.Version
		}
	}
	if err := b.bazel(ctx, "build", "--nobuild"); err != nil {
		return err
	}
	user, err := environ.GoDownloads(ctx, b.goCommand())
	if err != nil {
		return err
	}
	return b.install(ctx, environ.List(user), "-n") // reads the imports of each platform without building
}

func (b *buildBench) goCommand() string {
	return filepath.Join(b.external, "go_sdk_files", "bin", "go")
}

// modules returns the go command's module cache.
func (b *buildBench) modules() string { return filepath.Join(b.dir, "modules") }

// goInstall builds the same programs with the go command.
func (b *buildBench) goInstall(ctx context.Context) error {
	proxy := url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(b.modules(), "cache", "download"))}
	return b.install(ctx, []string{"GOPROXY=" + proxy.String(), "GOSUMDB=off"})
}

// install builds the programs with an empty build cache.
func (b *buildBench) install(ctx context.Context, settings []string, flags ...string) error {
	cache, err := os.MkdirTemp(b.dir, "gocache-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	for _, platform := range buildPlatforms {
		goos, goarch, _ := strings.Cut(platform, "/")
		for module, packages := range buildPackages {
			args := append([]string{"install", "-trimpath", "-ldflags=-s -w -buildid="}, flags...)
			for _, p := range packages {
				args = append(args, module+p+"@"+b.versions[module])
			}
			own := []string{"GOOS=" + goos, "GOARCH=" + goarch, "GOARM=7", "GOCACHE=" + cache, "GOPATH=" + b.dir, "GOMODCACHE=" + b.modules()}
			cmd := environ.Command(ctx, environ.Go(append(own, settings...)...), b.goCommand(), args...)
			cmd.Dir = b.dir
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("running go %q: %w\n%s", args, err, tail(string(out)))
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
