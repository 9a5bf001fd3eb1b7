//go:build linux

package hostile

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
	"github.com/jasonwzm/release-builder/tools/internal/testing/gittest"
)

func gitClient() *gitsource.Client {
	return &gitsource.Client{Timeout: 5 * time.Second, Attempts: 1, MaxFetch: 64 << 20}
}

// fetchCommit fetches a commit from a server and makes a tar of it.
func fetchCommit(c *cell) error {
	w := gitsource.Want{URL: c.vars["url"], SHA: c.vars["commit"], Branch: c.vars["branch"], Tag: c.vars["tag"]}
	repo, err := gitClient().Fetch(c.ctx, w)
	if err != nil {
		return err
	}
	defer repo.Close()
	return packCommit(c, repo)
}

// packLocal makes a tar of the repository in the directory in.
func packLocal(c *cell) error {
	repo, err := gitsource.OpenLocal(c.ctx, "", c.in("git"))
	if err != nil {
		return err
	}
	return packCommit(c, repo)
}

func packCommit(c *cell, repo *gitsource.Repo) error {
	r, w := io.Pipe()
	sum := make(chan error)
	go func() {
		_, _, err := digest.FromReader(r)
		sum <- err
	}()
	var exclude []string
	if c.vars["exclude"] != "" {
		exclude = []string{c.vars["exclude"]}
	}
	tree, err := repo.WriteTar(c.ctx, w, exclude)
	w.CloseWithError(err)
	<-sum
	if err == nil {
		c.say("%d files, submodules %v, LFS %q, %q", tree.Files, tree.Submodules, tree.LFS, tree.CaseCollisions)
	}
	return err
}

type (
	treeEntry = gittest.TreeEntry
	tree      = []treeEntry
)

// gitWorld makes objects in the repository of all trees.
type gitWorld struct {
	*gittest.Repo
	blob string
	dir  string // a tree with the file x
}

func (g *gitWorld) file(name string) treeEntry {
	return treeEntry{Mode: "100644", Name: name, ID: g.blob}
}

func (g *gitWorld) folder(name string) treeEntry {
	return treeEntry{Mode: "40000", Name: name, ID: g.dir}
}

func (g *gitWorld) link(name, target string) treeEntry {
	return treeEntry{Mode: "120000", Name: name, ID: g.Blob(target)}
}

