package initialize

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/mod/module"

	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/runfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/source/gomod"
)

const exports = `exports_files(
    glob(["*"]),
    visibility = ["//visibility:public"],
)
`

const destinations = `# Where this line is published. Secrets do not belong here: each service has its own place for them.

# tools/bazel run //release:publish -- --stage
# It needs no account and no server: {state} is a directory on your machine.
stage:
  # latest is the highest version that is not a pre-release. Each series has its own alias.
  aliases: {latest: stable, "{major}.{minor}": stable}
  buckets:
    - url: file://{state}/bucket
      aliases: [latest, "{major}.{minor}"]

# If you add a profile production, it accepts only what is on the stage:
# tools/bazel run //release:promote -- VERSION --production
`

// manifest returns a manifest with the one source.
func (o *options) manifest(ctx context.Context) ([]byte, error) {
	d := manifest.Dependency{Name: dependencyName(o.module + o.git), Primary: true}
	version := "0.1.0"
	var err error
	if o.git != "" {
		d.Git, d.Branch, d.Tag = o.git, o.branch, o.tag
		if d.Branch+d.Tag == "" {
			d.Branch, err = mainBranch(ctx, o.git)
		}
		if v := strings.TrimPrefix(d.Tag, "v"); manifest.ValidVersion(v) {
			version = v
		}
		fmt.Fprintf(o.stdout, "source: %s, %s%s\n", d.Git, d.Branch, d.Tag)
	} else {
		if d.Module, d.Version, err = o.latest(ctx); err == nil {
			version = strings.TrimPrefix(d.Version, "v")
			fmt.Fprintf(o.stdout, "source: module %s@%s\n", d.Module, d.Version)
		}
	}
	if err != nil {
		return nil, err
	}
	text := manifest.Format(&manifest.Manifest{
		Version: version, Product: o.name, Platforms: strings.Split(o.platforms, ","), Architectures: []string{"linux/amd64", "linux/arm64"}, Dependencies: []manifest.Dependency{d},
	})
	if _, err = manifest.Parse("manifest.yaml", text); err != nil {
		err = hint.With(err, "the product comes from --name, the platforms from --platforms")
	}
	return text, err
}

// dependencyName makes a name from the last part of a path or URL that is not a major version.
func dependencyName(from string) string {
	from, _, _ = strings.Cut(from, "@v")
	from = strings.TrimSuffix(strings.TrimRight(from, "/"), ".git")
	if prefix, _, ok := module.SplitPathVersion(from); ok && prefix != "" {
		from = prefix
	}
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '-'
	}, path.Base(from))
}

// latest returns the module and its version: the one asked for, or the latest.
func (o *options) latest(ctx context.Context) (path, version string, err error) {
	path, query, ok := strings.Cut(o.module, "@")
	if !ok {
		query = "latest"
	}
	dir, err := os.MkdirTemp("", "init-*")
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(dir)
	g := &gomod.Go{Command: runfile.Real(o.goCmd), Store: o.store, Cache: dir, Log: cli.Log(o.stderr, command)}
	if version, err = g.Download(ctx, path, query); err != nil {
		return "", "", hint.With(err, "check the module's path and version, and GOPROXY")
	}
	return path, version, nil
}

// mainBranch returns main or master, whichever the repository has.
func mainBranch(ctx context.Context, url string) (string, error) {
	names := []string{"main", "master"}
	var c gitsource.Client
	refs, err := c.Refs(ctx, url, "refs/heads/"+names[0], "refs/heads/"+names[1])
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if refs["refs/heads/"+name] != "" {
			return name, nil
		}
	}
	return "", hint.With(fmt.Errorf("%s has no branch %s", url, strings.Join(names, " or ")), "pass --branch or --tag")
}
