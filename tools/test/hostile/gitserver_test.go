//go:build linux

package hostile

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/source/gitsource"
)

// serve starts a server that ends with the case, and sets url to its address.
func (p *prep) serve(h http.HandlerFunc) {
	s := httptest.NewServer(h)
	p.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	p.set("url", s.URL)
	p.set("host", strings.TrimPrefix(s.URL, "http://"))
}

// forever writes until the client disconnects.
func forever(w http.ResponseWriter, r *http.Request, piece string) {
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, piece); err != nil {
			return
		}
	}
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func pkt(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }

// fakeGit answers in protocol v2 (https://git-scm.com/docs/protocol-v2) with its handlers. By
// default it is a server whose branch main is at commit.
type fakeGit struct {
	commit            string
	info, refs, fetch http.HandlerFunc // nil for the usual answer
	pack              []byte
}

func (f *fakeGit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	kind := "result"
	answer, usual := f.fetch, pkt("shallow-info\n")+pkt("shallow "+f.commit)+"0001"+pkt("packfile\n")
	switch {
	case r.Method == http.MethodGet:
		kind = "advertisement"
		answer, usual = f.info, pkt("# service=git-upload-pack\n")+"0000"+pkt("version 2\n")+pkt("ls-refs\n")+pkt("fetch=shallow\n")+pkt("object-format=sha1\n")+"0000"
	case bytes.Contains(body, []byte("command=ls-refs")):
		answer, usual = f.refs, pkt(f.commit+" refs/heads/main\n")+"0000"
	}
	w.Header().Set("Content-Type", "application/x-git-upload-pack-"+kind)
	if answer != nil {
		answer(w, r)
		return
	}
	_, _ = io.WriteString(w, usual)
	if usual[4:16] == "shallow-info" {
		band(w, f.pack)
		_, _ = io.WriteString(w, "0000")
	}
}

// band sends a part of a pack.
func band(w io.Writer, data []byte) {
	for len(data) > 0 {
		n := min(len(data), 65_000)
		_, _ = io.WriteString(w, pkt("\x01"+string(data[:n])))
		data = data[n:]
	}
}

// startPack writes the header of a pack.
func startPack(w io.Writer, commit string, objects int) {
	_, _ = io.WriteString(w, pkt("shallow-info\n")+pkt("shallow "+commit)+"0001"+pkt("packfile\n"))
	band(w, packHead(objects))
}

