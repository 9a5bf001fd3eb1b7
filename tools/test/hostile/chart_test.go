//go:build linux

package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/dashboard"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/helmchart"
	"github.com/jasonwzm/release-builder/tools/internal/artifact/yamledit"
)

// bomb is YAML whose aliases stand for 10 x 5^9 values.
func bomb() string {
	b := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'j'; c++ {
		b += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1)
	}
	return b
}

const goodChart = "apiVersion: v2\nname: web\nversion: 0.1.0\nappVersion: 0.1.0\n"

// pack packs the chart in the directory in/chart, and sets image.tag in its values.
func pack(c *cell, edits ...yamledit.Edit) error {
	a := helmchart.PackArgs{
		Name: "web", Version: "1.0.0", AppVersion: "1.0.0", Files: map[string]string{".": c.in("chart")},
		ModTime: time.Unix(0, 0), Out: filepath.Join(c.target(), "web-1.0.0.tgz"),
	}
	if len(edits) > 0 {
		a.Values = map[string][]yamledit.Edit{"values.yaml": edits}
	}
	if err := helmchart.Pack(c.ctx, a); err != nil {
		return err
	}
	c.say("packed")
	return nil
}

// charts are hostile directories of charts, with their values.
func charts() []hazard {
	var all []hazard
	values := func(name, want string, parts ...any) {
		h := hazard{
			name: "values: " + name,
			prepare: func(p *prep) {
				p.file("chart/Chart.yaml", []byte(goodChart))
				p.text("chart/values.yaml", parts)
			},
			feed: func(c *cell) error { return pack(c, yamledit.Edit{Path: "image.tag", Value: "1.0.0"}) },
		}
		if h.want = want; want == "packed" {
			h.want, h.report = "", want
		}
		all = append(all, h)
	}
	const good = "image:\n  tag: latest\n"
	values("large", `"values.yaml" has 6291477 bytes: Helm loads files of at most 5242880`, good, times{6 << 20, "#"})
	values("many lists", `values.yaml:4:199995: more than 100000 entries, want a smaller file`, good, "x:\n", times{2 << 20, "- "})
	values("many keys", `values.yaml:100001:7: more than 100000 entries`, good, times{400_000, "k%d: v\n"})
	values("deep brackets", `values.yaml:3:10004: brackets 10001 deep, want at most 10000`, good, "x: ", times{2 << 20, "["})
	values("deep block", `values.yaml:3: invalid YAML: exceeded max depth of 10000`, good, "x:\n  ", times{50_000, "- "}, "a\n")
	values("less deep block", `packed`, good, "x:\n", times{1000, "- "}, "a\n")
	values("aliases elsewhere", "packed", good, bomb())
	values("alias on the way", `values.yaml:11: image.tag: got the alias *j, want a value of its own`, bomb(), "image: *j\n")
	values("alias to itself", `values.yaml:1: `, "image: &a [*a]\n")
	values("long alias", `values.yaml: invalid YAML: unknown anchor 'aaa`, "image: *", times{1 << 20, "a"}, "\n")
	values("long anchor", `values.yaml:1: image.tag: got the anchor &aaa`, "image: &", times{1 << 20, "a"}, " {tag: b}\n")
	values("long tag", `values.yaml:2: image.tag: got a value with the tag !aaa`, "image:\n  tag: !", times{1 << 20, "a"}, " b\n")
	values("long keys", `values.yaml:1: image.tag: no key "image" at the top: there is "0aaa`, times{20, "%d" + strings.Repeat("a", 1000) + ": b\n"})
	values("long value", `values.yaml:1: image.tag: no key "tag" at image: there is the value "aaa`, "image: ", times{1 << 20, "a"}, "\n")
	values("key twice", `values.yaml:3: image.tag: duplicate key "image", first on line 1`, good, good)
	values("merge key", `values.yaml:4: image.tag: no key "tag" at image: there is "<<"`, "x: &x\n  tag: a\n", "image:\n  <<: *x\n")
	values("tab", `values.yaml:2: invalid YAML: found character that cannot start any token`, "image:\n\ttag: latest\n")
	values("carriage returns", "packed", "image:\r\n  tag: latest # x\r\n")
	values("only carriage returns", "packed", "image:\r  tag: latest\r")
	values("byte order mark", "packed", "\ufeff"+good)
	values("byte order mark in the middle", `values.yaml:1: image.tag: no key "image" at the top: there is "x", "\ufeffimage"`, "x: y\n\ufeffimage:\n  tag: latest\n")
	values("UTF-16", `values.yaml:1: byte 0xff is not UTF-8`, "\xff\xfei\x00m\x00")
	values("no UTF-8", `values.yaml:2: byte 0xff is not UTF-8`, "image:\n  tag: \"\xff\"\n")
	values("escape codes", `values.yaml: invalid YAML: control characters are not allowed`, "image:\n  tag: \x1b[2J\n")
	values("zero byte", `values.yaml: invalid YAML: control characters`, good, "x: a\x00b\n")
	values("second document", `values.yaml:3: a second document starts here, want one`, good, "---\n", good)
	values("directive", `values.yaml:1:1: YAML directive, want none`, "%YAML 3.0\n---\n", good)
	values("panic of the parser", `values.yaml:`, "#\n  - C\nD:\n-\n? - ? - - ? -\n  - ? - : a")
	values("empty", `values.yaml: file is empty`, "")
	values("a list", `values.yaml:1: image.tag: no "image" at the top: there is a list of 1`, "- image\n")

	add := func(name, want string, prepare func(p *prep)) {
		all = append(all, hazard{name: "chart: " + name, want: want, prepare: prepare, feed: func(c *cell) error { return pack(c) }})
	}
	metadata := func(name, want string, parts ...any) {
		add(name, want, func(p *prep) { p.text("chart/Chart.yaml", parts) })
	}
	metadata("name that is a path", `name in Chart.yaml is "../web", want letters, digits, dots and dashes`, strings.Replace(goodChart, "web", "../web", 1))
	metadata("many keys", `Chart.yaml: got more than 10000 keys and values`, goodChart, times{60_000, "k%d: v\n"})
	metadata("very many keys", `more than 100000 entries, want a smaller file`, goodChart, times{60_000, "{}: {}\n"})
	metadata("alias bomb", `Chart.yaml: got more than 10000 keys and values`, goodChart, bomb())
	metadata("alias to itself", `Chart.yaml: `, goodChart, "x: &x [*x]\n")
	metadata("long name", `name in Chart.yaml is "aaa`, "version: 0.1.0\nappVersion: 0.1.0\nname: ", times{1_000_000, "a"})
	metadata("dependency without a name", `dependencies in Chart.yaml: number 1 has no name`, goodChart, "dependencies: [1]\n")
	metadata("many dependencies", `dependencies in Chart.yaml: got 1000, want at most 100`, goodChart, "dependencies:\n", times{1000, "- name: %d" + strings.Repeat("a", 100) + "\n"})
	metadata("long dependency", `is not in charts/`, goodChart, "dependencies:\n- name: ", times{100_000, "a"}, "\n")
	add("rules without end", `.helmignore: got more than 1000 lines`, func(p *prep) {
		p.file("chart/Chart.yaml", []byte(goodChart))
		for i := range 1000 {
			p.file(fmt.Sprintf("chart/files/%d.txt", i), nil)
		}
		p.text("chart/.helmignore", []any{times{1 << 20, "x*y\n"}})
	})
	add("long rule", `.helmignore:1: pattern "[aaa`, func(p *prep) {
		p.file("chart/Chart.yaml", []byte(goodChart))
		p.text("chart/.helmignore", []any{"[", times{1 << 20, "a"}})
	})
	add("slow rule", ``, func(p *prep) {
		p.file("chart/Chart.yaml", []byte(goodChart))
		for i := range 1000 {
			p.file(fmt.Sprintf("chart/%s%d", strings.Repeat("a", 200), i), nil)
		}
		p.text("chart/.helmignore", []any{times{100, strings.Repeat("*a", 100) + "b\n"}})
	})
	all[len(all)-1].report = "packed"
	add("link to a directory", `"loop" is a link to a directory, or no regular file`, func(p *prep) {
		p.file("chart/Chart.yaml", []byte(goodChart))
		p.link("chart/loop", ".")
	})
	add("link to itself", `too many levels of symbolic links`, func(p *prep) {
		p.file("chart/Chart.yaml", []byte(goodChart))
		p.link("chart/loop", "loop")
	})
	add("named pipe", `"pipe" is a link to a directory, or no regular file`, func(p *prep) {
		p.file("chart/Chart.yaml", []byte(goodChart))
		if err := syscall.Mkfifo(p.in("chart/pipe"), 0o644); err != nil {
			p.Fatal(err)
		}
	})
	add("name that is not UTF-8", `"\xff"`, func(p *prep) {
		p.file("chart/Chart.yaml", []byte(goodChart))
		p.file("chart/\xff", nil)
	})
	add("large file", `"values.yaml" has 5242881 bytes: Helm loads files of at most 5242880`, func(p *prep) {
		p.file("chart/Chart.yaml", []byte(goodChart))
		p.text("chart/values.yaml", []any{times{5<<20 + 1, "#"}})
	})
	return all
}

