//go:build linux

package hostile

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/input/depsfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/lock"
	"github.com/jasonwzm/release-builder/tools/internal/input/manifest"
)

// documents are manifests, locks and deps files.
func documents() []hazard {
	all := append(manifests(), locks()...)
	return append(all, depsFiles()...)
}

const goodManifest = "version: 1.0.0\ndependencies:\n  app:\n    git: https://example.com/app\n    branch: main\n"

// manifests are hostile manifest.yaml files.
func manifests() []hazard {
	var all []hazard
	add := func(name, want string, parts ...any) {
		all = append(all, hazard{
			name: "manifest: " + name, want: want, never: "hunter2",
			prepare: func(p *prep) { p.text("manifest.yaml", parts) },
			feed: func(c *cell) error {
				_, err := manifest.Read(c.in("manifest.yaml"))
				return err
			},
		})
	}
	dependency := func(name, want, lines string) { // lines from line 3
		add(name, want, "version: 1.0.0\ndependencies:\n  app:\n    "+strings.ReplaceAll(lines, "\n", "\n    ")+"\n")
	}
	add("alias bomb", `1:4: anchor "&a", want none`, bomb())
	add("alias to itself", `: `, "a: &a [*a]\n")
	add("merge keys", `3:3: merge key "<<", want the keys themselves`, "a:\n  b: c\n"+"  <<: {d: e}\n")
	add("tag", `1:10: tag "!!python/object:os.system", want none`, "version: !!python/object:os.system x\n")
	add("deep lists", `1:65: brackets 65 deep, want at most 64`, times{500_000, "["})
	add("deep mappings", `: `, times{100_000, "{a: "})
	add("deep block", `: `, times{400_000, "- "})
	add("many keys", `more than 10000 entries, want a smaller file`, times{100_000, "k%d: v\n"})
	add("large", ` reading `, times{200 << 20, "#"})
	add("control characters", `1:10: control character U+001B, want text`, "version: \x1b[2J1.0.0\n")
	add("zero byte", `1:11: control character U+0000, want text`, "version: 1\x00\n")
	add("byte order mark", `1:1: byte order mark, want plain UTF-8`, "\ufeff"+goodManifest)
	add("UTF-16", `1:1: byte 0xff is not UTF-8`, "\xff\xfev\x00e\x00r\x00")
	add("direction of text", `control character U+202E, want text`, "version: 1.0.0 # \u202egnp\n")
	add("key twice", `2:1: duplicate key "version", first on line 1`, "version: 1.0.0\nversion: 2.0.0\n"+goodManifest[15:])
	add("second document", `a second document starts here, want one`, goodManifest+"---\n"+goodManifest)
	add("version that is a path", `1:10: version: got "../../x" (has "/")`, "version: ../../x\n"+goodManifest[15:])
	add("name that is a path", `: dependencies: name: got "../x" (has "/")`, "version: 1.0.0\ndependencies:\n  ../x: {localpath: x}\n")
	add("names that make one repository", `makes the same repository as dependency "a-b"`, "version: 1.0.0\ndependencies:\n  a-b: {localpath: x}\n  a.b: {localpath: x}\n")
	dependency("secret in a URL", `4:10: dependency "app": git: got "https://…@example.com/app" (a user in the URL)`, "git: https://me:hunter2@example.com/app\nbranch: main")
	dependency("token in a URL", `(a user in the URL)`, "git: https://hunter2@example.com/app\nbranch: main")
	dependency("secret in a query", `("?" or "#" in the URL)`, "git: https://example.com/app?token=x\nbranch: main")
	dependency("command as a URL", `git: got "ext::sh -c touch% /`, "git: ext::sh -c touch% {base}/x\nbranch: main")
	dependency("transport as a URL", `git: got "fd::17" (":" before a "/")`, "git: fd::17\nbranch: main")
	dependency("option as a URL", `git: got "--upload-pack=touch x" ("-" at the start)`, "git: --upload-pack=touch x\nbranch: main")
	dependency("option as a host", `(no host)`, "git: ssh://-oProxyCommand=x/app\nbranch: main")
	dependency("option as a host of scp", `("-" at the start)`, "git: -oProxyCommand=x:app/y\nbranch: main")
	dependency("option as a branch", `branch: got "-upload-pack" ("-" at the start)`, "git: https://example.com/app\nbranch: -upload-pack")
	dependency("branch that is a path", `branch: got "../../config" (has "..")`, "git: https://example.com/app\nbranch: ../../config")
	dependency("branch that is a refspec", `branch: got "main:refs/heads/x" (has ":")`, "git: https://example.com/app\nbranch: main:refs/heads/x")
	dependency("branch that is an expression", `branch: got "main^{/x}" (has "^")`, "git: https://example.com/app\nbranch: main^{/x}")
	dependency("option as a commit", `sha: got "--output=x" (`, "git: https://example.com/app\nsha: --output=x")
	dependency("exclude outside", `exclude: got "../x" (has "..")`, "git: https://example.com/app\nbranch: main\nexclude: [../x]")
	dependency("exclude, absolute", `exclude: got "/etc" (an absolute path)`, "git: https://example.com/app\nbranch: main\nexclude: [/etc]")
	dependency("module that is a path", `module: got "../../x"`, "module: ../../x\nversion: v1.0.0")
	dependency("directory of a module outside", `gomodules: got "../x" (has "..")`, "localpath: x\ngomodules: [../x]")
	dependency("tag that is an option", `gotags: v: got "-toolexec=x"`, "localpath: x\ngotags: {v: [-toolexec=x]}")
	add("many licences", `more than 10000 entries`, goodManifest+"licenses:\n  allow: [", times{200_000, "MIT,"}, "MIT]\n")
	add("licence that is none", `: licenses: allow: got "../x" ("../x" is no id of the SPDX list), want an SPDX licence id`, goodManifest+"licenses: {allow: [../x]}\n")
	add("long licence", `: licenses: allow: got "MIT OR MIT…(more than 10000 bytes)`, goodManifest+"licenses:\n  allow: [", times{50_000, "MIT OR "}, "MIT]\n")
	add("long word in an expression", `: exception "x": license: got "aaa`, goodManifest+"licenses:\n  allow: [MIT]\n  exceptions:\n    x: {why: y, license: ", times{9_990, "a"}, "}\n")
	add("deep expression", `more than 50 brackets are open`, goodManifest+"licenses:\n  allow: [MIT]\n  exceptions:\n    x: {why: y, license: \"", times{4_000, "("}, "MIT", times{4_000, ")"}, "\"}\n")
	add("long exception", `: exception "x": license: got "MIT WITH`, goodManifest+"licenses:\n  allow: [MIT]\n  exceptions:\n    x: {why: y, license: MIT WITH ", times{9_000, "a"}, "}\n")
	add("platform that is a path", `: platforms: got "../x", want a platform such as linux-amd64`, goodManifest+"platforms: [../x]\n")
	add("long platform", `: platforms: got "linux-aaa`, goodManifest+"platforms: [linux-", times{500_000, "a"}, "]\n")
	add("platforms twice", `: platforms: duplicate `, goodManifest+"platforms: [darwin-amd64, osx-amd64]\n")
	add("many unknown platforms", `further errors: `, goodManifest+"platforms: [", times{9_000, "linux-%dx,"}, "linux-amd64]\n")
	add("names that are a path", `: names: got "../{name}" (has "/"), want a file name`, goodManifest+"names: ../{name}\n")
	add("names that are an option", `: names: got "-{name}-{platform}" ("-" at the start)`, goodManifest+"names: -{name}-{platform}\n")
	add("names with a long field", `: names: got "{aaa`, goodManifest+"names: '{", times{500_000, "a"}, "}'\n")
	add("names with many fields", `: names: got "{name}{platform}{name}`, goodManifest+"names: '", times{4_000, "{name}{platform}"}, "'\n")
	add("names with escape codes", `: names: got `, goodManifest+"names: \"{name}\\e[2J{platform}\"\n")
	add("names that are the same", `have the same name: add a field such as {platform}`, goodManifest+"names: '{name}'\n")
	add("URL of a file that is a command", `url: got "ext::sh -c x"`, goodManifest+"files:\n  f: {url: 'ext::sh -c x'}\n")
	add("base image with a secret", `(a user in the reference)`, goodManifest+"images:\n  i: {base: 'me:hunter2@example.com/x:1'}\n")
	return all
}

