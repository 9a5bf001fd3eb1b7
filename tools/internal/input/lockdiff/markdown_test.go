package lockdiff

import (
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
)

func TestMarkdown(t *testing.T) {
	git := func(name, url, commit string) lock.Dependency {
		return lock.Dependency{Name: name, Git: &lock.Git{URL: url, Commit: commit}}
	}
	module := func(name, path, version string) lock.Dependency {
		return lock.Dependency{Name: name, Module: &lock.Module{Path: path, Version: version}}
	}
	old := &lock.Lock{Product: "istio", Version: "1.1.0", Dependencies: []lock.Dependency{
		git("api", "https://github.com/istio/api", oldCommit), git("gone", "https://github.com/istio/gone.git", oldCommit),
		module("helm", "helm.sh/helm/v3", "v3.1.0"), git("moved", "https://github.com/istio/moved", oldCommit),
		git("ssh", "ssh://user:secret@git.example.com/a/b/c", oldCommit),
	}}
	new := &lock.Lock{Product: "istio", Version: "1.2.0", Dependencies: []lock.Dependency{
		git("api", "https://github.com/istio/api", newCommit), module("helm", "helm.sh/helm/v3", "v3.2.0"),
		git("moved", "https://github.com/other/moved", oldCommit), git("new_one", "https://github.com/istio/new_one", oldCommit),
		git("ssh", "ssh://user:secret@git.example.com/a/b/c", oldCommit),
		{Name: "x|@y", Local: &lock.Local{Path: "/home/somebody/x"}},
	}}
	const first = "istio 1.2.0 was built from:\n" + `
| Source | Revision |
| --- | --- |
| [api](https://github.com/istio/api) | [` + "`b1b1b1b1b1b1`](https://github.com/istio/api/commit/b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1)" + ` |
| helm ` + "`helm.sh/helm/v3` | `v3.2.0`" + ` |
| [moved](https://github.com/other/moved) | [` + "`a0a0a0a0a0a0`](https://github.com/other/moved/commit/a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0)" + ` |
| [new\_one](https://github.com/istio/new_one) | [` + "`a0a0a0a0a0a0`](https://github.com/istio/new_one/commit/a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0)" + ` |
| ssh ` + "`ssh://git.example.com/a/b/c` | `a0a0a0a0a0a0`" + ` |
` + "| x\\|@\u200by |  |\n"
	if got := Markdown(nil, new); got != first {
		t.Errorf("got\n%s\nwant\n%s", got, first)
	}
	const second = "istio 1.2.0 was built from:\n" + `
| Source | Revision | Since 1.1.0 |
| --- | --- | --- |
| [api](https://github.com/istio/api) | [` + "`b1b1b1b1b1b1`](https://github.com/istio/api/commit/b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1)" +
		" | [`a0a0a0a0a0a0`…`b1b1b1b1b1b1`](https://github.com/istio/api/compare/a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0...b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1)" + ` |
| helm ` + "`helm.sh/helm/v3` | `v3.2.0` | `v3.1.0`…`v3.2.0`" + ` |
| [moved](https://github.com/other/moved) | [` + "`a0a0a0a0a0a0`](https://github.com/other/moved/commit/a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0)" +
		" | was [`a0a0a0a0a0a0`](https://github.com/istio/moved/commit/a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0) of [moved](https://github.com/istio/moved)" + ` |
| [new\_one](https://github.com/istio/new_one) | [` + "`a0a0a0a0a0a0`](https://github.com/istio/new_one/commit/a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0)" + ` | new |
| ssh ` + "`ssh://git.example.com/a/b/c` | `a0a0a0a0a0a0`" + ` | unchanged |
` + "| x\\|@\u200by |  | new |\n" +
		"| [gone](https://github.com/istio/gone) | | removed, was [`a0a0a0a0a0a0`](https://github.com/istio/gone/commit/a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0) |\n"
	if got := Markdown(old, new); got != second {
		t.Errorf("got\n%s\nwant\n%s", got, second)
	}
	old.Toolchain = lock.Toolchain{Bazel: "7.7.1", Go: lock.GoSDK{Version: "1.26.7"}}
	new.Toolchain = lock.Toolchain{Bazel: "7.7.1", Go: lock.GoSDK{Version: "1.26.8"}}
	base := func(content string) []lock.Image {
		d := digest.FromBytes([]byte(content))
		return []lock.Image{{Name: "app", Base: "docker.io/library/debian:12", Digest: d, Platforms: []lock.ImagePlatform{{Platform: "linux/amd64", Digest: d}}}}
	}
	old.Images, new.Images = base("1"), base("2")
	new.Files = []lock.File{{Name: "helm", Platform: "linux-amd64", URL: "https://me:secret@example.com/helm", Digest: digest.FromBytes(nil)}}
	const third = `
Also changed since 1.1.0:

| Input | Before | Now |
| --- | --- | --- |
| base of image app | ` + "`docker.io/library/debian:12 sha256:6b86b273ff34` | `docker.io/library/debian:12 sha256:d4735e3a265e`" + ` |
| file helm for linux-amd64 |  | ` + "`https://example.com/helm sha256:e3b0c44298fc`" + ` |
| Go | ` + "`1.26.7` | `1.26.8`" + ` |
`
	if got := Markdown(old, new); got != second+third {
		t.Errorf("got\n%s\nwant\n%s", got, second+third)
	}
}