func (p *prep) link(name, target string) {
	p.Helper()
	if err := os.Symlink(target, p.in(name)); err != nil {
		p.Fatal(err)
	}
}

// dashboards are hostile dashboards.
func dashboards() []hazard {
	var all []hazard
	add := func(name, want string, parts ...any) {
		all = append(all, hazard{
			name: "dashboard: " + name, want: want,
			prepare: func(p *prep) { p.text("dashboard.json", parts) },
			feed: func(c *cell) error {
				data, err := os.ReadFile(c.in("dashboard.json"))
				if err == nil {
					_, err = dashboard.Externalize(data, dashboard.Args{Version: "1.0.0"})
				}
				return err
			},
		})
	}
	add("large", `dashboard has 9437184 bytes, want at most 8388608`, times{9 << 20, " "})
	add("many lists", `dashboard has about 4000004 values, want at most 500000`, `{"title": "x", "panels": [`, times{2_000_000, "[],"}, "[]]}")
	add("many objects", `dashboard has about 4000004 values, want at most 500000`, `{"title": "x", "panels": [`, times{2_000_000, "{},"}, "{}]}")
	add("deep", `"x": deeper than 100`, `{"title": "x", "panels": `, times{5_000, "["}, times{5_000, "]"}, "}")
	add("deeper", `dashboard has about 1048576 values`, times{1 << 20, "["})
	add("second document", `parsing dashboard: `, `{"title": "x"} {}`)
	add("no UTF-8", `parsing dashboard: it is not UTF-8`, "{\"title\": \"\xff\"}")
	add("null", `want an object`, "null")
	add("no title", `dashboard has no title`, "{}")
	add("long data source", `aaa`, `{"title": "x", "panels": [{"datasource": "`, times{1 << 20, "a"}, `"}]}`)
	add("escape codes in a data source", `x`, `{"title": "x\u001b[2J", "panels": [{"datasource": "a\u001b[2J"}]}`)
	add("variable that is a number", `variable 1: want an object`, `{"title": "x", "templating": {"list": [1]}}`)
	return all
}