// gitServers are servers that lie, or send without end.
func gitServers() []hazard {
	blob := object(blobObject, []byte("evil"))
	tree := treeOf(treeEntry{Mode: "100644", Name: "x", ID: blob.name})
	head := commitOf(tree.name)
	other := commitOf(blob.name)
	var all []hazard
	add := func(name, want string, prepare func(p *prep, f *fakeGit)) {
		all = append(all, hazard{name: name, want: `reading commit {commit} of "{url}": ` + want, feed: fetchCommit, never: "hunter2", prepare: func(p *prep) {
			f := &fakeGit{commit: head.name, pack: packOf(blob, tree, head)}
			p.serve(f.ServeHTTP)
			p.set("commit", head.name)
			prepare(p, f)
		}})
	}
	add("another commit than asked for", `the commit does not exist`, func(_ *prep, f *fakeGit) { f.pack = packOf(blob, tree, other) })
	add("commit without its tree", `the commit does not exist: git says: fatal: bad tree object`, func(_ *prep, f *fakeGit) { f.pack = packOf(blob, head) })
	add("no objects", `the commit does not exist`, func(_ *prep, f *fakeGit) { f.pack = packOf() })
	add("wrong checksum", `the server does not speak git's protocol`, func(_ *prep, f *fakeGit) { f.pack[len(f.pack)-1]++ })
	add("cut off", `the connection was lost: git says: fatal: early EOF`, func(_ *prep, f *fakeGit) { f.pack = f.pack[:len(f.pack)/2] })
	add("4 billion objects", `the fetch is too large`, func(_ *prep, f *fakeGit) {
		f.pack = append([]byte("PACK\x00\x00\x00\x02\xff\xff\xff\xff"), f.pack[12:]...)
	})
	add("garbage", `the server does not speak git's protocol`, func(_ *prep, f *fakeGit) {
		f.fetch = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "\x00\x01garbage") }
	})
	add("escape codes", `git: fatal: remote error: `, func(_ *prep, f *fakeGit) {
		f.fetch = func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, pkt("ERR \x1b]0;owned\a\x1b[2J\u202egone\n"))
		}
	})
	add("error of a megabyte", `git: xxxx`, func(_ *prep, f *fakeGit) {
		f.fetch = func(w http.ResponseWriter, _ *http.Request) {
			startPack(w, head.name, 1)
			for range 20 {
				_, _ = io.WriteString(w, pkt("\x02"+strings.Repeat("x", 50_000)+"\n"))
			}
			_, _ = io.WriteString(w, pkt("\x03"+strings.Repeat("y", 60_000)+"\n"))
		}
	})
	add("delta bomb", `the fetch is too large`, func(_ *prep, f *fakeGit) {
		base := object(blobObject, make([]byte, 15<<20))
		f.pack = packOf(base, delta(base.name, base.size, 4<<30))
	})
	add("commit of 10 GiB", `the fetch is too large`, func(_ *prep, f *fakeGit) { f.pack = packOf(zeros(commitObject, 10<<30)) })
	add("endless pack", `the fetch is too large: got `, func(_ *prep, f *fakeGit) {
		f.fetch = func(w http.ResponseWriter, r *http.Request) {
			startPack(w, head.name, 1_000_000)
			var b bytes.Buffer
			band(&b, randomBlob().entry())
			forever(w, r, b.String())
		}
	})
	add("endless progress", `the server does not speak git's protocol: it sent more than 4194304 bytes`, func(_ *prep, f *fakeGit) {
		f.fetch = func(w http.ResponseWriter, r *http.Request) {
			startPack(w, head.name, 1)
			forever(w, r, strings.Repeat(pkt("\x02"+strings.Repeat("x", 900)+"\r"), 50))
		}
	})
	add("endless keep-alive", `the server does not answer: nothing arrived for 5s`, func(_ *prep, f *fakeGit) {
		f.fetch = func(w http.ResponseWriter, r *http.Request) {
			startPack(w, head.name, 1)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, pkt("\x01"))
				_ = http.NewResponseController(w).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		}
	})
	add("silence", `the server does not answer: `, func(_ *prep, f *fakeGit) { f.info = hang })
	add("silence before the pack", `the server does not answer: nothing arrived for 5s`, func(_ *prep, f *fakeGit) { f.fetch = hang })
	return append(all, gitRedirects(add, head.name)...)
}