// trees are trees that git stores although they are not valid trees of files.
func trees() []hazard {
	var all []hazard
	add := func(name, want string, entries func(p *prep, g *gitWorld) tree) {
		h := hazard{name: name, want: "packing commit {commit}: " + want, feed: fetchCommit, prepare: func(p *prep) {
			g := p.world.trees()
			branch := fmt.Sprintf("b%x", digest.FromBytes([]byte(name)).Short())
			p.set("url", p.world.server().URL("trees"))
			p.set("commit", g.CommitTree(branch, g.Tree(entries(p, g)...)))
		}}
		if other, ok := strings.CutPrefix(want, "!"); ok { // it fails before that
			h.want = other
		}
		if report, ok := strings.CutPrefix(want, "report: "); ok {
			h.want, h.report = "", report
		}
		all = append(all, h)
	}
	plain := func(name, want string, entries func(g *gitWorld) tree) {
		add(name, want, func(_ *prep, g *gitWorld) tree { return entries(g) })
	}
	file := func(name, path, want string) {
		plain(name, want, func(g *gitWorld) tree { return tree{g.file(path)} })
	}
	folder := func(name, path, want string) {
		plain(name, want, func(g *gitWorld) tree { return tree{g.folder(path)} })
	}
	folder("up", "..", `path "../x": the path leaves the tree`)
	file("up, a file", "..", `path "..": the path leaves the tree`)
	folder("dot", ".", `path "./x": the path is not clean`)
	add("absolute", `path "{outside}/x": the path leaves the tree`, func(p *prep, g *gitWorld) tree { return tree{g.file(p.outside + "/x")} })
	file("slashes in a name", "a/../../x", `path "a/../../x": the path leaves the tree`)
	file("backslash", `..\x`, `path "..\\x": the name has a backslash`)
	folder("git directory", ".git", `path ".git/x": ".git" is a git directory's name`)
	file("git directory that is a file", ".git", `path ".git": ".git" is a git directory's name`)
	folder("git directory in capitals", ".gIT", `path ".gIT/x": ".gIT" is a git directory's name`)
	folder("git directory's short name", "GIT~1", `path "GIT~1/x": "GIT~1" is a git directory's name`)
	folder("git directory with dots and spaces", ".git. .", `path ".git. ./x": ".git. ." is a git directory's name`)
	folder("git directory with an ignorable", ".g\u200cit", `path ".g\u200cit/x": ".g\u200cit" is a git directory's name`)
	folder("git directory as a stream", ".git::$INDEX_ALLOCATION", `path ".git::$INDEX_ALLOCATION/x": ".git::$INDEX_ALLOCATION" is a git directory's name`)
	plain("git directory as a submodule", `path ".git": ".git" is a git directory's name`, func(g *gitWorld) tree { return tree{{Mode: "160000", Name: ".git", ID: g.blob}} })
	plain("twice", `duplicate path "a"`, func(g *gitWorld) tree { return tree{g.file("a"), g.file("a")} })
	plain("not sorted", `path "a": the tree is not sorted: it comes after "b"`, func(g *gitWorld) tree { return tree{g.file("b"), g.file("a")} })
	plain("file and directory", `path "a/x": "a" is not a directory`, func(g *gitWorld) tree { return tree{g.file("a"), g.folder("a")} })
	plain("file and directory, apart", `path "a/x": "a" is not a directory`, func(g *gitWorld) tree { return tree{g.file("a"), g.file("a-b"), g.folder("a")} })
	plain("link and directory", `path "a/x": "a" is not a directory`, func(g *gitWorld) tree { return tree{g.link("a", "b"), g.folder("a")} })
	plain("link out", `symbolic link "a" leaves the tree: it points to "../x"`, func(g *gitWorld) tree { return tree{g.link("a", "../x")} })
	add("link out, absolute", `symbolic link "a" leaves the tree: it points to "{outside}/x"`, func(p *prep, g *gitWorld) tree { return tree{g.link("a", p.outside+"/x")} })
	plain("chain of links out", `symbolic link "out" leaves the tree`, func(g *gitWorld) tree {
		sub := g.Tree(g.link("up", ".."))
		return tree{{Mode: "40000", Name: "d", ID: sub}, g.link("here", "d"), g.link("out", "here/up/../x")}
	})
	plain("link out by its target's link", `symbolic link "a" leaves the tree: it points to "b/../x"`, func(g *gitWorld) tree { return tree{g.link("a", "b/../x"), g.link("b", "..")} })
	plain("zero byte in a link", `symbolic link "a": the target is longer than 4096 bytes, or has a zero byte`, func(g *gitWorld) tree { return tree{g.link("a", "b\x00c")} })
	plain("link of a megabyte", `symbolic link "a": its target has 1000000 bytes: want 1 to 4096`, func(g *gitWorld) tree { return tree{g.link("a", strings.Repeat("b/", 500_000))} })
	plain("empty link", `symbolic link "a": its target has 0 bytes`, func(g *gitWorld) tree { return tree{g.link("a", "")} })
	file("long name", strings.Repeat("n", 5000), `path "`+strings.Repeat("n", 200)+`": the path has more than 4096 bytes`)
	file("very long name", strings.Repeat("n", 200_000), `path "`+strings.Repeat("n", 100)+`"… has more than 8192 bytes`)
	file("escape codes", "..\x1b]0;owned\a\n\x1b[2J/../../x", `path "..\x1b]0;owned\a\n\x1b[2J/../../x": the path leaves the tree`)
	plain("directory that is a file", `!reading commit {commit} of "{url}": the server does not speak git's protocol`, func(g *gitWorld) tree { return tree{{Mode: "40000", Name: "a", ID: g.blob}} })
	plain("equal but for case", `report: 4 files, submodules [], LFS [], [["A" "a"] ["K" "`+"\u212a"+`"]]`, func(g *gitWorld) tree {
		return tree{g.file("A"), g.file("K"), g.file("a"), g.file("\u212a")}
	})
	plain("submodule", `report: 1 files, submodules [{sub 1111111111111111111111111111111111111111}]`, func(g *gitWorld) tree {
		return tree{g.file(".gitmodules"), {Mode: "160000", Name: "sub", ID: strings.Repeat("1", 40)}}
	})
	plain("LFS", `report: 1 files, submodules [], LFS ["big.bin"]`, func(g *gitWorld) tree {
		id := g.Blob("version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("4d", 32) + "\nsize 12345\n")
		return tree{{Mode: "100644", Name: "big.bin", ID: id}}
	})
	add("exclude what is hostile", `report: 1 files`, func(p *prep, g *gitWorld) tree {
		p.set("exclude", "*.")
		return tree{g.folder(".."), g.file("a")}
	})
	add("exclude a part of what is hostile", `path "../x": the path leaves the tree`, func(p *prep, g *gitWorld) tree {
		p.set("exclude", "docs")
		return tree{g.folder(".."), g.file("docs")}
	})
	add("exclude pattern that takes long", `report: 1 files`, func(p *prep, g *gitWorld) tree {
		p.set("exclude", strings.Repeat("**/*a*/", 20)+"b")
		return tree{g.file(strings.Repeat("a/", 1500) + "c")}
	})
	return all
}

// trees returns the repository of all trees.
func (w *world) trees() *gitWorld {
	w.treesOnce.Do(func() {
		r := w.server().Repo("trees")
		g := &gitWorld{Repo: r, blob: r.Blob("evil")}
		g.dir = r.Tree(g.file("x"))
		w.treesRepo = g
	})
	return w.treesRepo
}