// times is a text, n times; %d in it is the number of the repetition.
type times struct {
	n    int
	text string
}

// text makes an input file of strings and times values.
func (p *prep) text(name string, parts []any) {
	p.file(name, nil)
	p.stream(name, func(w io.Writer) error { return p.writeText(w, parts) })
}

// join returns such a text.
func (p *prep) join(parts []any) string {
	p.Helper()
	var b strings.Builder
	if err := p.writeText(&b, parts); err != nil {
		p.Fatal(err)
	}
	return b.String()
}

func (p *prep) writeText(w io.Writer, parts []any) error {
	b := bufio.NewWriterSize(w, 1<<20)
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			b.WriteString(p.expand(part))
		case times:
			before, after, numbered := strings.Cut(part.text, "%d")
			for i := range part.n {
				b.WriteString(before)
				if numbered {
					b.WriteString(strconv.Itoa(i))
					b.WriteString(after)
				}
			}
		}
	}
	return b.Flush()
}

const (
	someDigest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	lockHead   = `{"schema": "release-builder/lock/v1", "manifest": "` + someDigest + `", "version": "1.0.0", "product": "x", "platforms": [], "architectures": [],` + "\n"
)

// locks are hostile lock.json files.
func locks() []hazard {
	var all []hazard
	add := func(name, want string, parts ...any) {
		all = append(all, hazard{
			name: "lock: " + name, want: want,
			prepare: func(p *prep) { p.text("lock.json", parts) },
			feed: func(c *cell) error {
				_, err := lock.Read(c.in("lock.json"))
				return err
			},
		})
	}
	dependency := func(name, want, fields string) {
		add(name, want, lockHead+`"dependencies": [{"name": "app", "primary": true, `+fields+`}]}`)
	}
	add("unknown key", `{base}/in/lock.json:2: json: unknown field "run"`, lockHead+`"run": "touch x"}`)
	add("key twice", `in/lock.json:2: duplicate key "Version" in an object`, lockHead+`"Version": "2.0.0"}`)
	add("two documents", `in/lock.json`, "{}{}")
	add("deep", `exceeded max depth`, times{30 << 20, "["})
	add("deep, unknown", `in/lock.json:`, lockHead+`"run": `, times{9_000, `{"a":`}, "1", times{9_001, "}"})
	add("large", `file has more than `, times{100 << 20, " "})
	add("unknown key in much text", `in/lock.json: json: unknown field "run"`, lockHead, `"dependencies": [{}`, times{14_000, `,{"name": "%d` + strings.Repeat("n", 2000) + `"}`}, `], "run": 1}`)
	add("many keys", `in/lock.json:1: document has more than 500000 keys and values`, "{", times{2_000_000, `"k%d": 1,`}, `"z": 1}`)
	add("many dependencies", `in/lock.json:2: document has more than 500000 keys and values`, lockHead+`"dependencies": [`, times{5_000_000, "{},"}, `{}]}`)
	add("no UTF-8", `in/lock.json`, "\xff\xfe{\x00")
	add("other schema", `schema: got "\x1b[2J"`, `{"schema": "\u001b[2J"}`)
	dependency("no digest", `dependency "app": no digest`, `"git": {"url": "x", "commit": "`+strings.Repeat("0", 40)+`"}`)
	dependency("digest that is a path", `dependency "app": parsing digest "sha256:../../x"`, `"git": {"url": "x", "commit": "`+strings.Repeat("0", 40)+`"}, "digest": "sha256:../../x"`)
	dependency("commit that is an option", `dependency "app": commit: got "--output=x", want 40 or 64 lower-case hexadecimal digits`, `"git": {"url": "x", "commit": "--output=x"}, "digest": "`+someDigest+`"`)
	dependency("two sources", `dependency "app": want exactly one of module, git and local`, `"git": {"url": "x", "commit": ""}, "local": {"path": "/"}, "digest": "`+someDigest+`"`)
	return all
}

// depsFiles are hostile deps files of a primary source.
func depsFiles() []hazard {
	var all []hazard
	add := func(name, want string, parts ...any) {
		all = append(all, hazard{
			name: "deps: " + name, want: want,
			prepare: func(p *prep) { p.text("app.deps", parts) },
			feed: func(c *cell) error {
				data, err := os.ReadFile(c.in("app.deps"))
				if err != nil {
					return err
				}
				_, err = depsfile.Parse(data)
				return err
			},
		})
	}
	sha := func(name, want, sha string) { add(name, want, `[{"repoName": "proxy", "lastStableSHA": "`+sha+`"}]`) }
	sha("option", `entry "proxy": lastStableSHA: got "--upload-pack=x"`, "--upload-pack=x")
	sha("expression", `entry "proxy": lastStableSHA: got "HEAD@{1}"`, "HEAD@{1}")
	sha("path", `entry "proxy": lastStableSHA: got "../../config"`, "../../config")
	sha("escape codes", `entry "proxy": lastStableSHA: got "a\x1b[2J"`, `a\u001b[2J`)
	add("deep", `exceeded max depth`, times{1_000_000, "["})
	add("large", `want at most 1048576`, times{2 << 20, " "})
	return all
}