// gitRedirects are servers that redirect, and servers with endless lists.
func gitRedirects(add func(name, want string, prepare func(p *prep, f *fakeGit)), commit string) []hazard {
	redirect := func(name, want string, to func(p *prep) string) {
		add("redirect "+name, want, func(p *prep, f *fakeGit) {
			f.info = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to(p), http.StatusFound) }
		})
	}
	redirect("to a file", `git: fatal: unable to access '{url}/': `, func(p *prep) string { return "file://" + p.outside + "/info/refs" })
	redirect("to a command", `git: fatal: unable to access '{url}/': `, func(*prep) string { return "ext::sh/info/refs" })
	redirect("to itself", `git: fatal: unable to access '{url}/': `, func(p *prep) string { return p.vars["url"] + "/info/refs?service=git-upload-pack" })
	redirect("to an option", `git: fatal: unable to access '{url}/': `, func(*prep) string { return "ssh://-oProxyCommand=x/info/refs" })
	add("401 again and again", `the server denies access`, func(p *prep, f *fakeGit) {
		f.info = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="hunter2"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	add("capabilities without an end", `the fetch is too large`, func(_ *prep, f *fakeGit) {
		f.info = func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, pkt("# service=git-upload-pack\n")+"0000"+pkt("version 2\n"))
			forever(w, r, strings.Repeat(pkt("x"+strings.Repeat("y", 900)+"\n"), 50))
		}
	})
	add("gzip bomb", `the fetch is too large`, func(_ *prep, f *fakeGit) {
		f.info = func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for r.Context().Err() == nil {
				if _, err := z.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}
	})
	list := func(c *cell) error {
		client := gitClient()
		client.Timeout = time.Minute // the idle timeout must not end it
		_, err := client.Tip(c.ctx, gitsource.Want{URL: c.vars["url"], Branch: "main"})
		return err
	}
	brief := func(c *cell) error {
		var cancel func()
		c.ctx, cancel = context.WithTimeout(c.ctx, 2*time.Second)
		defer cancel()
		return fetchCommit(c)
	}
	return []hazard{
		{name: "refs without an end", want: `reading branch "main" of "{url}": the fetch is too large: git says: fatal: Out of memory`, feed: list, prepare: func(p *prep) {
			f := &fakeGit{commit: commit}
			f.refs = func(w http.ResponseWriter, r *http.Request) {
				forever(w, r, pkt(commit+" refs/heads/main"+strings.Repeat("x", 60_000)+"\n"))
			}
			p.serve(f.ServeHTTP)
		}},
		{name: "refs of the first protocol without an end", want: `reading branch "main" of "{url}": the fetch is too large`, feed: list, prepare: func(p *prep) {
			f := &fakeGit{commit: commit}
			f.info = func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, pkt("# service=git-upload-pack\n")+"0000"+pkt(commit+" HEAD\x00 shallow\n"))
				forever(w, r, strings.Repeat(pkt(commit+" refs/heads/"+strings.Repeat("x", 900)+"\n"), 50))
			}
			p.serve(f.ServeHTTP)
		}},
		// Until it is stopped, git unpacks what the server sends: 10 MB.
		{name: "blob of 10 GiB", want: `reading commit {commit} of "{url}": context deadline exceeded`, feed: brief, prepare: func(p *prep) {
			f := &fakeGit{commit: commit, pack: packOf(zeros(blobObject, 10<<30))}
			p.serve(f.ServeHTTP)
			p.set("commit", commit)
		}},
		{name: "tags of tags", report: "1 files", feed: fetchCommit, prepare: func(p *prep) {
			g := p.world.trees()
			g.Tag("t0", g.CommitTree("tagged", g.Tree(g.file("a"))))
			for i := range 100 {
				g.AnnotatedTag(fmt.Sprintf("t%d", i+1), fmt.Sprintf("t%d", i), "tag")
			}
			p.set("tag", "t100")
			p.set("url", p.world.server().URL("trees"))
		}},
		{name: "tag of a blob", want: `refs/tags/blob points to no commit`, feed: fetchCommit, prepare: func(p *prep) {
			g := p.world.trees()
			g.Tag("blob", g.blob)
			p.set("tag", "blob")
			p.set("url", p.world.server().URL("trees"))
		}},
		{name: "tag's name as a commit", want: `names a tag: got commit`, feed: fetchCommit, prepare: func(p *prep) {
			g := p.world.trees()
			p.set("commit", g.AnnotatedTag("annotated", g.CommitTree("annotated", g.Tree(g.file("a"))), "tag"))
			p.set("url", p.world.server().URL("trees"))
		}},
		{name: "command as a URL", want: `want a URL, HOST:PATH, or a path`, feed: fetchCommit, prepare: func(p *prep) {
			p.set("url", "ext::touch "+p.path("x"))
			p.set("commit", commit)
		}},
		{name: "option as a URL", want: `want a URL, HOST:PATH, or a path`, feed: fetchCommit, prepare: func(p *prep) {
			p.set("url", "--upload-pack=touch "+p.path("x"))
			p.set("commit", commit)
		}},
	}
}

// randomBlob returns an incompressible blob.
func randomBlob() packed {
	b := make([]byte, 60_000)
	x := uint64(1)
	for i := range b {
		x = x*6364136223846793005 + 1442695040888963407
		b[i] = byte(x >> 56)
	}
	return object(blobObject, b)
}
